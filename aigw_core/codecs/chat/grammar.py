"""The automaton of a Chat Completions stream, as a client may be sent it.

Sources: the vendor's OpenAPI description of ``CreateChatCompletionStreamResponse``,
and the accumulator of the official Python SDK (``lib/streaming/_deltas.py`` and
``lib/streaming/chat/_completions.py``), which joins repeated strings, adds up
repeated numbers and finds list entries by their position. What that accumulator
would garble or raise on is illegal here.
"""

from __future__ import annotations

from typing import Any

from aigw_core.grammar import is_count, read_payload, require, violation
from aigw_core.sse import SseEvent

FINISH_REASONS = frozenset({"stop", "length", "tool_calls", "content_filter", "function_call"})

_CHUNK_FIELDS = frozenset(
    {
        "id",
        "object",
        "created",
        "model",
        "choices",
        "usage",
        "service_tier",
        "system_fingerprint",
        "moderation",
    }
)
_TEXT_FIELDS = ("content", "refusal", "reasoning_content", "reasoning")
_DELTA_FIELDS = frozenset(
    {*_TEXT_FIELDS, "role", "tool_calls", "annotations", "reasoning_details", "audio"}
)


class _Choice:
    def __init__(self) -> None:
        self.calls: list[str] = []  # "function" or "custom", by index
        self.annotated = False
        self.details = 0
        self.finished = False


class StreamGrammar:
    """Accepts one stream. Whether usage was asked for shows in the first chunk:
    either every chunk has the ``usage`` key, or none has."""

    comments = True
    named = False

    def __init__(self) -> None:
        self.complete = False
        self.failed = False
        self._identity: tuple[Any, ...] | None = None
        self._has_usage: bool | None = None
        self._usage_sent = False
        self._choices: list[_Choice] = []

    def __repr__(self) -> str:
        return f"<chat StreamGrammar complete={self.complete} failed={self.failed}>"

    def accept(self, event: SseEvent) -> None:
        require(not self.complete, "after [DONE]", event.data)
        require(not self.failed, "after the error", event.data)
        require(not event.name, "an event line", event.name)
        if event.data == b"[DONE]":
            self._done()
            return
        chunk = read_payload(event.data)
        if "error" in chunk:
            self._error(chunk)
        else:
            self._chunk(chunk)

    def _done(self) -> None:
        require(self._choices, "[DONE] without an answer")
        for index, choice in enumerate(self._choices):
            require(choice.finished, f"[DONE] but choice {index} has no finish_reason")
        self.complete = True

    def _error(self, chunk: dict[str, Any]) -> None:
        require(chunk.keys() == {"error"}, "an error beside other fields", chunk)
        error = chunk["error"]
        require(isinstance(error, dict) and error, "the error is no object")
        require(error.get("message"), "an error without a message")
        for field in ("message", "type"):
            require(isinstance(error.get(field), str), f"error.{field} is no string")
        for field in ("param", "code"):
            require(isinstance(error.get(field), str | None), f"error.{field} is no string")
        self.failed = True

    def _chunk(self, chunk: dict[str, Any]) -> None:
        unknown = chunk.keys() - _CHUNK_FIELDS
        require(not unknown, "unknown fields in a chunk", unknown)
        require(chunk.get("object") == "chat.completion.chunk", "wrong object")
        identity = (chunk.get("id"), chunk.get("created"), chunk.get("model"))
        require(isinstance(identity[0], str) and identity[0], "no id")
        require(is_count(identity[1]), "created is no count of seconds")
        require(isinstance(identity[2], str), "model is no string")
        if self._identity is None:
            self._identity = identity
        require(identity == self._identity, "id, created or model changed", identity)
        self._usage(chunk)
        choices = chunk.get("choices")
        if not isinstance(choices, list):
            violation("choices is no list")
        require(choices or chunk.get("usage") or chunk.get("moderation"), "a chunk of nothing")
        for choice in choices:
            self._choice(choice)

    def _usage(self, chunk: dict[str, Any]) -> None:
        # The SDK keeps the usage of the last chunk, also when that is null.
        require(not self._usage_sent, "a chunk after the usage chunk")
        has_usage = "usage" in chunk
        if self._has_usage is None:
            self._has_usage = has_usage
        require(has_usage == self._has_usage, "usage in some chunks only")
        usage = chunk.get("usage")
        if usage is None:
            return
        require(chunk.get("choices") == [], "usage in a chunk with choices")
        for field in ("prompt_tokens", "completion_tokens", "total_tokens"):
            require(is_count(usage.get(field)), f"usage.{field} is no count")
        require(
            usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"],
            "the total is not the sum",
            usage,
        )
        for name in ("prompt_tokens_details", "completion_tokens_details"):
            details = usage.get(name)
            require(isinstance(details, dict | None), f"usage.{name} is no object")
            for key, count in (details or {}).items():
                require(count is None or is_count(count), f"usage.{name} with no count", key)
        self._usage_sent = True

    def _choice(self, wire: object) -> None:
        if not isinstance(wire, dict):
            violation("a choice is no object")
        unknown = wire.keys() - {"index", "delta", "finish_reason", "logprobs"}
        require(not unknown, "unknown fields in a choice", unknown)
        index, delta = wire.get("index"), wire.get("delta")
        if not isinstance(index, int) or not is_count(index):
            violation("the index of a choice", index)
        if not isinstance(delta, dict):
            violation("the delta is no object")
        if index == len(self._choices):
            require(delta.get("role") == "assistant", f"choice {index} opens without its role")
            self._choices.append(_Choice())
        else:
            require(index < len(self._choices), f"choice {index} before the ones below it")
            require("role" not in delta, "the role comes twice")
        choice = self._choices[index]
        require(not choice.finished, f"choice {index} goes on after its finish_reason")
        unknown = delta.keys() - _DELTA_FIELDS
        require(not unknown, "unknown fields in a delta", unknown)
        for field in _TEXT_FIELDS:
            require(isinstance(delta.get(field), str | None), f"delta.{field} is no string")
        self._tool_calls(choice, delta.get("tool_calls", []))
        self._lists(choice, delta)
        _check_logprobs(wire.get("logprobs"))
        require("finish_reason" in wire, "no finish_reason key")
        reason = wire["finish_reason"]
        if reason is not None:
            self._finish(choice, reason, delta)

    def _finish(self, choice: _Choice, reason: object, delta: dict[str, Any]) -> None:
        require(reason in FINISH_REASONS, "an unknown finish_reason", reason)
        require(not delta, "a finish_reason beside a delta", delta)
        if reason == "tool_calls":
            require(choice.calls, "finish_reason tool_calls without a call")
        if reason == "stop":
            require(not choice.calls, "finish_reason stop although tools were called")
        choice.finished = True

    def _tool_calls(self, choice: _Choice, entries: object) -> None:
        if not isinstance(entries, list):
            violation("tool_calls is no list")
        for entry in entries:
            require(isinstance(entry, dict), "a tool call is no object")
            index = entry.get("index")
            require(is_count(index), "the index of a tool call", index)
            if index == len(choice.calls):
                choice.calls.append(_check_call_start(entry))
                continue
            require(index < len(choice.calls), "a tool call before the ones below it", index)
            _check_call_more(entry, choice.calls[index])

    def _lists(self, choice: _Choice, delta: dict[str, Any]) -> None:
        annotations = delta.get("annotations")
        if annotations is not None:
            require(isinstance(annotations, list), "annotations is no list")
            require(not choice.annotated, "annotations come in two deltas")
            choice.annotated = True
        details = delta.get("reasoning_details")
        if details is not None:
            require(isinstance(details, list), "reasoning_details is no list")
            for entry in details:
                require(isinstance(entry, dict), "a reasoning detail is no object")
                require(isinstance(entry.get("type"), str), "a reasoning detail without type")
                found, due = entry.get("index"), choice.details
                require(found == due, "a reasoning detail that is not the next", found, due)
                choice.details += 1


def _check_call_start(entry: dict[str, Any]) -> str:
    kind = entry.get("type")
    if kind not in ("function", "custom"):
        violation("a tool call of unknown type", kind)
    assert isinstance(kind, str)
    unknown = entry.keys() - {"index", "id", "type", kind, "extra_content"}
    require(not unknown, "unknown fields in a tool call", unknown)
    require(isinstance(entry.get("id"), str) and entry["id"], "a tool call without id")
    body = entry.get(kind)
    field = "arguments" if kind == "function" else "input"
    if not isinstance(body, dict):
        violation("a tool call without its body", kind)
    require(body.keys() <= {"name", field}, "unknown fields in the body of a tool call", body)
    require(isinstance(body.get("name"), str) and body["name"], "a tool call without name")
    require(isinstance(body.get(field), str), f"a tool call without {field}")
    return kind


def _check_call_more(entry: dict[str, Any], kind: str) -> None:
    # Repeated strings are joined by the SDK: a second id doubles it.
    unknown = entry.keys() - {"index", kind, "extra_content"}
    require(not unknown, "more of a tool call repeats fields", unknown)
    body = entry.get(kind)
    field = "arguments" if kind == "function" else "input"
    if not isinstance(body, dict):  # the SDK asserts it
        violation("more of a tool call without its body", kind)
    require(body.keys() <= {field}, "more of a tool call repeats fields of its body", body)
    require(isinstance(body.get(field, ""), str), f"{field} is no string")
    require(body or "extra_content" in entry, "more of a tool call that says nothing")


def _check_logprobs(logprobs: object) -> None:
    if logprobs is None:
        return
    if not isinstance(logprobs, dict):
        violation("logprobs is no object")
    require(logprobs.keys() <= {"content", "refusal"}, "unknown fields in logprobs", logprobs)
    for entries in logprobs.values():
        for token in entries or []:
            require(isinstance(token.get("token"), str), "a logprob without token")
            require(isinstance(token.get("logprob"), int | float), "a logprob without number")
            require(isinstance(token.get("top_logprobs"), list), "a logprob without top_logprobs")
