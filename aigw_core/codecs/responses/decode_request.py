"""A client's request in this format: what routing needs, and all of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import msgspec
from msgspec import UNSET, Raw

from aigw_core.chat import (
    CacheMark,
    ChatRequest,
    Extra,
    Format,
    HostedTool,
    Identity,
    Native,
    Opaque,
    OutputKind,
    OutputSpec,
    ReasoningSpec,
    Role,
    Sampling,
    ServerState,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolChoiceMode,
    ToolResult,
    Turn,
)
from aigw_core.codec import Inbound, Peek
from aigw_core.codecs.responses import wire
from aigw_core.codecs.responses.content import leftovers, native
from aigw_core.codecs.responses.input_items import decode_at, decode_input
from aigw_core.errors import InvalidRequest
from aigw_core.jsondoc import decode_as, is_empty_list, splice
from aigw_core.naming import refuse_duplicates

POINTERS = {
    "sampling.temperature": "/temperature",
    "sampling.top_p": "/top_p",
    "sampling.logprobs": "/include",
    "sampling.top_logprobs": "/top_logprobs",
    "max_output": "/max_output_tokens",
    "tier": "/service_tier",
    "identity.user": "/user",
    "identity.metadata": "/metadata",
    "identity.cache_key": "/prompt_cache_key",
    "identity.safety_id": "/safety_identifier",
    "parallel_tools": "/parallel_tool_calls",
    "tool_choice": "/tool_choice",
    "tools": "/tools",
    "reasoning.effort": "/reasoning/effort",
    "reasoning.visible": "/reasoning/summary",
    "output": "/text/format",
    "output.verbosity": "/text/verbosity",
    "server_state.store": "/store",
    "server_state.previous_id": "/previous_response_id",
    "server_state.conversation": "/conversation",
    "cache": "/prompt_cache_options",
    "stream": "/stream",
    "turns": "/input",
}

ENCRYPTED = "reasoning.encrypted_content"
LOGPROBS = "message.output_text.logprobs"
DEFAULT_TTL = "30m"

_MODEL = re.compile(r"[A-Za-z0-9._:/@+~-]{1,256}")
_STATE = ("previous_response_id", "conversation", "prompt")
"""Fields that bring turns of their own, so that ``input`` may be missing."""

_REQUEST = msgspec.json.Decoder(wire.Request).decode
_KNOWN = frozenset(wire.Request.__struct_fields__)
# What says how this answer is to be delivered, and nothing to a model.
_DELIVERY = frozenset({"stream_options"})
_ESSENTIAL = frozenset({"prompt", "background", "moderation"})
_DEFAULTS = {"background": b"false", "truncation": b'"disabled"'}
_MODES = {mode.value: mode for mode in ToolChoiceMode}

_FUNCTION_TOOL = msgspec.json.Decoder(wire.FunctionTool).decode
_CUSTOM_TOOL = msgspec.json.Decoder(wire.CustomTool).decode
_NAMESPACE = msgspec.json.Decoder(wire.NamespaceTool).decode
_CHOICE = msgspec.json.Decoder(str | wire.ToolChoiceObject).decode
_STR = msgspec.json.Decoder(str).decode
_BOOL = msgspec.json.Decoder(bool | None).decode
_FUNCTION_FIELDS = frozenset({"type", "name", "description", "parameters", "strict"})
_CUSTOM_FIELDS = frozenset({"type", "name", "description", "format"})


def peek(inbound: Inbound) -> Peek:
    """What routing needs.

    Raises:
        InvalidRequest: no JSON object, no usable model, no input.
    """
    fields = inbound.fields
    model = check_model(fields)
    stream = decode_at(_BOOL, fields["stream"], "/stream") if "stream" in fields else None
    items = fields.get("input", Raw(b"null"))
    given = bytes(items)
    if given.startswith(b"["):
        if is_empty_list(items) and not _has_state(fields):
            raise InvalidRequest("the list is empty", pointer="/input")
    elif given == b"null":
        if not _has_state(fields):
            raise InvalidRequest("the field is missing", pointer="/input")
    elif not given.startswith(b'"'):
        raise InvalidRequest("Expected `str | array`", pointer="/input")
    return Peek(model, bool(stream))


def check_model(fields: Mapping[str, Raw]) -> str:
    """The model's name.

    Raises:
        InvalidRequest: missing, no string, or with characters no model has.
    """
    if "model" not in fields:
        raise InvalidRequest("the field is missing", pointer="/model")
    model = decode_at(_STR, fields["model"], "/model")
    if not _MODEL.fullmatch(model):
        raise InvalidRequest("this is no name of a model", pointer="/model")
    return model


def _has_state(fields: Mapping[str, Raw]) -> bool:
    return any(bytes(fields.get(name, Raw(b"null"))) != b"null" for name in _STATE)


def decode_request(inbound: Inbound) -> ChatRequest:
    """The whole request.

    Raises:
        InvalidRequest: with the JSON pointer of what is wrong.
    """
    fields = inbound.fields
    check_model(fields)
    request = decode_as(_REQUEST, splice(fields, {"input": b"null"}))
    tools = _tools(request.tools or [])
    turns = _turns(request, fields.get("input", Raw(b"null")))
    if not _says_something(turns) and not _has_state(fields):
        raise InvalidRequest("there is nothing to answer", pointer="/input")
    state = _server_state(request)
    cache, extras = _cache(request, fields)
    include = request.include or []
    decoded = ChatRequest(
        model=request.model,
        turns=tuple(turns),
        format=Format.RESPONSES,
        tools=tools,
        tool_choice=_tool_choice(request, tools, turns),
        parallel_tools=request.parallel_tool_calls,
        output=_output(request.text),
        reasoning=_reasoning(request.reasoning),
        sampling=Sampling(
            temperature=request.temperature,
            top_p=request.top_p,
            logprobs=LOGPROBS in include,
            top_logprobs=request.top_logprobs,
        ),
        max_output=request.max_output_tokens,
        stream=bool(request.stream),
        stream_usage=True,
        identity=Identity(
            user=request.user,
            safety_id=request.safety_identifier,
            cache_key=request.prompt_cache_key,
            metadata=wire.encode(request.metadata) if request.metadata else None,
        ),
        tier=request.service_tier,
        cache=cache,
        server_state=state,
        extras=(*extras, *_include_extra(include), *_nested(fields), *_unknown(fields)),
    )
    if not (state.previous_id or state.conversation or "prompt" in fields):
        _refuse_orphans(decoded.unusual)
    return decoded


# --- turns --------------------------------------------------------------------


def _turns(request: wire.Request, given: Raw) -> list[Turn]:
    turns: list[Turn] = []
    if request.instructions is not None:
        turns.append(Turn(Role.SYSTEM, (Text(request.instructions),), pointer="/instructions"))
    options = request.prompt_cache_options
    return turns + decode_input(given, (options and options.ttl) or DEFAULT_TTL)


def _says_something(turns: list[Turn]) -> bool:
    return any(turn.pointer != "/instructions" for turn in turns)


_ELSEWHERE = frozenset({"item_reference", "compaction", "compaction_summary"})


def _refuse_orphans(turns: Iterable[Turn]) -> None:
    """Refuse results of calls that are not there, unless calls may be elsewhere."""
    calls: set[str] = set()
    for turn in turns:
        for part in turn.parts:
            if isinstance(part, ToolCall):
                calls.add(part.id)
            elif isinstance(part, Opaque):
                if part.label in _ELSEWHERE:
                    return
                fields = wire.decode_fields(part.native.raw)
                if "call_id" in fields:
                    calls.add(bytes(fields["call_id"]).decode().strip('"'))
            elif isinstance(part, ToolResult) and part.call_id not in calls:
                raise InvalidRequest(
                    f"no function call has the call_id {part.call_id!r} of this output",
                    pointer=turn.pointer,
                )


# --- tools --------------------------------------------------------------------


def _tools(raws: list[Raw]) -> tuple[Tool | HostedTool, ...]:
    tools = [_tool(raw, f"/tools/{number}") for number, raw in enumerate(raws)]
    refuse_duplicates((tool.name, tool.pointer) for tool in tools if isinstance(tool, Tool))
    return tuple(tools)


def _tool(raw: Raw, pointer: str) -> Tool | HostedTool:
    kind = decode_at(wire.decode_head, raw, pointer).type
    if kind is None:
        raise InvalidRequest("a tool needs a type", pointer=f"{pointer}/type")
    if kind == "function":
        function = decode_at(_FUNCTION_TOOL, raw, pointer)
        return Tool(
            function.name,
            function.description,
            _object(function.parameters, f"{pointer}/parameters"),
            function.strict,
            native=native(leftovers(raw, _FUNCTION_FIELDS)),
            pointer=pointer,
        )
    if kind == "custom":
        custom = decode_at(_CUSTOM_TOOL, raw, pointer)
        grammar = _object(custom.format, f"{pointer}/format")
        return Tool(
            custom.name,
            custom.description,
            freeform=True,
            grammar=None if grammar is None else Native(Format.RESPONSES, grammar),
            native=native(leftovers(raw, _CUSTOM_FIELDS)),
            pointer=pointer,
        )
    return HostedTool(Native(Format.RESPONSES, bytes(raw)), kind, pointer)


def _json(raw: Raw | msgspec.UnsetType) -> bytes | None:
    return None if raw is UNSET or bytes(raw) == b"null" else bytes(raw)


def _object(raw: Raw | msgspec.UnsetType, pointer: str) -> bytes | None:
    document = _json(raw)
    if document is not None and not document.startswith(b"{"):
        raise InvalidRequest("Expected `object`", pointer=pointer)
    return document


def _tool_choice(
    request: wire.Request, tools: tuple[Tool | HostedTool, ...], turns: list[Turn]
) -> ToolChoice | None:
    raw = _json(request.tool_choice)
    if raw is None:
        return None
    choice = decode_at(_CHOICE, raw, "/tool_choice")
    if isinstance(choice, str):
        if choice not in _MODES:
            raise InvalidRequest(f"unknown tool choice {choice!r}", pointer="/tool_choice")
        return ToolChoice(_MODES[choice])
    if choice.type in ("function", "custom"):
        mode, wanted = ToolChoiceMode.REQUIRED, [choice.name]
    elif choice.type == "allowed_tools":
        mode = _MODES[choice.mode or "auto"]
        wanted = [tool.name for tool in choice.tools or () if tool.type in ("function", "custom")]
        if not choice.tools or len(wanted) < len(choice.tools):
            return ToolChoice(
                mode,
                tuple([name for name in wanted if name]),
                Native(Format.RESPONSES, raw),
            )
    else:
        return ToolChoice(ToolChoiceMode.REQUIRED, native=Native(Format.RESPONSES, raw))
    names = tuple([name for name in wanted if name])
    if len(names) < len(wanted):
        raise InvalidRequest("a tool choice needs a name", pointer="/tool_choice")
    known = _known_tools(tools, turns)
    for name in names:
        if known is not None and name not in known:
            raise InvalidRequest(f"no tool is named {name!r}", pointer="/tool_choice")
    return ToolChoice(mode, names)


_LATER_TOOLS = frozenset({"additional_tools", "tool_search_output", "mcp_list_tools"})


def _known_tools(tools: tuple[Tool | HostedTool, ...], turns: list[Turn]) -> set[str] | None:
    """The names of all tools; ``None`` when some are only known to the vendor."""
    for turn in turns:
        for part in turn.parts:
            if isinstance(part, Opaque) and part.label in _LATER_TOOLS:
                return None
    names: set[str] = set()
    for tool in tools:
        if isinstance(tool, Tool):
            names.add(tool.name)
        elif tool.label == "namespace":
            space = decode_at(_NAMESPACE, tool.native.raw, tool.pointer)
            names.update(inner.name for inner in space.tools if inner.name)
        elif tool.label in ("mcp", "tool_search"):
            return None
    return names


# --- settings -----------------------------------------------------------------


def _output(text: wire.TextConfig | None) -> OutputSpec:
    if text is None:
        return OutputSpec()
    asked = text.format
    if asked is None or asked.type == "text":
        return OutputSpec(verbosity=text.verbosity)
    if asked.type == "json_object":
        return OutputSpec(OutputKind.JSON, verbosity=text.verbosity)
    if asked.type != "json_schema":
        raise InvalidRequest(f"unknown format {asked.type!r}", pointer="/text/format/type")
    schema = _object(asked.schema, "/text/format/schema")
    if schema is None:
        raise InvalidRequest("the schema is missing", pointer="/text/format/schema")
    return OutputSpec(
        OutputKind.SCHEMA,
        asked.name,
        schema,
        asked.strict,
        asked.description,
        text.verbosity,
    )


_VISIBLE = {"auto": "summary", "concise": "summary", "detailed": "detailed"}


def _reasoning(config: wire.ReasoningConfig | None) -> ReasoningSpec:
    if config is None:
        return ReasoningSpec()
    summary = config.summary or config.generate_summary
    return ReasoningSpec(effort=config.effort, visible=_VISIBLE[summary] if summary else None)


def _server_state(request: wire.Request) -> ServerState:
    conversation = _json(request.conversation)
    if conversation is not None and request.previous_response_id is not None:
        raise InvalidRequest(
            "previous_response_id and conversation exclude each other", pointer="/conversation"
        )
    return ServerState(
        previous_id=request.previous_response_id,
        conversation=None if conversation is None else Native(Format.RESPONSES, conversation),
        store=request.store,
    )


def _cache(
    request: wire.Request, fields: Mapping[str, Raw]
) -> tuple[CacheMark | None, tuple[Extra, ...]]:
    """Implicit caching is canonical; anything else in the options is kept whole."""
    options = request.prompt_cache_options
    if options is None:
        return None, ()
    raw = bytes(fields["prompt_cache_options"])
    others = leftovers(raw, frozenset({"mode", "ttl"}))
    if not others and options.mode in (None, "implicit"):
        return CacheMark(options.ttl or DEFAULT_TTL), ()
    return None, (Extra("prompt_cache_options", raw, "/prompt_cache_options"),)


def _include_extra(include: list[str]) -> tuple[Extra, ...]:
    rest = [name for name in include if name not in (ENCRYPTED, LOGPROBS)]
    return (Extra("include", wire.encode(rest), "/include"),) if rest else ()


_NESTED = {
    "reasoning": frozenset({"effort", "summary", "generate_summary"}),
    "text": frozenset({"format", "verbosity"}),
}


def _nested(fields: Mapping[str, Raw]) -> list[Extra]:
    """Unknown fields one level down; their names have a dot."""
    return [
        Extra(f"{outer}.{name}", bytes(value), f"/{outer}/{name}")
        for outer, known in _NESTED.items()
        if bytes(fields.get(outer, Raw(b"null"))) != b"null"
        for name, value in leftovers(fields[outer], known).items()
    ]


def _unknown(fields: Mapping[str, Raw]) -> list[Extra]:
    return [
        Extra(
            name,
            bytes(value),
            "/" + name.replace("~", "~0").replace("/", "~1"),
            essential=name in _ESSENTIAL,
        )
        for name, value in fields.items()
        if name not in _KNOWN
        and name not in _DELIVERY
        and bytes(value) != b"null"
        and bytes(value) != _DEFAULTS.get(name)
    ]
