"""Translation, many-to-many: an encoder reads a sentence, the shared decoder writes another."""
