"""The command line, `persidict`."""
