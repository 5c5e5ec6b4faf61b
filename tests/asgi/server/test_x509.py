"""Fields of certificates, against another reader of them."""

from __future__ import annotations

from datetime import UTC, datetime
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from aigw_asgi.server.x509 import read_certificate

KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))  # its signatures are the same each time
ATTRIBUTES = {
    NameOID.COMMON_NAME: "CN",
    NameOID.COUNTRY_NAME: "C",
    NameOID.LOCALITY_NAME: "L",
    NameOID.STATE_OR_PROVINCE_NAME: "ST",
    NameOID.ORGANIZATION_NAME: "O",
    NameOID.ORGANIZATIONAL_UNIT_NAME: "OU",
    NameOID.STREET_ADDRESS: "",  # one that is not shown
}

words = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), min_size=1, max_size=20
)
attributes = st.sampled_from(list(ATTRIBUTES)).flatmap(
    lambda kind: st.builds(
        x509.NameAttribute,
        st.just(kind),
        st.just("DE") if kind == NameOID.COUNTRY_NAME else words,
    )
)
people = st.builds(x509.Name, st.lists(attributes, max_size=5))
hosts = st.from_regex(r"[a-z][a-z0-9]{0,80}\.test", fullmatch=True).map(x509.DNSName)
addresses = st.ip_addresses().map(x509.IPAddress)
others = st.just(x509.RFC822Name("somebody@mail.test"))
moments = st.datetimes(datetime(1951, 1, 1), datetime(2099, 1, 1)).map(
    lambda moment: moment.replace(microsecond=0, tzinfo=UTC)
)


@st.composite
def certificates(draw: st.DrawFn) -> x509.Certificate:
    begin, end = sorted((draw(moments), draw(moments)))
    names = draw(st.lists(st.one_of(hosts, addresses, others), max_size=6))
    builder = (
        x509.CertificateBuilder(draw(people), draw(people), KEY.public_key())
        .serial_number(draw(st.integers(1, 2**150)))
        .not_valid_before(begin)
        .not_valid_after(end)
    )
    if draw(st.booleans()):
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), True)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), draw(st.booleans()))
    return builder.sign(KEY, None)


def as_text(name: x509.Name) -> str:
    return ", ".join(
        f"{ATTRIBUTES[each.oid]}={each.value!s}" for each in name if ATTRIBUTES[each.oid]
    )


def shown(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return ()
    kept = [each for each in found.value if isinstance(each, x509.DNSName | x509.IPAddress)]
    return tuple(str(each.value) for each in kept)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(certificates())
def test_the_fields_are_those_that_were_written(made: x509.Certificate) -> None:
    read = read_certificate(made.public_bytes(Encoding.DER))
    assert read.subject == as_text(made.subject)
    assert read.issuer == as_text(made.issuer)
    assert read.names == shown(made)
    assert (read.not_before, read.not_after) == (
        made.not_valid_before_utc,
        made.not_valid_after_utc,
    )


@settings(max_examples=150, deadline=None, derandomize=True)
@given(certificates(), st.data())
def test_what_is_damaged_is_an_error_or_another_certificate(
    made: x509.Certificate, data: st.DataObject
) -> None:
    der = bytearray(made.public_bytes(Encoding.DER))
    for _ in range(data.draw(st.integers(1, 4))):
        der[data.draw(st.integers(0, len(der) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(der)))
    for damaged in (bytes(der), bytes(der[:cut])):
        try:
            read_certificate(damaged)
        except ValueError:
            continue


@pytest.mark.parametrize(
    "data", [b"", b"\x30", b"\x30\x80", b"-----BEGIN", b"\x30\x00", b"\x30\x02\x30\x00"]
)
def test_what_is_no_certificate_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_certificate(data)


def test_addresses_are_written_as_people_write_them() -> None:
    made = (
        x509.CertificateBuilder(x509.Name([]), x509.Name([]), KEY.public_key(), 1)
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2030, 1, 1, tzinfo=UTC))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("::1"))]), False)
        .sign(KEY, None)
    )
    assert read_certificate(made.public_bytes(Encoding.DER)).names == ("::1",)
