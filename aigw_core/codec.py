"""The codec record: everything aigw knows about one wire format.

A codec is a value, not a class to inherit from. Its one-shot functions turn a
whole document into canonical Structs and back; its two factories make the
incremental machines for streams. Nobody but the codec's own folder knows the
vendor's field names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Protocol, TypeVar

from msgspec import Raw, Struct

from aigw_core.chat import ChatRequest, ChatResponse, Effort, Format, ServerState, Usage
from aigw_core.errors import Failure
from aigw_core.events import StreamEvent
from aigw_core.jsondoc import read_object
from aigw_core.ledger import Ledger

if TYPE_CHECKING:  # serving needs no automaton, unless it is told to check
    from aigw_core.grammar import StreamGrammar

T = TypeVar("T")

Headers = tuple[tuple[str, str], ...]
"""Header fields in order, names in lower case."""


class Inbound(Struct, frozen=True, dict=True):
    """A client's request as it came in, past the HTTP layer."""

    body: bytes
    headers: Mapping[str, str] = {}
    """Lower-case names."""
    model: str | None = None
    """From the path, where the format has it there."""
    stream: bool | None = None
    """Likewise."""
    path: str = ""
    """For logs; without the query."""

    @cached_property
    def fields(self) -> Mapping[str, Raw]:
        """The top-level fields of the body, as :func:`read_object` has them. Read once,
        however many ask.

        Raises:
            InvalidRequest: the body is no such object.
        """
        return read_object(self.body, levels=2)

    def forget(self) -> None:
        """Let go of what was read of the body. Whoever asks has it read again."""
        self.__dict__.clear()

    def once(self, read: Callable[[Mapping[str, Raw]], T]) -> T:
        """What ``read`` makes of the fields. Made once, however many ask.

        Raises:
            InvalidRequest: as ``fields``, and as ``read``.
        """
        made: dict[object, T] = self.__dict__.setdefault("made", {})
        if read not in made:
            made[read] = read(self.fields)
        return made[read]


class Peek(Struct, frozen=True):
    """The little that routing needs, read without decoding the whole body."""

    model: str
    stream: bool
    stream_usage: bool = False


class Caps(Struct, frozen=True, kw_only=True):
    """What a target model can do. Nothing is inferred from a model's name."""

    thinking: str = "default"
    """``none``, ``effort``, ``adaptive``, ``budget``, ``level``, or ``default``: what
    the format usually has."""
    efforts: tuple[Effort, ...] = (Effort.LOW, Effort.MEDIUM, Effort.HIGH)
    budget_min: int = 1024
    budget_max: int = 32768
    thinking_off: bool = True
    """Thinking can be switched off."""
    sampling: bool | None = None
    """Takes temperature and the like; ``None``: as the format usually does."""
    max_output: int | None = None
    default_max_tokens: int = 8192
    token_field: str = "max_completion_tokens"
    """Or ``max_tokens``, which most compatible servers want."""
    prefill: bool = False
    """A last assistant turn is continued."""
    mid_system: bool = False
    """Takes system messages in the middle of a conversation."""
    forced_tool_with_thinking: bool = False
    tool_result_media: tuple[str, ...] | None = None
    """Media kinds allowed in tool results; ``None``: as the format usually does."""
    json_schema: bool = True
    schema_dialect: str = "json_schema"
    """Or ``openapi_subset``."""
    parallel_flag: bool = True
    block_binding: bool = False
    stream_usage_option: bool = True
    needs_reasoning_content: bool = False
    api_version: str | None = None
    reads_seals_of: tuple[str, ...] = ()
    cache_marks: bool | None = None
    """Takes marks on blocks up to which the prompt is cached; ``None``: as the format
    usually does."""


class EncodedRequest(Struct, frozen=True):
    """An upstream request, as far as the format decides about it."""

    body: bytes
    path: str
    """Below the base URL, with query; starts with ``/``."""
    headers: Headers = ()
    """Version and beta headers; no credentials."""
    tool_names: Mapping[str, str] = {}
    """Names that had to be changed: the upstream's to the client's."""
    wrapped_tools: frozenset[str] = frozenset()
    """Free-form tools (client's names) sent as functions taking ``{"input": text}``."""


class AnswerContext(Struct, frozen=True):
    """What an encoder must know about the request it writes an answer to."""

    model: str
    """The name to bear: the one that the client asked for."""
    id: str
    """Letters and digits; used where the upstream gave no identifier."""
    created: int
    """Unix seconds; used where the upstream gave no time."""
    stream_usage: bool = True
    request_id: str = ""
    request: ChatRequest | None = None
    """For formats that echo the request's settings (:attr:`Codec.echoes`)."""
    server_state: ServerState | None = None
    """What the gateway itself remembers for the client, echoed instead of the request's."""
    max_held: int = 64 << 20
    """Bytes that an encoder may hold of one answer."""


class StreamDecoder(Protocol):
    """Upstream bytes to stream events.

    Never raises for what a peer sent. Ends with ``AnswerEnd`` or ``Failure``
    and is silent from then on. Any split of the bytes gives the same events.
    """

    def feed(self, data: bytes) -> list[StreamEvent]: ...

    def eof(self) -> list[StreamEvent]:
        """The connection ended. Without the terminal marker that is a failure
        of kind ``UPSTREAM_TRUNCATED``."""
        ...


class StreamEncoder(Protocol):
    """Stream events (in legal order) to client bytes.

    The bytes are a legal stream of the client's format; what it cannot carry
    is left out. A ``Failure`` becomes the format's error event, and no success
    terminator follows.
    """

    def encode(self, events: list[StreamEvent]) -> bytes: ...

    def keepalive(self) -> bytes:
        """Bytes that keep the connection busy and mean nothing, legal here."""
        ...


class UsageTap(Protocol):
    """Reads along a stream that is relayed untouched.

    ``feed`` takes the bytes of whole reads and never raises. ``failure`` is set
    when the stream broke the format or carried an error; ``terminal`` once the
    upstream's own end marker has passed; ``content`` once the answer began.
    """

    usage: Usage
    terminal: bool
    content: bool
    failure: Failure | None

    def feed(self, data: bytes) -> bytes:
        """The bytes to pass on: the same ones, except where the client would
        see what it did not ask for, or could not read."""
        ...

    def eof(self) -> bytes:
        """What was still held back; a missing terminal marker sets ``failure``."""
        ...

    def tell(self, failure: Failure) -> bytes | None:
        """The error event, where it must fit what has passed; ``None``: it is what an
        encoder writes that has written nothing else."""
        ...


class UpstreamProfile(Struct, frozen=True):
    """How this format's vendor is reached."""

    base_url: str | None
    """Default; ``None`` where there is none."""
    auth: str
    """Header style: ``bearer``, ``x-api-key`` or ``x-goog-api-key``."""
    native_hosts: tuple[str, ...] = ()
    """Hosts for which ``auth`` holds when configuration says nothing; others
    get ``bearer``. Empty: holds everywhere."""
    headers: Headers = ()
    """Sent unless the request brings its own."""
    forwarded: tuple[str, ...] = ()
    """Client headers passed on to an upstream of the same format."""
    lists: tuple[str, ...] = ()
    """Headers that are comma lists: merged, not replaced, when two sources name one."""


class Codec(Struct, frozen=True):
    """One wire format."""

    format: Format
    pointers: Mapping[str, str]
    """Canonical field names to JSON pointers of this format."""
    upstream: UpstreamProfile

    relay_request: Callable[[Inbound, str, Caps], EncodedRequest]
    """``(inbound, model, caps)``: the client's own bytes for an upstream of the same
    format, with the model's name replaced where it differs."""
    relay_tap: Callable[[Peek], UsageTap]
    relay_usage: Callable[[bytes], Usage]
    """The usage of a complete answer that is relayed. Raises ``UpstreamError`` when it
    is not an answer of this format."""
    strip_envelopes: Callable[[bytes, Caps], tuple[bytes, tuple[str, ...]]]
    """A request that is relayed, without the envelopes (:mod:`.seals`) in it, and the
    JSON pointers of what went; every other byte stays. The body has passed ``peek``."""
    peek: Callable[[Inbound], Peek]
    """What routing needs. Raises ``InvalidRequest``: checks what ``jsondoc.read_object``
    does, the model, ``stream``, and that the list of turns is a non-empty list."""

    decode_request: Callable[[Inbound], ChatRequest]
    """Raises ``InvalidRequest`` with the JSON pointer."""
    encode_request: Callable[[ChatRequest, str, Caps, Ledger], EncodedRequest]
    """``(request, model, caps, ledger)``. Deterministic, append-stable. Raises
    ``InvalidRequest`` for what must not be approximated."""

    decode_response: Callable[[bytes], ChatResponse]
    """A complete upstream answer. Raises ``UpstreamError``."""
    encode_response: Callable[[ChatResponse, AnswerContext], bytes]

    decode_error: Callable[[int, Mapping[str, str], bytes], Failure]
    """``(status, headers, body)`` of an error answer; never raises. The body may be
    anything. ``kind`` says what it means for the gateway."""
    encode_error: Callable[[Failure, str], tuple[int, bytes]]
    """``(failure, request_id)`` to status and body."""

    stream_decoder: Callable[[], StreamDecoder]
    stream_encoder: Callable[[AnswerContext], StreamEncoder]
    stream_grammar: Callable[[], StreamGrammar]
    """The automaton of what ``stream_encoder`` may write. Imports it with the first call."""
    content_type: str = "text/event-stream; charset=utf-8"
    """Of a stream."""
    proves_reasoning: bool = False
    """Its vendor takes no reasoning without a proof. A client therefore gets an envelope
    also with other vendors' reasoning that has none, by which it is told apart."""
    echoes: bool = False
    """Answers of this format repeat the settings of the request."""
    seals_texts: bool = False
    """An upstream may seal texts, not only reasoning and tool calls."""
    endpoint: str = "inference"
    """What it is asked for: an answer, or to ``count`` its tokens or ``compact`` its turns."""
    request_id_headers: tuple[str, ...] = ()
    """Response headers, beside ``x-request-id``, in which clients look for its value."""
