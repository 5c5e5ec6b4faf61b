"""The ``models`` of a request: others that the client would take, in order.

Meant for the gateway alone, in every format that names its model in the body (a
custom of aggregators; no vendor of the four formats has such a field), so it is taken
out before anybody else reads the request.
"""

from __future__ import annotations

import msgspec
from msgspec import Raw
from msgspec.structs import replace

from aigw_core.codec import Inbound
from aigw_core.errors import InvalidRequest
from aigw_core.jsondoc import decode_as, splice

MAX_ALTERNATIVES = 8

_names = msgspec.json.Decoder(list[str] | None).decode


def take_alternatives(inbound: Inbound) -> tuple[Inbound, tuple[str, ...]]:
    """The request without ``models``, and what they were. The first of them is the
    model of a request that names none.

    Raises:
        InvalidRequest: they are no list of up to eight names; the body is no object.
    """
    if inbound.model is not None or "models" not in inbound.fields:
        return inbound, ()
    fields = dict(inbound.fields)
    names = _read(fields.pop("models"))
    changes = {}
    if names and bytes(fields.get("model", Raw(b"null"))) == b"null":
        changes["model"] = msgspec.json.encode(names[0])
    return replace(inbound, body=splice(fields, changes)), tuple(names)


def _read(raw: Raw) -> list[str]:
    try:
        names = decode_as(_names, bytes(raw)) or []
    except InvalidRequest as exc:
        raise InvalidRequest("a list of names is needed", pointer="/models") from exc
    if len(names) > MAX_ALTERNATIVES:
        raise InvalidRequest(f"at most {MAX_ALTERNATIVES} are tried", pointer="/models")
    for at, name in enumerate(names):
        if not name:
            raise InvalidRequest("the name is empty", pointer=f"/models/{at}")
    return names
