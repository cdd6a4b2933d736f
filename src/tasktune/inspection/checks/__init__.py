"""The checks, one a file: each looks at one thing and says what is wrong with it."""
