"""Captioning, one-to-many: a photograph becomes the first state of the shared decoder."""
