"""Readers, batches, synthetic tasks and downloads."""
