"""Recorded traffic of real providers and clients, where it is at hand.

The recordings are not part of the repository. They are looked for in the
directory named by ``AIGW_CORPUS``, else in ``../shared`` beside the checkout;
tests that need them are skipped where they are not. Only files are read here,
nothing is judged.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import msgspec
import pytest
from msgspec import Struct

from aigw_core.chat import Format

DEEP = os.environ.get("AIGW_DEEP") == "1"
"""Run everything instead of a sample that was drawn once and for all."""

ABSENT = "the recorded traffic is not here (set AIGW_CORPUS to its directory)"


class Source(Struct):
    repo: str
    path: str
    fidelity: str = ""
    edits: list[str] = []


class Exchange(Struct):
    """One recorded exchange; see the README beside the recordings."""

    id: str
    format: str
    provider_host: str
    path: str
    response_status: int
    source: Source
    request_headers: dict[str, str] = {}
    response_headers: dict[str, str] = {}
    request_body: msgspec.Raw = msgspec.Raw(b"null")
    response_json: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    sse: str | None = None
    response_text: str | None = None
    tags: list[str] = []

    @property
    def request(self) -> bytes | None:
        """The body of the request, ``None`` where it was not recorded."""
        body = bytes(self.request_body)
        return None if body == b"null" else body

    @property
    def stream(self) -> bytes | None:
        return None if self.sse is None else self.sse.encode()

    @property
    def answer(self) -> bytes | None:
        """The body of an answer that is one JSON document."""
        return None if self.response_json is msgspec.UNSET else bytes(self.response_json)


class ClientRequest(Struct):
    """One request that a widely used client sent."""

    method: str
    path: str
    headers: list[tuple[str, str]]
    body: msgspec.Raw = msgspec.Raw(b"null")
    answered_with: int = 0


class ClientCapture(Struct):
    client: str
    scenario: str
    format: str
    requests: list[ClientRequest]


def root() -> Path | None:
    """The directory that holds ``corpus`` and ``corpus-clients``, or ``None``."""
    named = os.environ.get("AIGW_CORPUS")
    path = Path(named) if named else Path(__file__).parents[2] / "shared"
    return path if (path / "corpus" / "cases").is_dir() else None


@cache
def exchanges(name: Format) -> tuple[Exchange, ...]:
    """All recordings of a format, sorted by file and identifier; empty where absent."""
    base = root()
    if base is None:
        return ()
    decode = msgspec.json.Decoder(Exchange).decode
    return tuple(
        decode(line)
        for file in sorted((base / "corpus" / "cases" / name.value).glob("*.jsonl"))
        for line in file.read_bytes().splitlines()
    )


@cache
def client_captures() -> Mapping[str, ClientCapture]:
    """File name without suffix to what that client sent; empty where absent."""
    base = root()
    if base is None:
        return {}
    decode = msgspec.json.Decoder(ClientCapture).decode
    return {
        file.stem: decode(file.read_bytes())
        for file in sorted((base / "corpus-clients").glob("*.json"))
    }


def streams(name: Format) -> list[Exchange]:
    """Event streams that began with a 2xx."""
    return [case for case in exchanges(name) if case.sse is not None]


_OTHER_CALLS = ("count_tokens", "countTokens", "input_tokens", "/compact")


def _generates(case: Exchange) -> bool:
    return not any(word in case.path for word in _OTHER_CALLS) and "count-tokens" not in case.tags


def answers(name: Format) -> list[Exchange]:
    """Complete successful answers."""
    return [
        case
        for case in exchanges(name)
        if case.answer is not None and case.response_status < 400 and _generates(case)
    ]


def errors(name: Format) -> list[Exchange]:
    """Answers with an error status, of whatever shape."""
    return [case for case in exchanges(name) if case.response_status >= 400]


def requests(name: Format) -> list[Exchange]:
    """Generation requests whose body was recorded."""
    return [case for case in exchanges(name) if case.request is not None and _generates(case)]


_CAPTURED = {
    Format.CHAT: ("chat", "/chat/completions"),
    Format.MESSAGES: ("anthropic", "/v1/messages"),
    Format.RESPONSES: ("responses", "/responses"),
    Format.GEMINI: ("gemini", "enerateContent"),
}


def client_requests(name: Format) -> list[Exchange]:
    """The generation requests of real clients, in the shape of a recording."""
    word, path = _CAPTURED[name]
    return [
        Exchange(
            id=f"{stem}#{number}",
            format=name,
            provider_host="gateway.example",
            path=request.path,
            response_status=request.answered_with or 200,
            source=Source(capture.client, stem),
            request_headers={key.lower(): value for key, value in request.headers},
            request_body=request.body,
        )
        for stem, capture in client_captures().items()
        if capture.format == word
        for number, request in enumerate(capture.requests)
        if request.method == "POST" and request.path.partition("?")[0].endswith(path)
    ]


needs_corpus = pytest.mark.skipif(root() is None, reason=ABSENT)
