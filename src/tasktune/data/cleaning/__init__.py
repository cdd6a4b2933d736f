"""Cleaning: what happens to rows between the file and the template, step by step."""

from tasktune.data.cleaning.base import Cleaner, Removed, cleaners
from tasktune.data.cleaning.pipeline import Pipeline

__all__ = ["Cleaner", "Pipeline", "Removed", "cleaners"]
