"""Corpora, regression sets, vocabularies and batches."""
