"""The canonical conversation: what all wire formats are translated through.

Four decoders read a request or an answer into these Structs, four encoders
write them. Nothing here knows a wire format, except that leftovers which only
one format understands keep that format's name (:class:`Native`).

All values are frozen. Token counts are ``int`` or ``None`` for unknown, never
0 for unknown. Tool arguments stay the exact text that the model produced.
"""

from __future__ import annotations

from enum import StrEnum
from functools import cached_property

from msgspec import Struct


class Format(StrEnum):
    """The wire formats, by the names users write."""

    CHAT = "chat"
    MESSAGES = "messages"
    RESPONSES = "responses"
    GEMINI = "gemini"


class Role(StrEnum):
    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"


class Effort(StrEnum):
    """How hard a model should think, least first."""

    NONE = "none"
    MINIMAL = "minimal"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    XHIGH = "xhigh"
    MAX = "max"


class StopReason(StrEnum):
    """Why an answer ended. A model that ran into an error has no reason: its
    stream ends in a :class:`~aigw_core.errors.Failure`."""

    END = "end"
    STOP_SEQUENCE = "stop_sequence"
    TOOL_USE = "tool_use"
    MAX_TOKENS = "max_tokens"
    CONTEXT_FULL = "context_full"
    REFUSAL = "refusal"
    """A filter of the vendor stopped it. (A model that says no in words
    ends normally, with a :class:`Refusal` part.)"""
    PAUSE = "pause"
    """The vendor wants the conversation sent back to go on."""
    OTHER = "other"


class Native(Struct, frozen=True):
    """JSON that only one format understands, kept as it came."""

    format: Format
    raw: bytes


class CacheMark(Struct, frozen=True, gc=False):
    """The client asks that the prompt up to here be cached."""

    ttl: str = "5m"
    """``5m``, ``30m``, ``1h`` or ``12h``."""


class Seal(Struct, frozen=True, gc=False):
    """A vendor's opaque proof that a part came from its model.

    Never edited, never empty, of use to nobody but the issuer.
    """

    issuer: str
    """The vendor's format name, or ``openrouter`` and the like; ``aigw`` for
    an envelope that has not been opened."""

    kind: str
    """``signature``, ``redacted``, ``thought_signature``, ``encrypted``, ``detail``."""

    data: str
    """The text as it stood on the wire (JSON text for ``detail``)."""

    id: str | None = None
    """The identifier of the item it came with, where the format has one."""


class Citation(Struct, frozen=True):
    """A source for a span of text."""

    url: str | None = None
    title: str | None = None
    start: int | None = None
    """Characters into the text part, ``start`` inclusive, ``end`` exclusive."""
    end: int | None = None
    cited_text: str | None = None
    native: Native | None = None
    """The whole citation as the vendor wrote it."""


class TokenLogprob(Struct, frozen=True):
    token: str
    logprob: float
    bytes: tuple[int, ...] | None = None
    top: tuple[TokenLogprob, ...] = ()


# --- parts of a turn ---------------------------------------------------------


class Text(Struct, frozen=True):
    text: str
    citations: tuple[Citation, ...] = ()
    cache: CacheMark | None = None
    seal: Seal | None = None
    logprobs: tuple[TokenLogprob, ...] = ()
    native: Native | None = None


class Refusal(Struct, frozen=True):
    """The model's own words for not doing it."""

    text: str
    logprobs: tuple[TokenLogprob, ...] = ()


class Inline(Struct, frozen=True, gc=False):
    """Data inside the request; ``data`` is base64 text, or plain text for a
    ``text/*`` media type. It is never decoded."""

    media_type: str
    data: str


class Url(Struct, frozen=True, gc=False):
    url: str
    media_type: str | None = None


class FileId(Struct, frozen=True, gc=False):
    """A file stored at a vendor; of no use at another."""

    id: str
    owner: Format


class MediaKind(StrEnum):
    IMAGE = "image"
    AUDIO = "audio"
    VIDEO = "video"
    DOCUMENT = "document"


class Media(Struct, frozen=True):
    kind: MediaKind
    source: Inline | Url | FileId
    detail: str | None = None
    """``low``, ``high``, ``auto`` or ``original``, for pictures."""
    name: str | None = None
    """File name or title."""
    context: str | None = None
    cite: bool | None = None
    """Whether the answer should cite this document."""
    cache: CacheMark | None = None
    native: Native | None = None


class ToolCall(Struct, frozen=True):
    id: str
    name: str
    arguments: str
    """The exact text of the model: JSON of an object for most tools, which
    may be broken or empty; free text when ``freeform``."""
    freeform: bool = False
    server: bool = False
    """The vendor runs this tool itself."""
    cache: CacheMark | None = None
    seal: Seal | None = None
    native: Native | None = None


class ToolResult(Struct, frozen=True):
    call_id: str
    content: tuple[Text | Media | Opaque, ...] = ()
    is_error: bool = False
    name: str | None = None
    freeform: bool = False
    server: bool = False
    cache: CacheMark | None = None
    native: Native | None = None


class ReasoningStyle(StrEnum):
    RAW = "raw"
    SUMMARY = "summary"
    HIDDEN = "hidden"


class Reasoning(Struct, frozen=True):
    """What the model thought, as far as the vendor shows it."""

    text: str = ""
    style: ReasoningStyle = ReasoningStyle.RAW
    seal: Seal | None = None
    native: Native | None = None


class Opaque(Struct, frozen=True):
    """An item that only its own format understands."""

    native: Native
    label: str
    """The type the vendor gives it, for the ledger."""
    essential: bool = False
    """The conversation has another meaning without it."""


Part = Text | Refusal | Media | ToolCall | ToolResult | Reasoning | Opaque


class Turn(Struct, frozen=True):
    """What one party said at once. Tool results are parts of a user turn."""

    role: Role
    parts: tuple[Part, ...]
    name: str | None = None
    phase: str | None = None
    developer: bool = False
    """A system turn that the client called ``developer``."""
    pointer: str = ""
    """Where the client's request has it, as ``/messages/3``."""

    @property
    def only_text(self) -> str:
        """The text of a turn that is one text and nothing beside, as most are; else
        empty."""
        parts = self.parts
        if len(parts) != 1 or self.name is not None or self.phase is not None:
            return ""
        part = parts[0]
        if (
            type(part) is not Text
            or part.native is not None
            or part.seal is not None
            or part.cache is not None
            or part.citations
            or part.logprobs
        ):
            return ""
        return part.text


# --- what is asked for -------------------------------------------------------


class Tool(Struct, frozen=True):
    """A function that the client runs."""

    name: str
    description: str | None = None
    schema: bytes | None = None
    """JSON Schema of the arguments as the client wrote it; ``None`` = none given."""
    strict: bool | None = None
    freeform: bool = False
    """Takes free text instead of JSON; ``grammar`` may restrict it."""
    grammar: Native | None = None
    cache: CacheMark | None = None
    native: Native | None = None
    """Fields beside these, for the same format."""
    pointer: str = ""


class HostedTool(Struct, frozen=True):
    """A tool that the vendor runs."""

    native: Native
    label: str
    pointer: str = ""


class ToolChoiceMode(StrEnum):
    AUTO = "auto"
    NONE = "none"
    REQUIRED = "required"


class ToolChoice(Struct, frozen=True):
    """``names`` narrows the mode: REQUIRED with one name is that tool."""

    mode: ToolChoiceMode
    names: tuple[str, ...] = ()
    native: Native | None = None
    """A choice of a hosted tool, which only its own format understands."""


class OutputKind(StrEnum):
    TEXT = "text"
    JSON = "json"
    SCHEMA = "schema"


class OutputSpec(Struct, frozen=True):
    kind: OutputKind = OutputKind.TEXT
    name: str | None = None
    schema: bytes | None = None
    strict: bool | None = None
    description: str | None = None
    verbosity: str | None = None
    modalities: tuple[str, ...] = ()
    """``text``, ``image``, ``audio``; empty = text."""


class ReasoningSpec(Struct, frozen=True, gc=False):
    effort: Effort | None = None
    budget: int | None = None
    """Tokens; -1 leaves it to the model, 0 is off."""
    visible: str | None = None
    """``none``, ``summary``, ``detailed`` or ``raw``; ``None`` = not said."""
    mode: str | None = None
    """``adaptive``, ``manual``, ``disabled`` or another word of a format that
    tells thinking modes apart; ``None`` elsewhere."""


class Sampling(Struct, frozen=True):
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    seed: int | None = None
    logit_bias: Native | None = None
    logprobs: bool = False
    top_logprobs: int | None = None


class Identity(Struct, frozen=True):
    """Who the request is for; bookkeeping, never meaning."""

    user: str | None = None
    safety_id: str | None = None
    cache_key: str | None = None
    metadata: bytes | None = None
    """JSON object of strings."""


class ServerState(Struct, frozen=True):
    """What the client expects the vendor to remember."""

    previous_id: str | None = None
    conversation: Native | None = None
    store: bool | None = None


class Extra(Struct, frozen=True):
    """A top-level field that has no canonical meaning."""

    name: str
    raw: bytes
    pointer: str
    essential: bool = False
    """Without it the answer would be another one: refused where it has no equivalent."""


class ChatRequest(Struct, frozen=True, dict=True):
    """A whole request for the next turn of a conversation."""

    model: str
    turns: tuple[Turn, ...]
    format: Format
    """The format it was decoded from; ``extras`` and natives are in it."""
    tools: tuple[Tool | HostedTool, ...] = ()
    tool_choice: ToolChoice | None = None
    parallel_tools: bool | None = None
    output: OutputSpec = OutputSpec()
    reasoning: ReasoningSpec = ReasoningSpec()
    sampling: Sampling = Sampling()
    max_output: int | None = None
    stop: tuple[str, ...] = ()
    n: int = 1
    stream: bool = False
    stream_usage: bool = False
    """The client wants usage in its stream (a choice only in Chat)."""
    identity: Identity = Identity()
    tier: str | None = None
    cache: CacheMark | None = None
    """Cache the longest prefix, wherever that ends."""
    server_state: ServerState = ServerState()
    extras: tuple[Extra, ...] = ()

    @cached_property
    def texts(self) -> list[str]:
        """:attr:`Turn.only_text` of each turn, found out once for all who ask."""
        return [turn.only_text for turn in self.turns]

    @cached_property
    def unusual(self) -> list[Turn]:
        """The turns that are more than one text, or an empty one: all that need to be
        looked at in search of anything else."""
        return [turn for turn, text in zip(self.turns, self.texts, strict=True) if not text]


# --- what is answered --------------------------------------------------------


class Usage(Struct, frozen=True, gc=False):
    """Tokens of one answer. The counts are disjoint: nothing is in two."""

    input: int | None = None
    """Prompt tokens neither read from nor written to a cache."""
    cache_read: int | None = None
    cache_write: int | None = None
    """Written for the vendor's shorter time, or for one that it does not name."""
    cache_write_long: int | None = None
    """Written for the vendor's longer time (an hour or more)."""
    tool_prompt: int | None = None
    """Prompt tokens that hosted tools added."""
    output: int | None = None
    """Generated tokens that are not reasoning."""
    reasoning: int | None = None
    audio_input: int | None = None
    """Of which audio; not disjoint from ``input``."""
    audio_output: int | None = None
    tier: str | None = None
    """The service tier that answered."""

    @property
    def input_total(self) -> int | None:
        """All prompt tokens, or ``None`` when no count is known."""
        # Asked some eight times for each request: written out, it takes a third of the time.
        fresh, read, written = self.input, self.cache_read, self.cache_write
        long, tool = self.cache_write_long, self.tool_prompt
        if fresh is None and read is None and written is None and long is None and tool is None:
            return None
        return (fresh or 0) + (read or 0) + (written or 0) + (long or 0) + (tool or 0)

    @property
    def output_total(self) -> int | None:
        """All generated tokens, or ``None`` when no count is known."""
        if self.output is None and self.reasoning is None:
            return None
        return (self.output or 0) + (self.reasoning or 0)


class Stop(Struct, frozen=True, gc=False):
    """How one choice ended."""

    reason: StopReason
    native: str | None = None
    """The vendor's own word."""
    sequence: str | None = None
    """The stop sequence that was met."""
    explanation: str | None = None


class Choice(Struct, frozen=True):
    parts: tuple[Part, ...]
    stop: Stop


class ChatResponse(Struct, frozen=True):
    """A complete answer."""

    id: str
    model: str
    created: int | None
    """Unix seconds, when the vendor says."""
    choices: tuple[Choice, ...]
    usage: Usage = Usage()
    native: Native | None = None
    """Vendor fields beside these, for the same format."""
