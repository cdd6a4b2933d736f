"""Which task helps which."""
