"""Keys for clients: how they are made, and what the configuration keeps of them."""

from __future__ import annotations

import hashlib
import secrets
from datetime import UTC, datetime
from typing import Any

PREFIX = "sk-proxy-"
"""Of new keys: some clients take none that does not begin with ``sk-``."""

SHOWN = len(PREFIX) + 4
"""Characters that are kept, for people to know it again: 16 of 256 random bits."""


def new_key() -> str:
    """256 random bits."""
    return PREFIX + secrets.token_hex(32)


def key_hash(key: str) -> str:
    """What the configuration takes in place of a key."""
    return "sha256:" + hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()


def key_entry(name: str, key: str, now: float, **limits: Any) -> dict[str, Any]:
    """The entry of the configuration for a key that was made at ``now`` (Unix seconds).
    ``limits`` that are ``None`` are left out."""
    made = datetime.fromtimestamp(int(now), UTC).isoformat().replace("+00:00", "Z")
    entry = {
        "name": name,
        "key-hash": key_hash(key),
        "key-prefix": key[:SHOWN],
        "created-at": made,
    }
    written = {key.replace("_", "-"): value for key, value in limits.items() if value is not None}
    return {**entry, **written}
