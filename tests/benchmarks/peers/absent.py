"""Stands in for what OpenNMT-py imports on behalf of transforms that are not used here; import it first."""

import sys
from types import ModuleType

sys.modules |= {name: ModuleType(name) for name in ("ahocorasick", "fasttext", "rapidfuzz", "spacy")}
vars(sys.modules["rapidfuzz"]).update(fuzz=None, process=None)
