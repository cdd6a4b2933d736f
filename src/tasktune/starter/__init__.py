"""The starter: a commented run file, guessed from a folder of data files."""

from tasktune.starter.write import write_starter

__all__ = ["write_starter"]
