"""The automaton of a ``streamGenerateContent`` stream, as a client may be sent it.

Sources: the vendor's reference of ``GenerateContentResponse`` and the official
Python SDK (``types.py`` for shapes; ``_api_client.py`` for the reader, which
takes every line that does not begin with ``data: `` for raw JSON and fails on
comments, ``event`` lines and ``[DONE]``).

There is no end marker: a stream is complete when every candidate that began
has its ``finishReason``, or when the prompt was blocked.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any

from aigw_core.grammar import is_count, read_payload, require, violation
from aigw_core.sse import SseEvent

FINISH_REASONS = frozenset(
    {
        "STOP",
        "MAX_TOKENS",
        "SAFETY",
        "RECITATION",
        "LANGUAGE",
        "OTHER",
        "BLOCKLIST",
        "PROHIBITED_CONTENT",
        "SPII",
        "MALFORMED_FUNCTION_CALL",
        "IMAGE_SAFETY",
        "IMAGE_PROHIBITED_CONTENT",
        "IMAGE_OTHER",
        "NO_IMAGE",
        "IMAGE_RECITATION",
        "UNEXPECTED_TOOL_CALL",
        "TOO_MANY_TOOL_CALLS",
        "MISSING_THOUGHT_SIGNATURE",
        "MALFORMED_RESPONSE",
        "ESCALATION",
        "PUP_LIMITED_DISABLED",
        "CONTINUATION",
        "MODEL_ARMOR",
    }
)

_CHUNK_FIELDS = frozenset(
    {
        "candidates",
        "usageMetadata",
        "modelVersion",
        "responseId",
        "promptFeedback",
        "createTime",
        "modelStatus",
        "error",
    }
)
_DATA_MEMBERS = frozenset(
    {
        "text",
        "inlineData",
        "fileData",
        "functionCall",
        "functionResponse",
        "executableCode",
        "codeExecutionResult",
        "toolCall",
        "toolResponse",
    }
)
_VERBATIM = frozenset({"args"})
"""Of a call: a ``Struct`` in the reference, which the model fills. The formats that
carry arguments as text lose nothing of them either."""

_WRITTEN = frozenset({"text", "inlineData", "fileData", "functionCall"})
"""What an encoder makes itself."""
_BESIDE = frozenset(
    {"thought", "thoughtSignature", "videoMetadata", "mediaResolution", "partMetadata"}
)
_COUNTS = (
    "promptTokenCount",
    "cachedContentTokenCount",
    "candidatesTokenCount",
    "thoughtsTokenCount",
    "toolUsePromptTokenCount",
    "totalTokenCount",
)


class StreamGrammar:
    comments = False
    named = False

    def __init__(self) -> None:
        self.failed = False
        self._blocked = False
        self._finished: dict[int, bool] = {}
        self._response_id: object = None

    def __repr__(self) -> str:
        return f"<gemini StreamGrammar complete={self.complete} failed={self.failed}>"

    @property
    def complete(self) -> bool:
        if self.failed:
            return False
        return self._blocked or (bool(self._finished) and all(self._finished.values()))

    def accept(self, event: SseEvent) -> None:
        require(not self.failed, "after the error", event.data)
        require(not event.name, "an event line", event.name)
        chunk = read_payload(event.data, verbatim=_VERBATIM)
        unknown = chunk.keys() - _CHUNK_FIELDS
        require(not unknown, "unknown fields in a chunk", unknown)
        if "error" in chunk:
            require(not self.complete, "an error after the end")
            _check_error(chunk)
            self.failed = True
            return
        if "usageMetadata" in chunk:
            _check_usage(chunk["usageMetadata"])
        self._check_identity(chunk)
        self._feedback(chunk)
        candidates = chunk.get("candidates", [])
        if not isinstance(candidates, list):
            violation("candidates is no list")
        require(not (candidates and self._blocked), "a candidate although the prompt was blocked")
        for candidate in candidates:
            self._candidate(candidate)

    def _check_identity(self, chunk: dict[str, Any]) -> None:
        for field in ("modelVersion", "responseId"):
            require(isinstance(chunk.get(field), str | None), f"{field} is no string")
        response_id = chunk.get("responseId")
        if response_id is not None:
            if self._response_id is None:
                self._response_id = response_id
            require(response_id == self._response_id, "the responseId changed")

    def _feedback(self, chunk: dict[str, Any]) -> None:
        feedback = chunk.get("promptFeedback")
        require(isinstance(feedback, dict | None), "promptFeedback is no object")
        if feedback and feedback.get("blockReason"):
            require(isinstance(feedback["blockReason"], str), "blockReason is no string")
            require(not self._finished, "the prompt is blocked after an answer began")
            self._blocked = True

    def _candidate(self, candidate: object) -> None:
        if not isinstance(candidate, dict):
            violation("a candidate is no object")
        index = candidate.get("index", 0)
        require(is_count(index), "the index of a candidate", index)
        require(not self._finished.get(index), f"candidate {index} goes on after its finishReason")
        self._finished[index] = False
        content = candidate.get("content")
        if content is not None:
            if not isinstance(content, dict):
                violation("content is no object")
            require(content.get("role") == "model", "another role than model", content)
            parts = content.get("parts", [])
            if not isinstance(parts, list):
                violation("parts is no list")
            for part in parts:
                _check_part(part)
        reason = candidate.get("finishReason")
        if reason is not None:
            require(reason in FINISH_REASONS, "an unknown finishReason", reason)
            self._finished[index] = True


def _check_error(chunk: dict[str, Any]) -> None:
    require(chunk.keys() == {"error"}, "an error beside other fields", chunk)
    error = chunk["error"]
    if not isinstance(error, dict):
        violation("the error is no object")
    # The SDK chooses the exception by this number: below 400 it raises nothing fit.
    require(is_count(error.get("code")) and 400 <= error["code"] <= 599, "error.code")
    require(isinstance(error.get("message"), str) and error["message"], "error.message")
    require(isinstance(error.get("status"), str) and error["status"].isupper(), "error.status")


def _check_usage(usage: object) -> None:
    if not isinstance(usage, dict):
        violation("usageMetadata is no object")
    for field in _COUNTS:
        require(field not in usage or is_count(usage[field]), f"{field} is no count", usage)


def _check_part(part: object) -> None:
    if not isinstance(part, dict):
        violation("a part is no object")
    if not part.keys() & _WRITTEN:
        # Of a kind that is the vendor's own, perhaps a new one: passed on as it came.
        require(part.keys() - _BESIDE, "a part of no kind", part)
        return
    members = part.keys() & _DATA_MEMBERS
    unknown = part.keys() - _DATA_MEMBERS - _BESIDE
    require(not unknown, "unknown fields in a part", unknown)
    require(len(members) == 1, "a part that is not of one kind", members)
    require(isinstance(part.get("thought"), bool | None), "thought is no boolean")
    if "text" in part:
        require(isinstance(part["text"], str), "text is no string")
    signature = part.get("thoughtSignature")
    if signature is not None:
        require(_is_base64(signature), "thoughtSignature is not base64")
    call = part.get("functionCall")
    if call is not None:
        require(isinstance(call, dict), "functionCall is no object")
        require(isinstance(call.get("name"), str) and call["name"], "a call without name")
        require(isinstance(call.get("args", {}), dict), "args is no object")
        require(isinstance(call.get("id"), str | None), "the id of a call is no string")
    blob = part.get("inlineData")
    if blob is not None:
        require(isinstance(blob, dict), "inlineData is no object")
        require(isinstance(blob.get("mimeType"), str), "inlineData without mimeType")
        require(_is_base64(blob.get("data")), "inlineData.data is not base64")


def _is_base64(text: object) -> bool:
    if not isinstance(text, str) or not text:
        return False
    standard = text.replace("-", "+").replace("_", "/")
    padded = standard + "=" * (-len(standard) % 4)
    try:
        base64.b64decode(padded, validate=True)
    except (binascii.Error, ValueError):
        return False
    return True
