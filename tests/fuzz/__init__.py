"""Targets for a coverage-guided fuzzer, and what they found.

Each module of ``targets`` has a ``check(data: bytes)`` that raises when ``data`` breaks a
law; ``corpus/NAME`` has the inputs it starts from, made up by hand, and those that once
broke it. ``test_corpus.py`` runs all of them as ordinary tests, and mutations of each.
``make fuzz TIME=seconds TARGET=name`` goes looking for more (see ``__main__.py``).
"""
