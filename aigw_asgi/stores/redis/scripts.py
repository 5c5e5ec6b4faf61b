"""The scripts that a Redis server runs, each as one step that nothing comes between.

They are in ``lua/``, a file each, and do what :mod:`aigw_core.limits`,
:mod:`aigw_core.response_store` and :mod:`aigw_core.marks` do in one process;
``tests/asgi/stores`` holds them to that. A script is named by its digest once the server knows it.
"""

from __future__ import annotations

import hashlib
from importlib.resources import files

from msgspec import Struct

from aigw_asgi.stores.shared_state import GONE_AFTER
from aigw_core.limits import BUSY_WAIT, LEARN, WINDOW, Limit
from aigw_core.marks import MAX_MARKS

ACCOUNT_IDLE = 24 * 3600
"""Seconds that an account is kept when it is drained, for what was learned."""

GROUP_IDLE = 60
"""Seconds without a report of any node of a group after which its counters are forgotten."""

KEPT_GONE = 64
"""Nodes of a group that are gone and kept for their counters; the oldest go first."""

MAX_RESTS = 10_000
"""Rests that are remembered; those that end first go first."""

_CONSTANTS = f"""\
local WINDOW, LEARN, BUSY_WAIT = {WINDOW!r}, {LEARN!r}, {BUSY_WAIT!r}
local REQUESTS, TOKENS, CONCURRENT = '{Limit.REQUESTS}', '{Limit.TOKENS}', '{Limit.CONCURRENT}'
local GONE_AFTER, ACCOUNT_IDLE = {GONE_AFTER!r}, {ACCOUNT_IDLE}
local GROUP_IDLE, KEPT_GONE, MAX_RESTS = {GROUP_IDLE}, {KEPT_GONE}, {MAX_RESTS}
local MAX_MARKS = {MAX_MARKS}
"""


class Script(Struct, frozen=True):
    source: bytes
    digest: bytes
    """SHA-1 in hex, which is how servers name scripts."""


def _read(name: str) -> Script:
    folder = files(__package__) / "lua"
    parts = [_CONSTANTS] + [
        (folder / f"{part}.lua").read_text(encoding="utf-8") for part in ("prelude", name)
    ]
    source = "".join(parts).encode()
    return Script(source, hashlib.sha1(source, usedforsecurity=False).hexdigest().encode())


RESERVE = _read("reserve")
SETTLE = _read("settle")
OPEN = _read("open")
LEAVE = _read("leave")
REPORT = _read("report")
TELL = _read("tell")
RESTS = _read("rests")
MARK = _read("mark")
UNMARK = _read("unmark")
MARKS = _read("marks")
PUT = _read("put")
GET = _read("get")
REMOVE = _read("remove")
