"""The words of the Gemini format and what they mean.

Sources: Gemini API reference ("FinishReason", "BlockReason", "ThinkingLevel",
"ServiceTier"); the Vertex AI reference for the reasons that only it has.
"""

from __future__ import annotations

from aigw_core.chat import Effort, MediaKind, Stop, StopReason

_REFUSALS = frozenset(
    {
        "SAFETY",
        "RECITATION",
        "BLOCKLIST",
        "PROHIBITED_CONTENT",
        "SPII",
        "IMAGE_SAFETY",
        "IMAGE_PROHIBITED_CONTENT",
        "IMAGE_RECITATION",
        "MODEL_ARMOR",
        "ESCALATION",
        "PUP_LIMITED_DISABLED",
    }
)
MALFORMED = frozenset(
    {
        "MALFORMED_FUNCTION_CALL",
        "UNEXPECTED_TOOL_CALL",
        "TOO_MANY_TOOL_CALLS",
        "MALFORMED_RESPONSE",
        "MISSING_THOUGHT_SIGNATURE",
        "NO_IMAGE",
        "IMAGE_OTHER",
    }
)
"""The model produced something that is no answer. Before any content that is
worth another try."""

BLOCK_REASONS = frozenset(
    {
        "SAFETY",
        "OTHER",
        "BLOCKLIST",
        "PROHIBITED_CONTENT",
        "IMAGE_SAFETY",
        "MODEL_ARMOR",
        "JAILBREAK",
    }
)
"""Why a prompt got no candidates at all."""

_REASONS: dict[str, StopReason] = {
    "STOP": StopReason.END,
    "MAX_TOKENS": StopReason.MAX_TOKENS,
    "CONTINUATION": StopReason.PAUSE,
    **dict.fromkeys(_REFUSALS, StopReason.REFUSAL),
}

# The two APIs number the reasons alike only this far.
_NUMBERED = {1: "STOP", 2: "MAX_TOKENS", 3: "SAFETY", 4: "RECITATION", 5: "OTHER"}

_FINISH: dict[StopReason, str] = {
    StopReason.END: "STOP",
    StopReason.STOP_SEQUENCE: "STOP",
    StopReason.TOOL_USE: "STOP",
    StopReason.MAX_TOKENS: "MAX_TOKENS",
    StopReason.CONTEXT_FULL: "MAX_TOKENS",
    StopReason.REFUSAL: "SAFETY",
    StopReason.PAUSE: "OTHER",
    StopReason.OTHER: "OTHER",
}


def finish_word(reason: str | int | None) -> str | None:
    """A finish reason by name, or ``None`` while the candidate goes on."""
    if isinstance(reason, int):
        reason = _NUMBERED.get(reason, str(reason) if reason else None)
    return reason if reason and reason != "FINISH_REASON_UNSPECIFIED" else None


def decode_finish(word: str, message: str | None, *, calls: bool) -> Stop:
    """``calls``: the candidate holds a tool call. There is no reason for that in
    this format: calls end with ``STOP``, or with a word that is not known yet."""
    reason = _REASONS.get(word, StopReason.OTHER)
    if calls and reason in (StopReason.END, StopReason.OTHER):
        reason = StopReason.TOOL_USE
    return Stop(reason, word, explanation=message)


def encode_finish(stop: Stop) -> tuple[str, str | None]:
    """``(finishReason, finishMessage)``."""
    word = _FINISH[stop.reason]
    native = stop.native
    if native and stop.reason in (StopReason.REFUSAL, StopReason.PAUSE, StopReason.OTHER):
        known = _REASONS.get(native)
        if known is stop.reason or (stop.reason is StopReason.OTHER and native in MALFORMED):
            word = native
    message = stop.explanation
    if message is None and stop.reason is StopReason.PAUSE:
        message = "the model paused; send the conversation back to go on"
    return word, message


def block_word(reason: str | int | None) -> str | None:
    if isinstance(reason, int):
        return {1: "SAFETY", 2: "OTHER"}.get(reason, str(reason) if reason else None)
    return reason if reason and reason != "BLOCKED_REASON_UNSPECIFIED" else None


# --- service tiers -----------------------------------------------------------

_TIER_IN = {"standard": "default"}
_TIER_OUT = {
    "default": "standard",
    "standard": "standard",
    "standard_only": "standard",
    "flex": "flex",
    "priority": "priority",
    "fast": "priority",
}


def decode_tier(tier: str | None) -> str | None:
    if tier is None:
        return None
    word = tier.lower().removeprefix("service_tier_")
    return _TIER_IN.get(word, word)


def encode_tier(tier: str) -> str | None:
    """``None`` for a tier that this format has no word for."""
    return _TIER_OUT.get(tier)


# --- thinking ----------------------------------------------------------------

LEVELS: dict[str, Effort] = {
    "MINIMAL": Effort.MINIMAL,
    "LOW": Effort.LOW,
    "MEDIUM": Effort.MEDIUM,
    "HIGH": Effort.HIGH,
    "XHIGH": Effort.XHIGH,
}
LEVEL_OF: dict[Effort, str] = {effort: level for level, effort in LEVELS.items()}

EFFORT_ORDER = list(Effort)

BUDGETS: dict[Effort, int] = {
    Effort.NONE: 0,
    Effort.MINIMAL: 512,
    Effort.LOW: 2048,
    Effort.MEDIUM: 8192,
    Effort.HIGH: 24576,
    Effort.XHIGH: 32768,
}

_EFFORT_UP_TO = (
    (0, Effort.NONE),
    (512, Effort.MINIMAL),
    (3072, Effort.LOW),
    (12288, Effort.MEDIUM),
    (28672, Effort.HIGH),
    (40960, Effort.XHIGH),
)


def effort_of(budget: int) -> Effort | None:
    """The effort that a token budget amounts to; ``None`` when left to the model."""
    if budget < 0:
        return None
    for limit, effort in _EFFORT_UP_TO:
        if budget <= limit:
            return effort
    return Effort.MAX


# --- media -------------------------------------------------------------------

_EXTENSIONS = {
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "png": "image/png",
    "gif": "image/gif",
    "webp": "image/webp",
    "heic": "image/heic",
    "heif": "image/heif",
    "pdf": "application/pdf",
    "txt": "text/plain",
    "md": "text/markdown",
    "html": "text/html",
    "csv": "text/csv",
    "mp3": "audio/mpeg",
    "wav": "audio/wav",
    "ogg": "audio/ogg",
    "flac": "audio/flac",
    "aac": "audio/aac",
    "mp4": "video/mp4",
    "mov": "video/quicktime",
    "webm": "video/webm",
    "mpeg": "video/mpeg",
}
_VIDEO_SITES = ("youtube.com/", "youtu.be/")


def media_kind(media_type: str) -> MediaKind:
    family = media_type.partition("/")[0].lower()
    if family in ("image", "audio", "video"):
        return MediaKind(family)
    return MediaKind.DOCUMENT


def guess_media_type(url: str) -> str | None:
    """What a URL's file extension says it is; a video page is a video."""
    if is_video_page(url):
        return "video/mp4"
    path = url.partition("?")[0].partition("#")[0]
    return _EXTENSIONS.get(path.rpartition("/")[2].rpartition(".")[2].lower())


def is_video_page(url: str) -> bool:
    _, _, rest = url.partition("://")
    return any(site in rest[:64] for site in _VIDEO_SITES)
