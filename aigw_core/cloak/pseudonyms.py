"""What stands for a word or a user towards a vendor.

All are keyed hashes over the tenant (one client key): nothing has to be remembered, a
conversation gets the same ones turn after turn, two tenants get different ones, and
whoever has no key can neither read nor guess them.
"""

from __future__ import annotations

import base64
import hmac
import re

CODE = r"[A-Z2-7]{8}"
"""Base32 of 40 bits: of a thousand words of one tenant, two share a code with a chance
of one in two millions."""

TOKEN = re.compile(rf"\[\[w:{CODE}\]\]")
TOKEN_LENGTH = 14
"""Characters."""


class Pseudonyms:
    """Those of one tenant. ``key`` is the gateway's, ``tenant`` may be any text."""

    def __init__(self, key: bytes, tenant: str) -> None:
        self._key = key
        self._tenant = tenant

    def token(self, spelling: str) -> str:
        """What stands for a word, as it is spelt: ``[[w:ABCDEFGH]]``."""
        return f"[[w:{base64.b32encode(self._digest('word', spelling)[:5]).decode()}]]"

    def user(self, request_id: str | None) -> str:
        """What stands for the tenant: always the same, or one for each request."""
        of = "" if request_id is None else f"request {request_id}"
        return f"user_{self._digest('user', of)[:16].hex()}"

    def _digest(self, kind: str, text: str) -> bytes:
        parts = (kind, self._tenant, text)
        encoded = [part.encode("utf-8", "surrogatepass") for part in parts]
        sized = b"".join(len(part).to_bytes(4, "big") + part for part in encoded)
        return hmac.digest(self._key, b"aigw cloak" + sized, "sha256")
