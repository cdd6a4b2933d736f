"""The objective: from a model's outputs to one gradient."""
