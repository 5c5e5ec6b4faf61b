"""What a certificate says of itself: whose it is, and until when.

Python shows the fields of a certificate only when it has verified it, which is the
client's business. So the few that an operator wants to see are read here from DER.
Nothing is verified; OpenSSL has taken the certificate before.

Source: RFC 5280, 4.1 (the fields), 4.2.1.6 (names), X.690 (the encoding).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from datetime import UTC, datetime

from msgspec import Struct

_ATTRIBUTES = {
    b"\x55\x04\x03": "CN",
    b"\x55\x04\x06": "C",
    b"\x55\x04\x07": "L",
    b"\x55\x04\x08": "ST",
    b"\x55\x04\x0a": "O",
    b"\x55\x04\x0b": "OU",
}
"""By object identifier; other parts of a name are left out."""

_ALTERNATIVE_NAMES = b"\x55\x1d\x11"

_TEXTS = {0x0C: "utf-8", 0x14: "latin-1", 0x1C: "utf-32-be", 0x1E: "utf-16-be"}
"""Encodings by type; the others are ASCII."""

_EXTENSIONS = 0xA3
_GENERALIZED_TIME = 0x18
_DNS_NAME = 0x82
_ADDRESS = 0x87


class Certificate(Struct, frozen=True):
    """Some fields of a certificate."""

    subject: str
    """As ``CN=example.org, O=Example``; often empty, as only ``names`` count."""
    issuer: str
    names: tuple[str, ...]
    """Host names and addresses that it is for."""
    not_before: datetime
    not_after: datetime
    """The last second that it is good for."""


def read_certificate(der: bytes) -> Certificate:
    """The fields of a certificate.

    Raises:
        ValueError: this is none.
    """
    try:
        return _read(der)
    except (IndexError, StopIteration) as exc:
        raise ValueError("this is no X.509 certificate") from exc


def _read(der: bytes) -> Certificate:
    ((_, whole),) = _values(der)
    _, signed = next(_values(whole))
    fields = list(_values(signed))
    if fields[0][0] == 0xA0:  # the version, which the oldest have not
        del fields[0]
    _, _, (_, issuer), (_, validity), (_, subject), *more = fields
    not_before, not_after = (_moment(*each) for each in _values(validity))
    return Certificate(_name(subject), _name(issuer), _names(more), not_before, not_after)


def _values(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Tag and content of each value in ``data``."""
    at = 0
    while at < len(data):
        tag, size, at = data[at], data[at + 1], at + 2
        if size >= 0x80:
            width = size & 0x7F
            size = int.from_bytes(data[at : at + width], "big")
            at += width
        if at + size > len(data):
            raise ValueError("a value is cut off")
        yield tag, data[at : at + size]
        at += size


def _name(data: bytes) -> str:
    parts = []
    for _, relative in _values(data):
        for _, pair in _values(relative):
            (_, attribute), (kind, value) = _values(pair)
            if attribute in _ATTRIBUTES:
                text = value.decode(_TEXTS.get(kind, "ascii"), "replace")
                parts.append(f"{_ATTRIBUTES[attribute]}={text}")
    return ", ".join(parts)


def _moment(kind: int, data: bytes) -> datetime:
    text = data.decode("ascii")
    if kind != _GENERALIZED_TIME:
        # Two digits of the year, for 1950 to 2049.
        text = ("19" if text >= "5" else "20") + text
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)


def _names(fields: list[tuple[int, bytes]]) -> tuple[str, ...]:
    for tag, content in fields:
        if tag != _EXTENSIONS:
            continue
        for _, extension in _values(next(_values(content))[1]):
            (_, identifier), *_, (_, value) = _values(extension)
            if identifier == _ALTERNATIVE_NAMES:
                return tuple(_alternatives(next(_values(value))[1]))
    return ()


def _alternatives(data: bytes) -> Iterator[str]:
    for tag, value in _values(data):
        if tag == _DNS_NAME:
            yield value.decode("ascii", "replace")
        elif tag == _ADDRESS:
            yield str(ipaddress.ip_address(value))
