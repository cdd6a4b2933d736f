"""Sampling: which examples make up the batch of a step."""
