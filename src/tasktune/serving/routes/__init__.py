"""The server's addresses, a file for each group."""
