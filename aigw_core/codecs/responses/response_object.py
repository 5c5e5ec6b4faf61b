"""The response object that a client is sent: the answer so far, and the
settings of the request, which this format echoes."""

from __future__ import annotations

import re

from msgspec import Raw

from aigw_core.chat import ChatRequest, Format, OutputKind, Role, ServerState, Text, Tool, Usage
from aigw_core.codec import AnswerContext
from aigw_core.codecs.responses import wire
from aigw_core.codecs.responses.settings import (
    SUMMARIES,
    write_text,
    write_tool,
    write_tool_choice,
)
from aigw_core.codecs.responses.usage import write_usage
from aigw_core.events import AnswerStart
from aigw_core.sse import escape_separators

_LEGAL_ID = re.compile(r"[A-Za-z0-9_.-]{1,120}")


def safe_json(value: object) -> bytes:
    """JSON that may stand in an event."""
    return escape_separators(wire.encode(value))


class ResponseObject:
    """Writes the object in all its states. The parts that do not change are
    written once."""

    def __init__(self, context: AnswerContext, start: AnswerStart) -> None:
        upstream = start.id if _LEGAL_ID.fullmatch(start.id) else ""
        if upstream.startswith("resp_"):
            self.id = upstream
        else:
            self.id = f"resp_{upstream or context.id}"
        created = context.created if start.created is None else start.created
        self._head = b'{"id":%b,"object":"response","created_at":%d,"status":' % (
            safe_json(self.id),
            created,
        )
        self._model = safe_json(context.model)
        request = context.request
        self._tier = request.tier if request is not None else None
        self._settings = safe_json(_settings(request, context.server_state))[1:]

    def write(
        self,
        status: str,
        output: list[bytes],
        usage: Usage,
        *,
        incomplete: str | None = None,
        error: dict[str, object] | None = None,
    ) -> bytes:
        tier = usage.tier or self._tier
        if tier == "standard":
            tier = "default"
        return b"".join(
            (
                self._head,
                wire.encode(status),
                b',"completed_at":null,"error":',
                safe_json(error),
                b',"incomplete_details":',
                wire.encode(None if incomplete is None else {"reason": incomplete}),
                b',"model":',
                self._model,
                b',"output":[',
                b",".join(output),
                b'],"usage":',
                wire.encode(write_usage(usage)),
                b',"service_tier":',
                safe_json(tier),
                b",",
                self._settings,
            )
        )


def _settings(request: ChatRequest | None, state: ServerState | None) -> dict[str, object]:
    """What the request asked for; ``None`` where it left things to the model."""
    settings: dict[str, object] = {
        "background": False,
        "instructions": None,
        "max_output_tokens": None,
        "max_tool_calls": None,
        "metadata": {},
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "prompt_cache_key": None,
        "reasoning": {"effort": None, "summary": None},
        "safety_identifier": None,
        "store": False,
        "temperature": None,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_logprobs": 0,
        "top_p": None,
        "truncation": "disabled",
        "user": None,
    }
    if request is not None:
        _echo(request, settings)
        state = state or request.server_state
    if state is not None:
        settings["previous_response_id"] = state.previous_id
        settings["store"] = bool(state.store)
    return settings


def _echo(request: ChatRequest, settings: dict[str, object]) -> None:
    own = request.format is Format.RESPONSES
    for turn in request.turns[:1]:
        if own and turn.role is Role.SYSTEM and turn.pointer == "/instructions":
            settings["instructions"] = "".join(
                part.text for part in turn.parts if isinstance(part, Text)
            )
    identity, sampling = request.identity, request.sampling
    settings["max_output_tokens"] = request.max_output
    if identity.metadata is not None:
        settings["metadata"] = Raw(identity.metadata)
    if request.parallel_tools is not None:
        settings["parallel_tool_calls"] = request.parallel_tools
    settings["prompt_cache_key"] = identity.cache_key
    effort = request.reasoning.effort
    settings["reasoning"] = {
        "effort": None if effort is None else effort.value,
        "summary": SUMMARIES.get(request.reasoning.visible),
    }
    settings["safety_identifier"] = identity.safety_id
    settings["temperature"] = sampling.temperature
    settings["top_p"] = sampling.top_p
    settings["top_logprobs"] = sampling.top_logprobs or 0
    settings["user"] = identity.user
    text = write_text(request.output, own=own)
    if request.output.kind is OutputKind.TEXT:
        text["format"] = {"type": "text"}
    settings["text"] = text
    tools = [tool for tool in request.tools if own or isinstance(tool, Tool)]
    settings["tools"] = [
        write_tool(tool, tool.name if isinstance(tool, Tool) else "", own=own) for tool in tools
    ]
    choice = request.tool_choice
    if choice is not None and (own or choice.native is None):
        freeform = [tool.name for tool in tools if isinstance(tool, Tool) and tool.freeform]
        settings["tool_choice"] = write_tool_choice(choice, freeform, str)
    for extra in request.extras:
        if own and extra.name in ("truncation", "max_tool_calls"):
            settings[extra.name] = Raw(extra.raw)
