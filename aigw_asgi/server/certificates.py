"""The TLS of the listener, made anew when its files change.

A context is never changed once it is in use: a certificate and a key that do not fit
would leave it without either, and its session tickets would let in clients that the
new one would not. The files are loaded into a new context instead, which is tried with
a handshake of its own; then the listener takes it for the connections that come
(:meth:`~aigw_asgi.server.serving.Server.listen_anew`). Those that are open keep theirs.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import ssl
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import anyio.to_thread

from aigw_asgi.server.x509 import Certificate, read_certificate

if TYPE_CHECKING:  # imports the schema
    from aigw_core.config.settings import ServerSettings, TlsFiles

EXPIRES_SOON = timedelta(days=14)
"""From then on it is said each day. Those who renew by themselves do it 30 days before
the end, or in the last third of a shorter life."""

_MAX_SIZE = 4 << 20
"""Bytes; all authorities of the web together have 0.25 MiB."""

_DAY = timedelta(days=1)
_VERIFY = {
    "none": ssl.CERT_NONE,
    "optional": ssl.CERT_OPTIONAL,
    "required": ssl.CERT_REQUIRED,
}
_LOG = logging.getLogger("aigw")


class BadCertificate(Exception):
    """The files of TLS cannot be used; it names the one that is at fault."""


class Certificates:
    """What the listener shows to clients, as the files are now.

    Making one reads the files, which blocks.

    Raises:
        BadCertificate: they cannot be used.
    """

    def __init__(self, files: TlsFiles) -> None:
        self.files = files
        self._in_force = files, _digest(files)
        self.context, self.certificate = _load(files)
        self.problem: str | None = None
        """Why the files, as they are now, are not in force."""
        self._changed: Callable[[], Awaitable[None]] | None = None
        self._tell_at = self.certificate.not_after - EXPIRES_SOON

    def __repr__(self) -> str:
        return f"<Certificates {self.files.cert} until {self.certificate.not_after}>"

    @property
    def watched(self) -> tuple[str, ...]:
        """The files whose change is a reason for :meth:`refresh`."""
        return _names(self.files)

    def on_change(self, changed: Callable[[], Awaitable[None]]) -> None:
        """Have ``changed`` awaited when there is another ``context``; an ``OSError`` of it
        brings the one before back."""
        self._changed = changed

    async def refresh(self, settings: ServerSettings) -> None:
        """Read the files of ``settings`` again. What cannot be used leaves all as it is."""
        files = settings.tls or self.files  # to do without TLS needs a restart
        self.files = files  # also when they are bad, to see when that changes
        before = self.context
        try:
            found = files, await anyio.to_thread.run_sync(_digest, files)
            if found == self._in_force:
                self.problem = None
                return
            self.context, certificate = await anyio.to_thread.run_sync(_load, files)
            if self._changed is not None:
                await self._changed()
        except (BadCertificate, OSError) as exc:
            self.context = before
            problem = str(exc)
            if isinstance(exc, OSError):
                problem = f"nothing more can be listened on: {exc.strerror}"
            if problem != self.problem:  # said once, however often they are looked at
                _LOG.error("the certificate is not taken, the one before stays: %s", problem)
            self.problem = problem
            return
        self.problem = None
        self._in_force = found
        self.certificate = certificate
        self._tell_at = certificate.not_after - EXPIRES_SOON
        _LOG.info("the certificate of %s is in force until %s", files.cert, _day(certificate))

    def tell_of_expiry(self, now: datetime) -> None:
        """Warn when the end of the certificate is near, and each day again."""
        if now < self._tell_at:
            return
        self._tell_at = now + _DAY
        left = self.certificate.not_after - now
        when = "has expired" if left < timedelta() else f"expires in {left.days} days"
        _LOG.warning("the certificate of %s %s: %s", self.files.cert, when, _day(self.certificate))

    def view(self) -> dict[str, Any]:
        """JSON values, for those who administer the gateway."""
        certificate = self.certificate
        return {
            "subject": certificate.subject,
            "issuer": certificate.issuer,
            "names": list(certificate.names),
            "not_before": _text(certificate.not_before),
            "not_after": _text(certificate.not_after),
            "client_auth": self._in_force[0].client_auth,
            "problem": self.problem,
        }


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _day(certificate: Certificate) -> str:
    return _text(certificate.not_after)


def _digest(files: TlsFiles) -> bytes:
    """Of what the files hold.

    Raises:
        BadCertificate: one cannot be read.
    """
    digest = hashlib.sha256()
    for file in _names(files):
        try:
            with open(file, "rb") as stream:
                held = stream.read(_MAX_SIZE)
        except OSError as exc:
            raise BadCertificate(f"{file} cannot be read: {exc.strerror}") from exc
        digest.update(hashlib.sha256(held).digest())
    return digest.digest()


def _names(files: TlsFiles) -> tuple[str, ...]:
    return tuple(each for each in (files.cert, files.key, files.client_ca) if each is not None)


def _load(files: TlsFiles) -> tuple[ssl.SSLContext, Certificate]:
    """A context for the listener, and what it shows.

    Raises:
        BadCertificate: a file cannot be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    context.verify_mode = _VERIFY[files.client_auth]
    try:
        context.load_cert_chain(files.cert, files.key, password=_no_password)
    except (OSError, _Encrypted) as exc:
        raise BadCertificate(_fault(files, exc)) from exc
    if files.client_ca is not None:
        try:
            context.load_verify_locations(files.client_ca)
        except OSError as exc:
            raise BadCertificate(f"{files.client_ca} holds no certificates in PEM") from exc
    try:
        return context, read_certificate(_shown_by(context))
    except (ssl.SSLError, ValueError) as exc:
        raise BadCertificate(f"{files.cert} cannot be served: {exc}") from exc


class _Encrypted(Exception):
    pass


def _no_password() -> str:
    # Without this, OpenSSL would ask on the terminal, and wait.
    raise _Encrypted


def _fault(files: TlsFiles, exc: Exception) -> str:
    """OpenSSL says what is wrong, but not where."""
    if isinstance(exc, _Encrypted):
        return f"{files.key} is encrypted; the key must stand there as it is"
    if isinstance(exc, ssl.SSLError) and exc.reason == "KEY_VALUES_MISMATCH":
        return f"{files.key} does not fit the certificate in {files.cert}"
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(files.cert)
    except OSError:
        return f"{files.cert} holds no certificate in PEM"
    if isinstance(exc, ssl.SSLError) and exc.reason not in (None, "PEM_LIB"):
        return f"{files.cert} with {files.key}: {exc.reason.lower().replace('_', ' ')}"
    return f"{files.key} holds no private key in PEM"


def _shown_by(context: ssl.SSLContext) -> bytes:
    """The certificate that a client gets, as DER: a handshake without a network.

    Raises:
        ssl.SSLError: there is none to be had.
    """
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusting.check_hostname = False
    trusting.verify_mode = ssl.CERT_NONE
    inwards, outwards = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = trusting.wrap_bio(outwards, inwards)
    server = context.wrap_bio(inwards, outwards, server_side=True)
    for side in (client, server, client):
        with contextlib.suppress(ssl.SSLWantReadError):
            side.do_handshake()
    found = client.getpeercert(binary_form=True)
    if found is None:
        raise ssl.SSLError("no certificate was shown")
    return found
