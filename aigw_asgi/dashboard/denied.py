"""Why somebody is not let in to the dashboard."""

from __future__ import annotations


class Denied(Exception):
    """Nobody is let in by this. The message is for the operator, and tells those who are
    none nothing."""

    def __init__(
        self,
        status: int,
        error: str,
        message: str,
        *,
        retry_after: float | None = None,
        password_set: bool | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.error = error
        """A word for programs."""
        self.message = message
        self.retry_after = retry_after
        """Seconds."""
        self.password_set = password_set
        """Where a sign-in would help: whether a password would do for one; ``None``: it
        is not that."""
