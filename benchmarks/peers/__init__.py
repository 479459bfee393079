"""How each peer's model is built and called, as its own code builds and calls it."""
