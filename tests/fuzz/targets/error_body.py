"""An error answer from an upstream of any format, for clients of all formats."""

from __future__ import annotations

import re

import msgspec

from aigw_core.codecs import CODECS
from tests.fuzz.splitting import dice
from tests.laws import hold
from tests.laws_documents import raises_only

JSON = True

_STATUSES = (400, 401, 403, 404, 408, 413, 429, 500, 502, 503, 529, 302, 200)
_CONTROLS = re.compile(r"[^\t\n\x20-\x7e\xa0-\u2027\u202f-\U0010ffff]|(?i:https?)://\S")
_MESSAGE = 1 << 10
"""Characters of an upstream's words, with ours around them."""


def check(data: bytes) -> None:
    """It is understood somehow, and told in every format, shortly and without controls."""
    status = dice(data).choice(_STATUSES)
    for codec in CODECS.values():
        failure = raises_only((), lambda codec=codec: codec.decode_error(status, {}, data))  # type: ignore[misc]
        assert failure is not None
        hold(len(failure.message) <= _MESSAGE, f"a message of {len(failure.message)} characters")
        hold(not _CONTROLS.search(failure.message), f"controls in {failure.message!r}")
        for client in CODECS.values():
            shown, body = client.encode_error(failure, "req_1")
            hold(400 <= shown <= 599, f"an error of status {shown}")
            hold(isinstance(msgspec.json.decode(body), dict), "an error that is no object")
