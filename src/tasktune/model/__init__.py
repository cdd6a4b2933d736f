"""The model: a frozen base, each task's adapters, and heads."""
