"""The table of paths: what each is, who may use it, and in which format it errs.

Every route says who may use it; there is no default. Only ``/health`` is public.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto

from msgspec import Struct

from aigw_core.chat import Format


class Auth(Enum):
    PUBLIC = auto()
    CLIENT_KEY = auto()
    LOCAL = auto()
    """Loopback peers, those of ``admin.allow``, and who bears the scrape token."""


class Endpoint(Enum):
    INFERENCE = auto()
    MODELS = auto()
    HEALTH = auto()
    METRICS = auto()


class Route(Struct, frozen=True):
    endpoint: Endpoint
    method: str
    auth: Auth
    format: Format
    """Of requests and errors."""


ROUTES: Mapping[str, Route] = {
    "/v1/chat/completions": Route(Endpoint.INFERENCE, "POST", Auth.CLIENT_KEY, Format.CHAT),
    "/v1/messages": Route(Endpoint.INFERENCE, "POST", Auth.CLIENT_KEY, Format.MESSAGES),
    "/v1/models": Route(Endpoint.MODELS, "GET", Auth.CLIENT_KEY, Format.CHAT),
    "/health": Route(Endpoint.HEALTH, "GET", Auth.PUBLIC, Format.CHAT),
    "/metrics": Route(Endpoint.METRICS, "GET", Auth.LOCAL, Format.CHAT),
}


def find_route(path: str) -> Route | None:
    return ROUTES.get(path)


def error_format(path: str, headers: Mapping[str, str]) -> Format:
    """The format that the client behind an unknown path most likely reads."""
    if path.startswith("/v1/messages") or "anthropic-version" in headers:
        return Format.MESSAGES
    return Format.CHAT


def hint(path: str) -> str:
    """What may be wrong with a path that is not served; empty when nothing is known."""
    if path.startswith("/v1/v1/"):
        return "; the base URL ends in /v1 and the client adds another: leave it out"
    for known in ROUTES:
        if known.startswith("/v1") and known == "/v1" + path:
            return f"; did you mean {known}?"
    return ""
