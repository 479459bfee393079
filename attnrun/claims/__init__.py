"""Statements about attention that one can run: what to measure, and whether the figures bear a statement out.

A claim is a YAML file in `configs/claim` that states it and names the function that measures it for one seed.
"""
