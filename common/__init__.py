"""Recurrent decoding, tokenizers, training and the command line: what the applications share."""
