"""Who a client is, and what it may use.

A key is looked up by its SHA-256 digest, so no secret is compared byte by byte
and none needs to be stored.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from msgspec import Struct

from aigw_core.config.snapshot import ClientKey, Snapshot
from aigw_core.errors import ErrorKind, Failure, GatewayError, InvalidRequest
from aigw_core.forwarding import is_within
from aigw_core.routing.glob import glob_match

_HEADERS = ("authorization", "x-api-key", "x-goog-api-key")


class Caller(Struct, frozen=True):
    """A client that was let in. ``key`` is ``None`` for an anonymous one."""

    key: ClientKey | None = None

    @property
    def name(self) -> str:
        return self.key.name if self.key is not None else "anonymous"

    @property
    def reaches_all(self) -> bool:
        """No credential is closed to it."""
        return self.key is None or not self.key.allowed_providers

    def may_use(self, model: str) -> bool:
        allowed = self.key.allowed_models if self.key is not None else ()
        return not allowed or any(glob_match(pattern, model) for pattern in allowed)

    def may_reach(self, credential_name: str, provider: str) -> bool:
        allowed = self.key.allowed_providers if self.key is not None else ()
        return not allowed or any(
            glob_match(pattern, name) for pattern in allowed for name in (credential_name, provider)
        )


def presented_key(headers: Mapping[str, str], query_key: str | None = None) -> str | None:
    """The one key that a request presents.

    ``query_key`` is ``?key=``, for the routes that take it.

    Raises:
        InvalidRequest: it presents two that differ.
    """
    found: set[str] = {query_key} if query_key else set()
    for name in _HEADERS:
        value = headers.get(name)
        if value is None:
            continue
        if name == "authorization":
            scheme, _, value = value.partition(" ")
            if scheme.lower() != "bearer":
                continue
        if value := value.strip():
            found.add(value)
    if len(found) > 1:
        raise InvalidRequest(
            "the request carries two different keys; send one of authorization, x-api-key, "
            "x-goog-api-key",
            code="conflicting_keys",
        )
    return found.pop() if found else None


def authenticate(key: str | None, snapshot: Snapshot, *, loopback: bool, wall: float) -> Caller:
    """Let a client in.

    ``loopback`` says that both ends of its connection are on this machine;
    ``wall`` is the time in Unix seconds.

    Raises:
        GatewayError: 401: no key, a wrong one, or one that has expired.
    """
    if key is not None:
        known = snapshot.client_keys.get(_digest(key))
        if known is not None:
            if known.expires_at is not None and known.expires_at <= wall:
                raise _refused("the key has expired")
            return Caller(known)
    if anonymous_allowed(snapshot, loopback):
        return Caller()
    if key is None:
        raise _refused("no key: send it as 'authorization: Bearer KEY' or 'x-api-key: KEY'")
    raise _refused("the key is not valid")


def authorise_local(
    peer: str | None, key: str | None, snapshot: Snapshot, *, loopback: bool
) -> None:
    """Let in whoever may look at the gateway itself: loopback peers, those of
    ``admin.allow``, and who bears the scrape token.

    ``peer`` is the client's address, ``None`` when it is not known: for one behind a
    proxy, see :mod:`aigw_core.forwarding`.

    Raises:
        GatewayError: 403 for everybody else.
    """
    if loopback or is_within(peer, snapshot.admin_networks):
        return
    token = snapshot.scrape_token
    if token is not None and key is not None and _digest(key) == _digest(token.reveal()):
        return
    raise GatewayError(
        Failure(
            ErrorKind.PERMISSION,
            "this is for loopback peers, those of admin.allow, and the scrape token",
            code="local_only",
        )
    )


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()


def anonymous_allowed(snapshot: Snapshot, loopback: bool) -> bool:
    """Whether a client without a key is let in."""
    if snapshot.allow_anonymous is not None:
        return snapshot.allow_anonymous
    return loopback and not snapshot.from_file and not snapshot.client_keys


def _refused(message: str) -> GatewayError:
    return GatewayError(Failure(ErrorKind.AUTHENTICATION, message, code="invalid_api_key"))
