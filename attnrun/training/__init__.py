"""The training loop and what it needs: optimisers, losses, checkpoints, metrics."""
