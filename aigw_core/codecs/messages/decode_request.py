"""A client's request to the canonical conversation.

What has no canonical place is kept: unknown top-level fields, and unknown
fields of ``thinking``, ``output_config`` and the like, become
:class:`~aigw_core.chat.Extra` with their JSON pointer; those of blocks and
tools stay with their part. An upstream of the same format gets them back.

Source: Messages API reference; versioning and migration pages for what
``2026-10-21`` refuses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec
from msgspec import Raw, ValidationError
from msgspec.json import Decoder

from aigw_core.chat import (
    ChatRequest,
    Effort,
    Extra,
    Format,
    HostedTool,
    Identity,
    Media,
    MediaKind,
    OutputKind,
    OutputSpec,
    Part,
    Reasoning,
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
from aigw_core.codec import Inbound
from aigw_core.codecs.messages import wire
from aigw_core.codecs.messages.blocks import BlockError, decode_blocks, decode_cache, native
from aigw_core.codecs.messages.wire import decode_fields
from aigw_core.errors import InvalidRequest
from aigw_core.jsondoc import decode_as, pointer_of, splice
from aigw_core.naming import refuse_duplicates

_decode_request = Decoder(wire.Request).decode
_decode_plain: Callable[[Raw], list[wire.PlainMessage]] = Decoder(list[wire.PlainMessage]).decode
_decode_any: Callable[[Raw], list[wire.Message]] = Decoder(list[wire.Message]).decode
_decode_tool = Decoder(wire.FunctionTool).decode
_decode_str = Decoder(str).decode

_KNOWN = frozenset(wire.Request.__struct_fields__)
_EMPTY = (b"null", b"[]")
_ESSENTIAL = frozenset({"mcp_servers", "container"})
_EFFORTS = {effort.value: effort for effort in Effort}
_VISIBLE = {"summarized": "summary", "omitted": "none"}
_MODES = {"enabled": "manual"}
_TIERS = {"standard_only": "default"}
_ROLES = {"user": Role.USER, "assistant": Role.ASSISTANT, "system": Role.SYSTEM}
_CHOICES = {
    "auto": ToolChoiceMode.AUTO,
    "none": ToolChoiceMode.NONE,
    "any": ToolChoiceMode.REQUIRED,
    "tool": ToolChoiceMode.REQUIRED,
}
MIN_BUDGET = 1024
"""Tokens; a manual thinking budget below it is refused by the vendor."""

_NESTED: dict[str, frozenset[str]] = {
    "thinking": frozenset(wire.Thinking.__struct_fields__),
    "output_config": frozenset(wire.OutputConfig.__struct_fields__),
    "metadata": frozenset(wire.Metadata.__struct_fields__),
}


def decode_request(inbound: Inbound) -> ChatRequest:
    """The request as a conversation.

    ``anthropic-version`` in the headers decides what is legal; without it (or
    with an unknown earlier one) it is ``2023-06-01``.

    Raises:
        InvalidRequest: with the JSON pointer of what is wrong.
    """
    fields = inbound.fields
    given = fields.get("messages")
    rest = inbound.body if given is None else splice(fields, {"messages": b"[]"})
    body = decode_as(_decode_request, rest)
    extras = _extras(fields)
    strict = inbound.headers.get("anthropic-version", "") >= wire.VERSION_2026
    if strict:
        _refuse_sampling(fields)
    if not body.model:
        raise InvalidRequest("the model is empty", pointer="/model")
    if body.max_tokens < 0:
        raise InvalidRequest("max_tokens is not negative", pointer="/max_tokens")
    turns = _decode_turns(body, given or body.messages, strict=strict)
    thread = None if bytes(body.thread) == b"null" else native(bytes(body.thread))
    tools = _decode_tools(body.tools or [])
    choice, parallel = _decode_choice(body.tool_choice, fields, tools)
    reasoning, output = _decode_thinking(body, fields, extras)
    sampling = Sampling(body.temperature, body.top_p, body.top_k)
    request = ChatRequest(
        model=body.model,
        turns=turns,
        format=Format.MESSAGES,
        tools=tools,
        tool_choice=choice,
        parallel_tools=parallel,
        output=output,
        reasoning=reasoning,
        sampling=sampling,
        max_output=body.max_tokens,
        stop=tuple(body.stop_sequences or ()),
        stream=bool(body.stream),
        stream_usage=True,
        identity=Identity(safety_id=None if body.metadata is None else body.metadata.user_id),
        tier=_TIERS.get(body.service_tier or "", body.service_tier),
        cache=decode_cache(body.cache_control),
        server_state=ServerState(conversation=thread),
        extras=tuple(extras),
    )
    if request.unusual and thread is None:
        # The messages of a thread are a part of the conversation.
        _check_results(turns)
    return request


def _extras(fields: Mapping[str, Raw]) -> list[Extra]:
    extras = [
        Extra(
            name,
            bytes(raw),
            "/" + _escape(name),
            essential=name in _ESSENTIAL and bytes(raw) not in _EMPTY,
        )
        for name, raw in fields.items()
        if name not in _KNOWN
    ]
    for outer, known in _NESTED.items():
        raw = fields.get(outer)
        if raw is None or bytes(raw) == b"null":
            continue
        extras += [
            Extra(f"{outer}.{name}", bytes(value), f"/{outer}/{_escape(name)}")
            for name, value in decode_fields(raw).items()
            if name not in known
        ]
    return extras


def _escape(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def _refuse_sampling(fields: Mapping[str, Raw]) -> None:
    for name in ("temperature", "top_p", "top_k"):
        if name in fields:
            raise InvalidRequest(
                f"the field was removed in version {wire.VERSION_2026}", pointer=f"/{name}"
            )


# --- turns -----------------------------------------------------------------------


def _decode_messages(given: Raw) -> Sequence[wire.Message]:
    try:
        return _decode_plain(given)
    except ValidationError:
        pass  # said in full by the other type
    try:
        return _decode_any(given)
    except ValidationError as exc:
        problem, below = pointer_of(exc)
        raise InvalidRequest(problem, pointer=f"/messages{below}") from None


def _decode_turns(body: wire.Request, given: Raw, *, strict: bool) -> tuple[Turn, ...]:
    messages = _decode_messages(given)
    if not messages:
        raise InvalidRequest("at least one message is required", pointer="/messages")
    turns: list[Turn] = []
    if body.system is not None:
        parts = _decode_parts(body.system, "/system")
        if any(not isinstance(part, Text) for part in parts):
            raise InvalidRequest("the system prompt holds text only", pointer="/system")
        parts = tuple(part for part in parts if not (isinstance(part, Text) and part == Text("")))
        if parts:
            turns.append(Turn(Role.SYSTEM, parts, pointer="/system"))
    for number, message in enumerate(messages):
        pointer = f"/messages/{number}"
        role, content = _ROLES[message.role], message.content
        if isinstance(content, str):
            turns.append(Turn(role, (Text(content),), pointer=pointer))
            continue
        parts = _decode_parts(content, f"{pointer}/content")
        _check_parts(role, parts, pointer, strict=strict)
        turns.append(Turn(role, parts, pointer=pointer))
    return tuple(turns)


def _decode_parts(content: str | list[Raw], pointer: str) -> tuple[Part, ...]:
    if isinstance(content, str):
        return (Text(content),)
    try:
        return decode_blocks(content, pointer)
    except BlockError as exc:
        raise InvalidRequest(exc.problem, pointer=exc.pointer) from None


_FORBIDDEN: dict[Role, tuple[type[Part], ...]] = {
    Role.USER: (ToolCall, Reasoning),
    Role.ASSISTANT: (ToolResult,),
    Role.SYSTEM: (ToolCall, Reasoning, ToolResult, Media),
}


def _check_parts(role: Role, parts: tuple[Part, ...], pointer: str, *, strict: bool) -> None:
    forbidden = _FORBIDDEN[role]
    for number, part in enumerate(parts):
        if isinstance(part, forbidden):
            raise InvalidRequest(
                f"a {role} message cannot hold this block", pointer=f"{pointer}/content/{number}"
            )
        if not strict:
            continue
        where = f"{pointer}/content/{number}"
        if role is Role.ASSISTANT and isinstance(part, Media) and part.kind is MediaKind.DOCUMENT:
            raise InvalidRequest("an assistant message cannot hold a document", pointer=where)
        if role is Role.USER and isinstance(part, Text) and part.citations:
            raise InvalidRequest(
                "what the user says has no citations", pointer=f"{where}/citations"
            )


def _check_results(turns: Iterable[Turn]) -> None:
    """Every result answers an earlier call, and no call is left behind."""
    known: set[str] = set()
    waiting: dict[str, str] = {}
    answered = False
    for turn in turns:
        if turn.role is Role.ASSISTANT:
            _refuse_waiting(waiting)
            answered = False
            for number, part in enumerate(turn.parts):
                if isinstance(part, ToolCall) and not part.server:
                    known.add(part.id)
                    waiting[part.id] = f"{turn.pointer}/content/{number}"
        elif turn.role is Role.USER:
            answered = True
            for number, part in enumerate(turn.parts):
                if not isinstance(part, ToolResult):
                    continue
                if part.call_id not in known:
                    raise InvalidRequest(
                        f"no tool call before it has the id {part.call_id[:64]!r}",
                        pointer=f"{turn.pointer}/content/{number}/tool_use_id",
                    )
                waiting.pop(part.call_id, None)
    if answered:
        _refuse_waiting(waiting)


def _refuse_waiting(waiting: Mapping[str, str]) -> None:
    for call_id, pointer in waiting.items():
        raise InvalidRequest(
            f"the tool call {call_id[:64]!r} has no result in the next message", pointer=pointer
        )


# --- tools -----------------------------------------------------------------------


def _decode_tools(raws: list[Raw]) -> tuple[Tool | HostedTool, ...]:
    tools: list[Tool | HostedTool] = []
    names: list[tuple[str, str]] = []
    for number, raw in enumerate(raws):
        pointer = f"/tools/{number}"
        try:
            fields = decode_fields(raw)
            kind = _decode_str(fields["type"]) if _given(fields, "type") else "custom"
            if kind == "custom":
                tools.append(_decode_function(raw, fields, pointer))
            else:
                tools.append(HostedTool(native(bytes(raw)), kind, pointer))
            if "name" in fields:
                names.append((_decode_str(fields["name"]), pointer + "/name"))
        except ValidationError as exc:
            problem, below = pointer_of(exc)
            raise InvalidRequest(problem, pointer=pointer + below) from None
    refuse_duplicates(names)
    return tuple(tools)


def _given(fields: Mapping[str, Raw], name: str) -> bool:
    return name in fields and bytes(fields[name]) != b"null"


_TOOL_FIELDS = frozenset(wire.FunctionTool.__struct_fields__) - {"cache_control"}


def _decode_function(raw: Raw, fields: dict[str, Raw], pointer: str) -> Tool:
    left = {name: value for name, value in fields.items() if name not in _TOOL_FIELDS}
    control = left.pop("cache_control", None)
    try:
        tool = _decode_tool(raw)
    except ValidationError:
        # The cache mark may have fields that we do not know.
        if control is None:
            raise
        rest = {name: value for name, value in fields.items() if name != "cache_control"}
        tool = _decode_tool(msgspec.json.encode(rest))
        left["cache_control"] = control
    if not tool.name:
        raise InvalidRequest("a tool has a name", pointer=pointer + "/name")
    if not bytes(tool.input_schema).startswith(b"{"):
        raise InvalidRequest("the schema is an object", pointer=pointer + "/input_schema")
    return Tool(
        tool.name,
        tool.description,
        bytes(tool.input_schema),
        tool.strict,
        cache=decode_cache(tool.cache_control),
        native=native(msgspec.json.encode(left)) if left else None,
        pointer=pointer,
    )


def _decode_choice(
    choice: wire.ToolChoice | None,
    fields: Mapping[str, Raw],
    tools: tuple[Tool | HostedTool, ...],
) -> tuple[ToolChoice | None, bool | None]:
    if choice is None:
        return None, None
    mode = _CHOICES.get(choice.type)
    if mode is None:
        raise InvalidRequest(f"unknown kind {choice.type[:64]!r}", pointer="/tool_choice/type")
    disabled = choice.disable_parallel_tool_use
    parallel = None if disabled is None else not disabled
    if choice.type != "tool":
        return ToolChoice(mode), parallel
    if not choice.name:
        raise InvalidRequest("the tool to use has a name", pointer="/tool_choice/name")
    if any(isinstance(tool, Tool) and tool.name == choice.name for tool in tools):
        return ToolChoice(mode, (choice.name,)), parallel
    if any(isinstance(tool, HostedTool) for tool in tools) or "mcp_servers" in fields:
        # Tools of the vendor may bring names of their own.
        raw = native(bytes(fields["tool_choice"]))
        return ToolChoice(mode, (choice.name,), raw), parallel
    raise InvalidRequest(f"no tool has the name {choice.name[:128]!r}", pointer="/tool_choice/name")


# --- thinking and output ---------------------------------------------------------


def _decode_thinking(
    body: wire.Request, fields: Mapping[str, Raw], extras: list[Extra]
) -> tuple[ReasoningSpec, OutputSpec]:
    config = body.output_config or wire.OutputConfig()
    effort = _EFFORTS.get(config.effort or "")
    if config.effort is not None and effort in (None, Effort.NONE, Effort.MINIMAL):
        effort = None
        extras.append(_nested("output_config", "effort", fields))
    form, outer = config.format, "output_config"
    if form is None and body.output_format is not None:
        form, outer = body.output_format, ""
    output = OutputSpec()
    if form is not None:
        output = _decode_format(form, f"/{outer}/format" if outer else "/output_format")
    thinking = body.thinking
    if thinking is None:
        return ReasoningSpec(effort), output
    mode = _MODES.get(thinking.type, thinking.type)
    budget: int | None = None
    if mode == "manual":
        budget = thinking.budget_tokens
        if budget is None or budget < MIN_BUDGET:
            raise InvalidRequest(
                f"the budget is at least {MIN_BUDGET} tokens", pointer="/thinking/budget_tokens"
            )
    elif mode == "adaptive":
        budget = -1 if effort is None else None
    elif mode in ("disabled", "between_tools"):
        # Off is off for every other format, whatever effort is asked for beside it.
        if effort is not None:
            extras.append(_nested("output_config", "effort", fields))
        effort = Effort.NONE
        budget = 0
    visible: str | None = None
    if thinking.display is not None:
        visible = _VISIBLE.get(thinking.display)
        if visible is None:
            # A display of later days still shows something.
            visible = "summary"
            extras.append(_nested("thinking", "display", fields))
    return ReasoningSpec(effort, budget, visible, mode), output


def _nested(outer: str, name: str, fields: Mapping[str, Raw]) -> Extra:
    value = bytes(decode_fields(fields[outer])[name])
    return Extra(f"{outer}.{name}", value, f"/{outer}/{name}")


def _decode_format(form: wire.OutputFormat, pointer: str) -> OutputSpec:
    if form.type != "json_schema":
        raise InvalidRequest(f"unknown kind {form.type[:64]!r}", pointer=pointer + "/type")
    if not bytes(form.schema).startswith(b"{"):
        raise InvalidRequest("the schema is an object", pointer=pointer + "/schema")
    return OutputSpec(OutputKind.SCHEMA, schema=bytes(form.schema))
