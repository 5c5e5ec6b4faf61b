"""Envelopes: a vendor's seal on its way through a client of another format.

A client sends reasoning seals back unread, so they can travel in whatever place
its format has for such a thing. An envelope says whose seal it holds and which
part of which answer it belongs to, and bears a keyed check: a client can neither
make one, nor change one, nor use another tenant's. Nothing is remembered between
requests; gateways that share a key open each other's envelopes.

An envelope is valid base64 with padding, since one official SDK decodes what it
finds in that place; it writes the URL-safe alphabet back, which is read as well.
Decoded::

    "AGW1", a byte of version, key id (4), check (16), content (msgpack)

The check is the head of an HMAC-SHA-256 over version, key id, tenant and content.
The content is signed, not encrypted: a client may read what was made for it.

Where envelopes are put into answers is in :mod:`.sealing`, how they are taken out
of requests in :mod:`.unsealing`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from typing import Protocol

import msgspec
from msgspec import Struct

from aigw_core.chat import Format, Seal
from aigw_core.errors import ProtocolMisuse
from aigw_core.events import PartKind
from aigw_core.naming import call_ids
from aigw_core.rare import holds, holds_escapes

OWN = "aigw"
"""The issuer of a seal whose data is an envelope."""

_MAGIC = b"AGW1"
_VERSION = b"\x01"
_PREFIX = "QUdXM"
"""How the base64 of the magic begins, whatever the version."""

_PREFIX_BYTES = _PREFIX.encode()

_RARE_AT = _PREFIX.index("X")

_KEY_ID = 4
_CHECK = 16
_HEAD = len(_MAGIC) + len(_VERSION) + _KEY_ID + _CHECK
_URL_SAFE = str.maketrans("-_", "+/")

# The prefix with any of its letters written as an escape; no known client does. The
# first expression is the fast one: hardly anything escapes these letters.
_ESCAPE = re.compile(rb"\\u00(?:51|55|64|58|4[dD])")
_ESCAPED = re.compile(rb"(?:Q|\\u0051)(?:U|\\u0055)(?:d|\\u0064)(?:X|\\u0058)(?:M|\\u004[dD])")

_legal_id = call_ids(re.compile(r"[A-Za-z0-9_-]+"))


def is_envelope(text: str) -> bool:
    """Whether ``text`` says that it is one; it need not be genuine."""
    return text.startswith(_PREFIX)


def may_hold_envelope(body: bytes) -> bool:
    """Whether a JSON document may have one somewhere in it. Looks at the bytes only:
    text that talks of one counts too."""
    if holds(body, _PREFIX_BYTES, _RARE_AT):
        return True
    if not holds_escapes(body, b"\\u00"):
        return False
    return _ESCAPE.search(body) is not None and _ESCAPED.search(body) is not None


# --- what a seal belongs to ------------------------------------------------------


class Provenance(Struct, frozen=True):
    """Where a seal was made, and the only place where it is of use."""

    format: Format
    """The wire format of the upstream."""
    model: str
    """As the upstream was asked for it."""
    group: str
    """Credentials that accept each other's seals."""


class Bind(Struct, frozen=True):
    """The part that a seal belongs to, as its client sees it."""

    part: PartKind
    digest: bytes
    start: int = 0
    """Of texts and reasoning: how many characters of the same kind the choice had
    before. Some clients join parts, and cut streams into many."""
    length: int = 0
    """Likewise: its own characters."""


class Hasher(Protocol):
    def update(self, data: bytes, /) -> None: ...

    def digest(self) -> bytes: ...


_DIGEST = 16


def text_hasher() -> Hasher:
    """Feed it the text of a part, encoded by :func:`text_bytes`."""
    return hashlib.sha256()


def text_bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def text_digest(text: str) -> bytes:
    """What :class:`Bind` has of a text or reasoning part."""
    return hashlib.sha256(text_bytes(text)).digest()[:_DIGEST]


def bind_text(part: PartKind, hasher: Hasher, start: int, length: int) -> Bind:
    return Bind(part, hasher.digest()[:_DIGEST], start, length)


def bind_call(id: str, name: str) -> Bind:
    """Identifiers that some client format cannot write count as what it writes."""
    digest = hashlib.sha256(text_bytes(f"{_legal_id(id)}\0{name}")).digest()
    return Bind(PartKind.TOOL_CALL, digest[:_DIGEST])


# --- keys ------------------------------------------------------------------------


class SealKeys:
    """The keys of a gateway: one to make envelopes with, others to open them."""

    def __init__(self, current: bytes, *previous: bytes) -> None:
        self.current = current
        self.current_id = _key_id(current)
        self.by_id = {_key_id(key): key for key in (*previous, current)}

    def __repr__(self) -> str:
        return f"<SealKeys of {len(self.by_id)}>"


def key_of(secret: str) -> bytes:
    """The key for a secret that people wrote, of whatever length."""
    return hashlib.sha256(b"aigw seal key\0" + text_bytes(secret)).digest()


def _key_id(key: bytes) -> bytes:
    return hashlib.sha256(b"aigw seal key id\0" + key).digest()[:_KEY_ID]


# --- envelopes -------------------------------------------------------------------


class _Content(Struct, frozen=True, array_like=True):
    format: Format
    model: bytes
    group: bytes
    issuer: str
    kind: str
    data: bytes
    packed: bool
    """The data is decoded base64, which most seals are."""
    id: str | None
    part: PartKind
    digest: bytes
    start: int
    length: int


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Content).decode


class Opened(Struct, frozen=True):
    """What a genuine envelope holds."""

    seal: Seal | None
    """As the vendor made it; ``None`` for reasoning that came without one."""
    bind: Bind
    format: Format
    model: bytes
    group: bytes
    key: bytes

    def fits(self, target: Provenance, also_read: tuple[str, ...] = ()) -> bool:
        """Whether ``target`` takes the seal. ``also_read`` names models whose seals
        it takes beside its own."""
        return (
            self.format is target.format
            and self.group == _label(self.key, "group", target.group)
            and any(
                self.model == _label(self.key, "model", model)
                for model in (target.model, *also_read)
            )
        )


class Sealer:
    """Makes and opens the envelopes of one tenant."""

    def __init__(self, keys: SealKeys, tenant: str) -> None:
        self._keys = keys
        self._tenant = text_bytes(tenant)

    def wrap(self, seal: Seal | None, made: Provenance, bind: Bind) -> Seal:
        """An envelope for ``seal``, as a seal of :data:`OWN`. The same in, the same out.

        Without a seal it only tells where the part is from: a vendor that wants a proof
        with all reasoning would else refuse it one day as its own.
        """
        if seal is not None and not seal.data:
            raise ProtocolMisuse("an empty seal")
        key = self._keys.current
        data, packed = (b"", False) if seal is None else _pack(seal.data)
        content = _encode(
            _Content(
                made.format,
                _label(key, "model", made.model),
                _label(key, "group", made.group),
                "" if seal is None else seal.issuer,
                "" if seal is None else seal.kind,
                data,
                packed,
                None if seal is None else seal.id,
                bind.part,
                bind.digest,
                bind.start,
                bind.length,
            )
        )
        head = _MAGIC + _VERSION + self._keys.current_id
        envelope = head + self._check(key, head, content) + content
        return Seal(OWN, "encrypted", base64.b64encode(envelope).decode())

    def open(self, text: str) -> Opened | None:
        """What an envelope holds; ``None`` when it is not one of this gateway's for
        this tenant. Takes any text."""
        envelope = _read_base64(text)
        if envelope is None or not envelope.startswith(_MAGIC + _VERSION):
            return None
        head = envelope[: _HEAD - _CHECK]
        check, content = envelope[_HEAD - _CHECK : _HEAD], envelope[_HEAD:]
        key = self._keys.by_id.get(head[-_KEY_ID:])
        if key is None or not hmac.compare_digest(check, self._check(key, head, content)):
            return None
        try:
            held = _decode(content)
        except msgspec.DecodeError:
            return None  # of a later version of the gateway
        data = _unpack(held.data, packed=held.packed)
        return Opened(
            Seal(held.issuer, held.kind, data, held.id) if data else None,
            Bind(held.part, held.digest, held.start, held.length),
            held.format,
            held.model,
            held.group,
            key,
        )

    def _check(self, key: bytes, head: bytes, content: bytes) -> bytes:
        tenant = len(self._tenant).to_bytes(4, "big") + self._tenant
        return hmac.digest(key, head + tenant + content, "sha256")[:_CHECK]


def _label(key: bytes, field: str, value: str) -> bytes:
    # Keyed, so that a client cannot test guesses of an upstream's name.
    return hmac.digest(key, text_bytes(f"{field}\0{value}"), "sha256")[:8]


def _pack(data: str) -> tuple[bytes, bool]:
    """Three bytes for four where ``data`` is base64 that can be written again."""
    try:
        raw = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        return text_bytes(data), False
    same = base64.b64encode(raw).decode() == data
    return (raw, True) if same else (text_bytes(data), False)


def _unpack(data: bytes, *, packed: bool) -> str:
    if packed:
        return base64.b64encode(data).decode()
    return data.decode("utf-8", "surrogatepass")


def _read_base64(text: str) -> bytes | None:
    """``text`` of either alphabet, with or without padding."""
    if not is_envelope(text):
        return None
    plain = text.rstrip("=").translate(_URL_SAFE)
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None
