"""Load on a running gateway, and what must not come of it.

``python -m bench.soak`` runs all scenarios, ``python -m bench.soak L3 --requests 20000`` one.
Each is a module with a coroutine that gives its figures, every one beside its goal.
"""
