"""Batches: several tasks in one row, sorted by task, without padding."""
