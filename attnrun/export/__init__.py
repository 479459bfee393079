"""Trained models for other engines, written by the libraries of the extra `export`."""
