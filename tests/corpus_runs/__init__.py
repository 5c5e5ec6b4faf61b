"""All recorded traffic through every codec: ``python -m tests.corpus_runs``."""
