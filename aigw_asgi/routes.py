"""The table of paths: what each is, who may use it, and in which format it errs.

Every route says who may use it; there is no default. Only ``/health`` and the probes
by which clients see whether a server is there are public.

Some paths name a model or a stored answer. Real clients send a model's name with
slashes as they are (``models/group/name:generateContent``) and other characters
percent-encoded, the colon before the method now and then included; what is encoded
is decoded once, after the path as a whole has passed ``http.checked_path``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum, auto
from urllib.parse import unquote

from msgspec import Struct

from aigw_core.chat import Format


class Auth(Enum):
    PUBLIC = auto()
    CLIENT_KEY = auto()
    LOCAL = auto()
    """Loopback peers and those of ``admin.allow``; to look only, who bears the scrape
    token, too."""


class Endpoint(Enum):
    INFERENCE = auto()
    COUNT = auto()
    """How many tokens a prompt has."""
    COMPACT = auto()
    """A conversation made shorter."""
    STORED = auto()
    """One answer that was kept."""
    MODELS = auto()
    MODEL = auto()
    HELLO = auto()
    HEALTH = auto()
    METRICS = auto()
    """JSON, or Prometheus text where a scraper asks for it."""
    PROMETHEUS = auto()
    ADMIN_CONFIG = auto()
    ADMIN_MODELS = auto()
    NODES = auto()
    """The processes that are this gateway together."""
    RELOAD = auto()
    COOLDOWNS = auto()
    """What rests, and why; with a credential's name: what is held against it."""


class Route(Struct, frozen=True):
    endpoint: Endpoint
    methods: tuple[str, ...]
    auth: Auth
    format: Format
    """Of requests and errors."""
    name: str = ""
    """What the path names: a model or a stored answer."""
    stream: bool | None = None
    """Of an inference route, where the path says it."""
    query_key: bool = False
    """The client's key may stand in the query."""
    shared: bool = False
    """Clients of several formats use this path."""

    @property
    def has_body(self) -> bool:
        """Its requests ask by their bodies."""
        return "POST" in self.methods and self.auth is Auth.CLIENT_KEY

    @property
    def allowed(self) -> tuple[str, ...]:
        """The methods, with the one that comes by itself."""
        return (*self.methods, "HEAD") if "GET" in self.methods else self.methods


def _post(endpoint: Endpoint, format: Format) -> Route:
    return Route(endpoint, ("POST",), Auth.CLIENT_KEY, format)


def _get(endpoint: Endpoint, auth: Auth, format: Format = Format.CHAT) -> Route:
    return Route(endpoint, ("GET",), auth, format)


_GEMINI_MODELS = Route(Endpoint.MODELS, ("GET",), Auth.CLIENT_KEY, Format.GEMINI, query_key=True)

ROUTES: Mapping[str, Route] = {
    "/v1/chat/completions": _post(Endpoint.INFERENCE, Format.CHAT),
    "/v1/messages": _post(Endpoint.INFERENCE, Format.MESSAGES),
    "/v1/messages/count_tokens": _post(Endpoint.COUNT, Format.MESSAGES),
    "/v1/responses": _post(Endpoint.INFERENCE, Format.RESPONSES),
    "/v1/responses/input_tokens": _post(Endpoint.COUNT, Format.RESPONSES),
    "/v1/responses/compact": _post(Endpoint.COMPACT, Format.RESPONSES),
    "/v1/models": Route(Endpoint.MODELS, ("GET",), Auth.CLIENT_KEY, Format.CHAT, shared=True),
    "/v1beta/models": _GEMINI_MODELS,
    "/v1alpha/models": _GEMINI_MODELS,
    "/": _get(Endpoint.HELLO, Auth.PUBLIC),
    "/api/hello": _get(Endpoint.HELLO, Auth.PUBLIC, Format.MESSAGES),
    "/health": _get(Endpoint.HEALTH, Auth.PUBLIC),
    "/metrics": _get(Endpoint.METRICS, Auth.LOCAL),
    "/metrics/prometheus": _get(Endpoint.PROMETHEUS, Auth.LOCAL),
    "/admin/metrics": _get(Endpoint.METRICS, Auth.LOCAL),
    "/admin/config": _get(Endpoint.ADMIN_CONFIG, Auth.LOCAL),
    "/admin/models": _get(Endpoint.ADMIN_MODELS, Auth.LOCAL),
    "/admin/nodes": _get(Endpoint.NODES, Auth.LOCAL),
    "/admin/reload": Route(Endpoint.RELOAD, ("POST",), Auth.LOCAL, Format.CHAT),
    "/admin/cooldowns": _get(Endpoint.COOLDOWNS, Auth.LOCAL),
}

_COOLDOWN = re.compile(r"/admin/cooldowns/([^/]+)")
_STORED = re.compile(r"/v1/responses/([^/]+)")
_NAMED = re.compile(r"/(v1|v1beta|v1alpha)/(models/|tunedModels/)(.*[^/])")
_METHODS = {
    "generateContent": (Endpoint.INFERENCE, False),
    "streamGenerateContent": (Endpoint.INFERENCE, True),
    "countTokens": (Endpoint.COUNT, False),
}


def find_route(path: str) -> Route | None:
    known = ROUTES.get(path)
    if known is not None:
        return known
    if match := _NAMED.fullmatch(path):
        version, collection, rest = match.groups()
        return _named(unquote(rest), version, "" if collection == "models/" else collection)
    if match := _STORED.fullmatch(path):
        return Route(
            Endpoint.STORED,
            ("GET", "DELETE"),
            Auth.CLIENT_KEY,
            Format.RESPONSES,
            unquote(match.group(1)),
        )
    if match := _COOLDOWN.fullmatch(path):
        name = unquote(match.group(1))
        return Route(Endpoint.COOLDOWNS, ("GET", "DELETE"), Auth.LOCAL, Format.CHAT, name)
    return None


def _named(name: str, version: str, collection: str) -> Route:
    model, _, method = name.rpartition(":")
    if model and method in _METHODS:
        endpoint, stream = _METHODS[method]
        return Route(
            endpoint,
            ("POST",),
            Auth.CLIENT_KEY,
            Format.GEMINI,
            collection + model,
            stream,
            query_key=True,
        )
    shared = version == "v1" and not collection
    return Route(
        Endpoint.MODEL,
        ("GET",),
        Auth.CLIENT_KEY,
        Format.CHAT if shared else Format.GEMINI,
        collection + name,
        query_key=not shared,
        shared=shared,
    )


def client_format(path: str, headers: Mapping[str, str]) -> Format:
    """The format that a client most likely reads, where the path alone does not say."""
    route = find_route(path)
    if route is not None and not route.shared:
        return route.format
    if path.startswith("/v1/messages") or "anthropic-version" in headers:
        return Format.MESSAGES
    if path.startswith(("/v1beta/", "/v1alpha/")) or not headers.keys().isdisjoint(_GOOGLE):
        return Format.GEMINI
    return Format.RESPONSES if path.startswith("/v1/responses") else Format.CHAT


_GOOGLE = ("x-goog-api-key", "x-goog-api-client")


def hint(path: str) -> str:
    """What may be wrong with a path that is not served; empty when nothing is known."""
    if path.startswith("/v1/v1/"):
        return "; the base URL ends in /v1 and the client adds another: leave it out"
    if path.startswith(("/v1/v1beta/", "/v1beta/v1beta/", "/v1beta/v1/")):
        return "; the base URL ends in a version and the client adds another: leave it out"
    for known in ROUTES:
        if known.startswith("/v1") and known == "/v1" + path:
            return f"; did you mean {known}?"
    return ""
