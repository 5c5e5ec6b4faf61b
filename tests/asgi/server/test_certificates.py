"""HTTPS on the listener, with files that change."""

from __future__ import annotations

import errno
import logging
import socket
import ssl
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from msgspec.structs import replace

from aigw_asgi.server import BadCertificate, Certificates, HttpChoice, Limits, LoopChoice
from aigw_core.config.settings import TlsFiles
from tests.asgi.server.harness import PATIENCE, SHORT, App, Client, Served, get, post
from tests.asgi.server.pem import Pem

Stack = tuple[LoopChoice, HttpChoice]


@pytest.fixture
def pem(tmp_path: Path) -> Pem:
    return Pem(tmp_path)


@contextmanager
def serving(stack: Stack, pem: Pem, limits: Limits = Limits()) -> Iterator[Secured]:
    certificates = Certificates(pem.files)
    with Served(*stack, app=App(), limits=limits, certificates=certificates) as served:
        yield Secured(served, pem, certificates)


class Secured:
    def __init__(self, served: Served, pem: Pem, certificates: Certificates) -> None:
        self.served = served
        self.pem = pem
        self.certificates = certificates

    def refresh(self) -> None:
        self.served.run(self.certificates.refresh(self.pem.settings))

    def shown(self) -> str:
        """The name by which a certificate is known, of a connection that begins now."""
        with self.served.connect(self.pem.trusting) as client:
            return shown_to(client)


def shown_to(client: Client) -> str:
    assert isinstance(client.sock, ssl.SSLSocket)
    names: object = (client.sock.getpeercert() or {})["subjectAltName"]
    assert isinstance(names, tuple)
    return str(names[-1][1])


def asks(client: Client) -> bytes:
    client.send(post("/echo", 3) + b"abc")
    status, body = client.read_answer()
    assert status == 200
    return body


# --- what is served ------------------------------------------------------------


def test_requests_and_streams_over_tls(stack: Stack, pem: Pem) -> None:
    with serving(stack, pem) as secured, secured.served.connect(pem.trusting) as client:
        assert asks(client).startswith(b"/echo 3")
        client.send(get("/stream"))
        client.read_until(b"chunk")
        client.read_until(b"chunk")


def test_the_whole_of_a_large_answer_arrives_before_the_close(stack: Stack, pem: Pem) -> None:
    with serving(stack, pem) as secured, secured.served.connect(pem.trusting) as client:
        client.send(b"GET /large HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        client.read_until(b"\r\n\r\n")
        assert len(client.read_all()) == 32 << 20


def test_older_versions_than_1_2_are_refused(stack: Stack, pem: Pem) -> None:
    with serving(stack, pem) as secured:
        for version, expected in (
            (ssl.TLSVersion.TLSv1_1, True),
            (ssl.TLSVersion.TLSv1_2, False),
            (ssl.TLSVersion.TLSv1_3, False),
        ):
            context = pem.trusting
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # that it is old is meant
                context.minimum_version = context.maximum_version = version
            context.set_ciphers("DEFAULT:@SECLEVEL=0")  # the client itself would not do it
            refused = False
            try:
                with secured.served.connect(context) as client:
                    asks(client)
            except ssl.SSLError:
                refused = True
            assert refused is expected


def test_a_client_that_does_not_shake_hands_is_left(stack: Stack, pem: Pem) -> None:
    limits = replace(SHORT, handshake_timeout=0.2)
    with serving(stack, pem, limits) as secured, secured.served.connect() as client:
        assert client.read_all() == b""


def test_a_kept_connection_does_not_hold_up_the_end(stack: Stack, pem: Pem) -> None:
    """Most clients keep one for later, and read nothing from it meanwhile."""
    limits = replace(Limits(), close_timeout=0.1)
    with serving(stack, pem, limits) as secured, secured.served.connect(pem.trusting) as client:
        asks(client)
        began = time.monotonic()
        secured.served.stop()
        assert time.monotonic() - began < 4  # of the 5 that requests would get
        assert secured.served.app.events.get(timeout=PATIENCE) == "asked"
        secured.served.app.expect("drain")
        secured.served.app.expect("shutdown")


# --- files that change ---------------------------------------------------------


def test_new_connections_get_the_new_one_and_old_ones_go_on(stack: Stack, pem: Pem) -> None:
    with serving(stack, pem) as secured, secured.served.connect(pem.trusting) as old:
        assert shown_to(old) == "first.test"
        with secured.served.connect(pem.trusting) as stream:
            stream.send(get("/stream"))
            stream.read_until(b"chunk")
            pem.issue("second.test")
            assert secured.shown() == "first.test"  # nobody has looked yet
            secured.refresh()
            assert secured.shown() == "second.test"
            stream.read_until(b"chunk")
            secured.served.app.release.set()
            stream.read_until(b"end")
        assert asks(old).startswith(b"/echo 3")
        assert secured.certificates.certificate.names == ("localhost", "second.test")


def test_a_resumed_session_sees_the_new_one_as_well(stack: Stack, pem: Pem) -> None:
    context = pem.trusting
    context.maximum_version = ssl.TLSVersion.TLSv1_2  # a session is at hand at once
    with serving(stack, pem) as secured:
        sessions: list[ssl.SSLSession | None] = [None]
        reused = []
        for _ in range(3):
            with socket.create_connection(("127.0.0.1", secured.served.port), PATIENCE) as sock:
                tls = context.wrap_socket(sock, server_hostname="localhost", session=sessions[-1])
                with tls:
                    asks(Client(tls))
                    sessions.append(tls.session)
                    reused.append(tls.session_reused)
            if len(reused) == 2:
                pem.issue("second.test")
                secured.refresh()
        assert reused == [False, True, False]


def _wrong_key(pem: Pem) -> str:
    key = pem.authority.issue_cert("other.test").private_key_pem.bytes()
    Path(pem.files.key).write_bytes(key)
    return f"{pem.files.key} does not fit the certificate in {pem.files.cert}"


def _half_a_certificate(pem: Pem) -> str:
    pem.issue("second.test")
    file = Path(pem.files.cert)
    file.write_bytes(file.read_bytes()[:300])
    return f"{pem.files.cert} holds no certificate in PEM"


def _half_a_key(pem: Pem) -> str:
    pem.issue("second.test")
    file = Path(pem.files.key)
    file.write_bytes(file.read_bytes()[:100])
    return f"{pem.files.key} holds no private key in PEM"


def _nothing(pem: Pem) -> str:
    Path(pem.files.key).write_bytes(b"")
    return f"{pem.files.key} holds no private key in PEM"


def _gone(pem: Pem) -> str:
    Path(pem.files.cert).unlink()
    return f"{pem.files.cert} cannot be read: No such file or directory"


def _encrypted(pem: Pem) -> str:
    file = Path(pem.files.key)
    key = load_pem_private_key(file.read_bytes(), None)
    file.write_bytes(
        key.private_bytes(
            Encoding.PEM, PrivateFormat.TraditionalOpenSSL, BestAvailableEncryption(b"secret")
        )
    )
    return f"{pem.files.key} is encrypted; the key must stand there as it is"


def _no_authority(pem: Pem) -> str:
    file = Path(pem.files.cert).with_name("ca.pem")
    file.write_text("nothing\n")
    pem.files = replace(pem.files, client_ca=str(file), client_auth="required")
    return f"{file} holds no certificates in PEM"


BAD = [_wrong_key, _half_a_certificate, _half_a_key, _nothing, _gone, _encrypted, _no_authority]


@pytest.mark.parametrize("spoil", BAD)
def test_bad_files_leave_the_old_one_and_are_said_once(
    pem: Pem, spoil: Callable[[Pem], str], caplog: pytest.LogCaptureFixture
) -> None:
    stack = (LoopChoice.UVLOOP, HttpChoice.HTTPTOOLS)
    before = pem.files
    with serving(stack, pem) as secured, caplog.at_level(logging.INFO, "aigw"):
        problem = spoil(pem)
        for _ in range(3):
            secured.refresh()
            assert secured.shown() == "first.test"
        assert secured.certificates.problem == problem
        said = [record.getMessage() for record in caplog.records if record.name == "aigw"]
        assert said == [f"the certificate is not taken, the one before stays: {problem}"]
        pem.files = before
        pem.issue("third.test")
        secured.refresh()
        assert secured.shown() == "third.test"
        assert secured.certificates.problem is None


@pytest.mark.parametrize("spoil", BAD)
def test_bad_files_at_the_start_are_an_error(pem: Pem, spoil: Callable[[Pem], str]) -> None:
    problem = spoil(pem)
    with pytest.raises(BadCertificate) as caught:
        Certificates(pem.files)
    assert str(caught.value) == problem


def test_the_same_content_is_no_change(pem: Pem, caplog: pytest.LogCaptureFixture) -> None:
    with serving((LoopChoice.ASYNCIO, HttpChoice.H11), pem) as secured:
        context = secured.certificates.context
        with caplog.at_level(logging.INFO, "aigw"):
            secured.refresh()
        assert secured.certificates.context is context
        assert not [record for record in caplog.records if record.name == "aigw"]


def test_a_listener_that_cannot_be_had_leaves_the_old_one(
    pem: Pem, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with serving((LoopChoice.ASYNCIO, HttpChoice.H11), pem) as secured:
        with monkeypatch.context() as patch:
            full = OSError(errno.EMFILE, "Too many open files")
            patch.setattr(socket.socket, "dup", lambda sock: (_ for _ in ()).throw(full))
            pem.issue("second.test")
            secured.refresh()
        assert secured.certificates.problem == (
            "nothing more can be listened on: Too many open files"
        )
        assert secured.shown() == "first.test"
        secured.refresh()  # asked for once more, with the same files
        assert secured.shown() == "second.test"
        assert secured.certificates.problem is None


def test_no_handshake_fails_while_certificates_change(stack: Stack, pem: Pem) -> None:
    """Three clients connect as fast as they can, while each 20 ms another is in force."""
    trusting = pem.trusting
    ended = threading.Event()
    seen: list[set[str]] = []
    failed: list[Exception] = []

    def client() -> None:
        names: set[str] = set()
        seen.append(names)
        try:
            while not ended.is_set():
                with secured.served.connect(trusting) as connection:
                    names.add(shown_to(connection))
                    asks(connection)
        except Exception as exc:  # noqa: BLE001 (any is a failure, told in the test)
            failed.append(exc)

    with serving(stack, pem) as secured:
        threads = [threading.Thread(target=client) for _ in range(3)]
        for thread in threads:
            thread.start()
        for number in range(30):
            pem.issue(f"number-{number}.test")
            secured.refresh()
        ended.set()
        for thread in threads:
            thread.join(PATIENCE)
    assert failed == []
    assert len(set.union(*seen)) > 10


# --- certificates of clients ---------------------------------------------------


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize(
    ("client_auth", "accepted"),
    [("none", "none wrong right"), ("optional", "none right"), ("required", "right")],
)
def test_certificates_of_clients(
    stack: Stack, pem: Pem, client_auth: str, accepted: str, version: ssl.TLSVersion
) -> None:
    ours, others = trustme.CA(), trustme.CA()
    authority = Path(pem.files.cert).with_name("clients.pem")
    authority.write_bytes(ours.cert_pem.bytes())
    pem.files = replace(pem.files, client_ca=str(authority), client_auth=client_auth)
    let_in = []
    with serving(stack, pem) as secured:
        for which, issuer in (("none", None), ("wrong", others), ("right", ours)):
            context = pem.trusting
            context.minimum_version = context.maximum_version = version
            if issuer is not None:
                issuer.issue_cert("client.test").configure_cert(context)
            try:
                with secured.served.connect(context) as client:
                    client.sock.sendall(post("/echo", 3) + b"abc")
                    # In 1.3 a client believes to be in until it reads.
                    if client.sock.recv(1):
                        let_in.append(which)
            except OSError:
                pass
    assert " ".join(let_in) == accepted


def test_who_was_let_in_by_an_authority_that_went_is_not_by_a_session(pem: Pem) -> None:
    ours, later = trustme.CA(), trustme.CA()
    authority = Path(pem.files.cert).with_name("clients.pem")
    authority.write_bytes(ours.cert_pem.bytes())
    pem.files = replace(pem.files, client_ca=str(authority), client_auth="required")
    context = pem.trusting
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    ours.issue_cert("client.test").configure_cert(context)
    with serving((LoopChoice.UVLOOP, HttpChoice.HTTPTOOLS), pem) as secured:
        with secured.served.connect(context) as client:
            asks(client)
            assert isinstance(client.sock, ssl.SSLSocket)
            session = client.sock.session
        authority.write_bytes(later.cert_pem.bytes())
        secured.refresh()
        with (
            socket.create_connection(("127.0.0.1", secured.served.port), PATIENCE) as sock,
            pytest.raises(OSError, match=r"(?i)unknown.ca|reset|closed|EOF"),
        ):
            context.wrap_socket(sock, server_hostname="localhost", session=session)


# --- what is told --------------------------------------------------------------


@pytest.mark.parametrize(
    ("days", "words"),
    [(16, None), (13, "expires in 12 days"), (1, "expires in 0 days"), (-1, "has expired")],
)
def test_the_end_is_told_two_weeks_ahead_and_each_day(
    tmp_path: Path, days: int, words: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    now = datetime.now(UTC)
    issued = trustme.CA().issue_cert(
        "soon.test", not_before=now - timedelta(days=30), not_after=now + timedelta(days=days)
    )
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    cert.write_bytes(b"".join(each.bytes() for each in issued.cert_chain_pems))
    issued.private_key_pem.write_to_path(key)
    certificates = Certificates(TlsFiles(str(cert), str(key)))
    for hours in (0, 1, 23, 25):
        certificates.tell_of_expiry(now + timedelta(hours=hours))
    said = [record.getMessage() for record in caplog.records]
    if words is None:
        assert said == []
        return
    assert len(said) == 2
    assert words in said[0]
    assert str(cert) in said[0]
