"""Sharing a trained run: exports that others load unchanged, their cards, and the hub."""

from tasktune.sharing.export import export

__all__ = ["export"]
