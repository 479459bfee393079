"""Runs: a self-contained directory with its lock, device, seeds, metrics, TensorBoard events and result."""
