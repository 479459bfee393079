"""Run attention mechanisms on real tasks, from kernel regression to neural translation."""

__version__ = "0.1.0"
