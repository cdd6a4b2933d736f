"""Sharing a trained run: exports that others load unchanged, their cards, and the hub."""

from tasktune.sharing.export import export, export_folder
from tasktune.sharing.push import push

__all__ = ["export", "export_folder", "push"]
