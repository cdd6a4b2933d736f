"""One chart a file: data in, markup out."""
