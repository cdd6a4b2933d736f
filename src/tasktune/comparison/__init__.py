"""Comparisons of runs: one model against many, and against itself with other settings."""
