"""How many retries an upstream may be sent: few, unless it answers.

Without a bound every request to a service that is down would be sent several times,
just when it can bear that least. A retry takes a token from the bucket of its base
URL, and only answers put some back.
"""

from __future__ import annotations

CAPACITY = 10.0
"""Retries that may be made without an answer between."""

REFILL = 0.2
"""Tokens for each answer: at most one request in five is a retry in the long run."""


class RetryBudget:
    """The buckets, by base URL; there are as many as the configuration names."""

    def __init__(self) -> None:
        self._tokens: dict[str, float] = {}

    def __repr__(self) -> str:
        return f"<RetryBudget {self._tokens}>"

    def allows(self, base_url: str) -> bool:
        """Whether a retry there may be made now."""
        return self._tokens.get(base_url, CAPACITY) >= 1.0

    def take(self, base_url: str) -> None:
        """A retry is made there."""
        self._tokens[base_url] = self._tokens.get(base_url, CAPACITY) - 1.0

    def answered(self, base_url: str) -> None:
        """A request was answered there."""
        left = self._tokens.get(base_url)
        if left is not None:
            self._tokens[base_url] = min(left + REFILL, CAPACITY)
