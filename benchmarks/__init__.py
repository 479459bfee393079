"""attnrun beside the tools that somebody would take in its place, all timed in one run: `make bench`."""
