"""How fast the suite is on this machine: python -m tests.benchmarks --help."""
