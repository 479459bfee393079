"""What finished runs are turned into: plots, heat maps, tables."""
