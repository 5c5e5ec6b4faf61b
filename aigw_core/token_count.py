"""How many tokens a prompt has: as a target counts it, or estimated.

Some formats can be asked for a count; their codecs have a counting variant, whose
answer is a :class:`~aigw_core.chat.ChatResponse` with nothing but usage. For all
other targets there is :func:`estimate`, a guess from the length of the texts, and
:class:`Calibrator`, which learns by how much the guess is off for each model from
the usage that answers report. It is no tokenizer: those differ from model to model,
weigh megabytes, and most are not published.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import TypeVar

import msgspec
from msgspec import Raw
from msgspec.structs import replace

from aigw_core.chat import (
    ChatRequest,
    ChatResponse,
    HostedTool,
    Inline,
    Media,
    MediaKind,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    Text,
    Tool,
    ToolCall,
    ToolResult,
    Usage,
)
from aigw_core.errors import ErrorKind, Failure, UpstreamError

HEADER = ("x-aigw-token-count", "estimated")
"""Marks a count that nobody counted."""

DecodeError = Callable[[int, Mapping[str, str], bytes], Failure]

_FIELDS = msgspec.json.Decoder(dict[str, Raw]).decode


# --- native counts -----------------------------------------------------------


def counted(tokens: int) -> ChatResponse:
    """The canonical answer to a counting call."""
    return ChatResponse("", "", None, (), Usage(input=tokens))


Answer = TypeVar("Answer")


def read_count(decode: Callable[[bytes], Answer], body: bytes) -> Answer:
    """The answer to a counting call.

    Raises:
        UpstreamError: ``body`` is none.
    """
    try:
        return decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        message = "the upstream's token count is not one of this format"
        raise UpstreamError(Failure(ErrorKind.UPSTREAM_MALFORMED, message)) from None


def only(body: bytes, names: frozenset[str]) -> bytes:
    """A JSON object with those of its fields that a counting endpoint takes."""
    fields = _FIELDS(body)
    return msgspec.json.encode({name: raw for name, raw in fields.items() if name in names})


def counting_errors(decode_error: DecodeError) -> DecodeError:
    """``decode_error`` for a counting endpoint. Many servers of a format do not have
    it: that is ``UNSUPPORTED``, and says nothing about the model or the credential."""

    def decode(status: int, headers: Mapping[str, str], body: bytes) -> Failure:
        failure = decode_error(status, headers, body)
        # A 404 that speaks of a model means the model, any other one the address.
        if status in (405, 501) or (status == 404 and b"model" not in body.lower()):
            return replace(failure, kind=ErrorKind.UNSUPPORTED)
        return failure

    return decode


# --- the estimate ------------------------------------------------------------

_PER_REQUEST = 3
_PER_TURN = 4
_PER_CALL = 8
_PER_TOOL = 10

# The vendors' own figures: a picture is 85 tokens at low detail, 258 in one format,
# up to 1,600 in another; sound is 32 tokens a second (about 20 KB of base64); a page
# of a document is some 2,000 tokens and 70 KB.
_PICTURE = 1000
_SMALL_PICTURE = 85
_AUDIO_CHARS = 650
_VIDEO_CHARS = 1000
_DOCUMENT_CHARS = 35
_REMOTE = 1500
"""Of media that are not in the request, so that nothing is known of their size."""


def estimate(request: ChatRequest) -> int:
    """A guess at the prompt's tokens, at least 1."""
    tokens = float(_PER_REQUEST)
    for turn in request.turns:
        tokens += _PER_TURN
        for part in turn.parts:
            tokens += _part(part)
    for tool in request.tools:
        tokens += _tool(tool)
    if request.output.schema is not None:
        tokens += len(request.output.schema) / 4
    return max(1, round(tokens))


def _text(text: str) -> float:
    # Four ASCII characters make a token, as the vendors say; one of Chinese or
    # Japanese (three bytes) is about one, one of Cyrillic or Greek about a half.
    if text.isascii():
        return len(text) / 4
    beyond = len(text.encode("utf-8", "surrogatepass")) - len(text)
    return len(text) / 4 + beyond * 0.375


def _part(part: Part) -> float:
    if isinstance(part, Text | Refusal | Reasoning):
        return _text(part.text)
    if isinstance(part, ToolCall):
        return _PER_CALL + _text(part.name) + _text(part.arguments)
    if isinstance(part, ToolResult):
        return _PER_CALL + sum(_part(item) for item in part.content)
    if isinstance(part, Media):
        return _media(part)
    return _opaque(part)


def _opaque(part: Opaque) -> float:
    return len(part.native.raw) / 4


def _media(media: Media) -> float:
    if media.kind is MediaKind.IMAGE:
        return _SMALL_PICTURE if media.detail == "low" else _PICTURE
    source = media.source
    if not isinstance(source, Inline):
        return _REMOTE
    if source.media_type.startswith("text/"):
        return _text(source.data)
    chars = {MediaKind.AUDIO: _AUDIO_CHARS, MediaKind.VIDEO: _VIDEO_CHARS}
    return len(source.data) / chars.get(media.kind, _DOCUMENT_CHARS)


def _tool(tool: Tool | HostedTool) -> float:
    if isinstance(tool, HostedTool):
        return _PER_TOOL + len(tool.native.raw) / 4
    size = len(tool.schema or b"") + (len(tool.grammar.raw) if tool.grammar else 0)
    return _PER_TOOL + _text(tool.name) + _text(tool.description or "") + size / 4


# --- calibration -------------------------------------------------------------

MAX_MODELS = 256
BOUNDS = (0.25, 4.0)
"""Of the correction: beyond them something else than the tokenizer is at work."""

_PRIOR = 500.0
"""Tokens that speak for a correction of 1 before anything is known."""
_MEMORY = 0.95
"""What an observation still weighs after the next one."""
_HEAVIEST = 20_000.0
"""Tokens that one observation may weigh."""
_EAGER = 16
"""Observations asked for one after another; later every sixteenth will do."""


class _Model:
    def __init__(self) -> None:
        self.seen = 0
        self.estimated = 0.0
        self.actual = 0.0


class Calibrator:
    """Corrects estimates by what models reported.

    Keeps the last ``MAX_MODELS`` models. The correction is a ratio of sums in which
    old observations fade; it stays within ``BOUNDS``.
    """

    def __init__(self) -> None:
        self._models: OrderedDict[str, _Model] = OrderedDict()

    def __repr__(self) -> str:
        return f"<Calibrator models={len(self._models)}>"

    def due(self, model: str) -> bool:
        """Whether another observation of ``model`` is worth making an estimate for.
        Ask once for each answer."""
        known = self._models.get(model)
        if known is None:
            known = self._models[model] = _Model()
            if len(self._models) > MAX_MODELS:
                self._models.popitem(last=False)
        self._models.move_to_end(model)
        known.seen += 1
        return known.seen <= _EAGER or known.seen % _EAGER == 0

    def observe(self, model: str, estimated: int, actual: int) -> None:
        """``model`` reported ``actual`` tokens for a prompt estimated at ``estimated``."""
        known = self._models.get(model)
        if known is None or estimated <= 0 or actual <= 0:
            return
        weight = min(1.0, _HEAVIEST / estimated)
        known.estimated = known.estimated * _MEMORY + estimated * weight
        known.actual = known.actual * _MEMORY + actual * weight

    def ratio(self, model: str) -> float:
        """Reported tokens for each estimated one."""
        known = self._models.get(model)
        if known is None:
            return 1.0
        ratio = (known.actual + _PRIOR) / (known.estimated + _PRIOR)
        return min(max(ratio, BOUNDS[0]), BOUNDS[1])

    def corrected(self, model: str, estimated: int) -> int:
        """The best guess for ``model``, at least 1."""
        return max(1, round(estimated * self.ratio(model)))
