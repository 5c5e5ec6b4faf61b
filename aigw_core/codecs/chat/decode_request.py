"""A client's request to canonical."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import msgspec
from msgspec import Raw

from aigw_core.chat import (
    CacheMark,
    ChatRequest,
    Effort,
    Extra,
    Format,
    HostedTool,
    Identity,
    Native,
    OutputKind,
    OutputSpec,
    ReasoningSpec,
    Sampling,
    ServerState,
    Tool,
    ToolChoice,
    ToolChoiceMode,
)
from aigw_core.codec import Inbound
from aigw_core.codecs.chat.decode_messages import decode_messages
from aigw_core.codecs.chat.fields import (
    given,
    leftovers,
    need,
    read,
    take,
    take_object,
    take_text,
)
from aigw_core.codecs.chat.wire import (
    ENCODE,
    Body,
    CacheBreakpoint,
    ChoiceObject,
    Fields,
    ResponseFormat,
)
from aigw_core.errors import InvalidRequest
from aigw_core.jsondoc import decode_as, splice
from aigw_core.naming import refuse_duplicates

_BODY: Callable[[bytes], Body] = msgspec.json.Decoder(Body).decode
_FIELDS = msgspec.json.Decoder(Fields).decode
_FORMAT = msgspec.json.Decoder(ResponseFormat).decode
_CHOICE = msgspec.json.Decoder(str | ChoiceObject).decode
_BOOL = msgspec.json.Decoder(bool).decode
_CACHE = msgspec.json.Decoder(CacheBreakpoint).decode
_TYPE = msgspec.json.Decoder(ChoiceObject).decode

_NOTHING = (b"", b"null")

_ESSENTIAL = frozenset({"moderation", "web_search_options"})
_KNOWN = frozenset(Body.__struct_fields__)

_MODES = {
    "none": ToolChoiceMode.NONE,
    "auto": ToolChoiceMode.AUTO,
    "required": ToolChoiceMode.REQUIRED,
    "any": ToolChoiceMode.REQUIRED,  # Mistral's word
}

_THINKING = {"enabled": "manual", "disabled": "disabled", "adaptive": "adaptive"}
"""The types of ``thinking`` in the canonical words."""


def decode_request(inbound: Inbound) -> ChatRequest:
    """A request for ``POST /v1/chat/completions``.

    Raises:
        InvalidRequest: with the JSON pointer of what is wrong.
    """
    fields = inbound.fields
    for required in ("model", "messages"):
        need(fields.get(required), f"/{required}")
    body = decode_as(_BODY, splice(fields, {"messages": b"[]"}))
    if not body.model:
        raise InvalidRequest("the model is empty", pointer="/model")
    extras = [
        Extra(
            name,
            bytes(raw),
            "/" + name.replace("~", "~0").replace("/", "~1"),
            essential=name in _ESSENTIAL,
        )
        for name, raw in fields.items()
        if name not in _KNOWN and bytes(raw) != b"null"
    ]
    tools = _tools(body)
    reasoning, kept = _reasoning(body, fields)
    output, output_extra = _output(body)
    cache, cache_extra = _cache(body)
    for name in (*kept, output_extra, cache_extra):
        if name is not None:
            extras.append(Extra(name, bytes(fields[name]), f"/{name}"))
    limit = body.max_completion_tokens
    return ChatRequest(
        model=body.model,
        turns=decode_messages(fields["messages"]),
        format=Format.CHAT,
        tools=tools,
        tool_choice=_tool_choice(body, tools),
        parallel_tools=body.parallel_tool_calls,
        output=output,
        reasoning=reasoning,
        sampling=_sampling(body),
        max_output=body.max_tokens if limit is None else limit,
        stop=_stop(body.stop),
        n=body.n or 1,
        stream=bool(body.stream),
        stream_usage=body.stream_options is not None and bool(body.stream_options.include_usage),
        identity=Identity(
            user=body.user,
            safety_id=body.safety_identifier,
            cache_key=body.prompt_cache_key,
            metadata=ENCODE(body.metadata) if body.metadata else None,
        ),
        tier=body.service_tier,
        cache=cache,
        server_state=ServerState(store=body.store),
        extras=tuple(extras),
    )


def _stop(stop: str | list[str] | None) -> tuple[str, ...]:
    if stop is None:
        return ()
    return (stop,) if isinstance(stop, str) else tuple(stop)


def _sampling(body: Body) -> Sampling:
    bias = body.logit_bias
    return Sampling(
        temperature=body.temperature,
        top_p=body.top_p,
        top_k=body.top_k,
        frequency_penalty=body.frequency_penalty,
        presence_penalty=body.presence_penalty,
        seed=body.seed,
        logit_bias=None if bytes(bias) in _NOTHING else Native(Format.CHAT, bytes(bias)),
        logprobs=bool(body.logprobs),
        top_logprobs=body.top_logprobs,
    )


def _reasoning(body: Body, fields: Mapping[str, Raw]) -> tuple[ReasoningSpec, list[str]]:
    """What is asked of thinking; the names of fields that say more than that and
    have to be kept as they are.

    Beside ``reasoning_effort`` there are OpenRouter's ``reasoning`` and the
    ``thinking`` of DeepSeek and others.
    """
    word = body.reasoning_effort
    router, thinking = body.reasoning, body.thinking
    kept: list[str] = []
    effort: Effort | None = None
    if word is None and router is not None:
        word = router.effort
    if word is not None:
        try:
            effort = Effort(word)
        except ValueError:
            # Some servers have words of their own, as Groq's "default".
            kept.append("reasoning_effort" if body.reasoning_effort is not None else "reasoning")
    budget, visible, mode = None, None, None
    if router is not None:
        budget = router.max_tokens
        visible = "none" if router.exclude else None
        if router.enabled is not None and effort is None and budget is None:
            mode = "adaptive" if router.enabled else "disabled"
        if _says_more(fields["reasoning"], {"effort", "max_tokens", "exclude"}):
            kept.append("reasoning")
    if thinking is not None:
        if thinking.type is not None:
            mode = _THINKING.get(thinking.type, thinking.type)
        if thinking.budget_tokens is not None:
            budget = thinking.budget_tokens
        if _says_more(fields["thinking"], {"type", "budget_tokens"}):
            kept.append("thinking")
    return ReasoningSpec(effort, budget, visible, mode), kept


def _says_more(raw: Raw, known: set[str]) -> bool:
    return not leftovers(read(_FIELDS, raw, "")).keys() <= known


def _output(body: Body) -> tuple[OutputSpec, str | None]:
    """The shape of the answer; the name of a field that has to be kept as it is."""
    modalities = tuple(body.modalities or ())
    plain = OutputSpec(verbosity=body.verbosity, modalities=modalities)
    raw = body.response_format
    if bytes(raw) in _NOTHING:
        return plain, None
    wanted = read(_FORMAT, raw, "/response_format")
    if wanted.type == "text":
        return plain, None
    if wanted.type == "json_object":
        return msgspec.structs.replace(plain, kind=OutputKind.JSON), None
    if wanted.type != "json_schema":
        return plain, "response_format"
    schema = need(wanted.json_schema, "/response_format/json_schema")
    written = bytes(schema.schema)
    spec = msgspec.structs.replace(
        plain,
        kind=OutputKind.SCHEMA,
        name=schema.name,
        schema=None if written in _NOTHING else written,
        strict=schema.strict,
        description=schema.description,
    )
    return spec, None


def _cache(body: Body) -> tuple[CacheMark | None, str | None]:
    options = body.prompt_cache_options
    if options is None:
        return None, None
    if options.mode == "implicit":
        return CacheMark(options.ttl or "30m"), None
    return None, "prompt_cache_options"


# --- tools ---------------------------------------------------------------------


def _tools(body: Body) -> tuple[Tool | HostedTool, ...]:
    tools = [
        _tool(dict(fields), fields, f"/tools/{index}")
        for index, fields in enumerate(body.tools or ())
    ]
    if not tools:
        tools = [
            _function(dict(fields), {}, f"/functions/{index}", f"/functions/{index}")
            for index, fields in enumerate(body.functions or ())
        ]
    refuse_duplicates((tool.name, tool.pointer) for tool in tools if isinstance(tool, Tool))
    return tuple(tools)


def _tool(fields: Fields, whole: Fields, pointer: str) -> Tool | HostedTool:
    # Some clients leave the type out.
    type_ = take_text(fields, "type", pointer) or "function"
    if type_ == "function":
        where = f"{pointer}/function"
        function = need(take_object(fields, "function", pointer), where)
        return _function(function, fields, pointer, where)
    if type_ != "custom":
        return HostedTool(Native(Format.CHAT, ENCODE(whole)), type_, pointer)
    where = f"{pointer}/custom"
    custom = need(take_object(fields, "custom", pointer), where)
    name = need(take_text(custom, "name", where) or None, f"{where}/name")
    description = take_text(custom, "description", where)
    grammar = given(custom, "format")
    if grammar is not None and read(_TYPE, grammar, f"{where}/format").type == "text":
        grammar = None
    return Tool(
        name,
        description,
        freeform=True,
        grammar=None if grammar is None else Native(Format.CHAT, bytes(grammar)),
        cache=_tool_cache(fields, pointer),
        native=_tool_native(fields, "custom", custom),
        pointer=pointer,
    )


def _function(function: Fields, outer: Fields, pointer: str, where: str) -> Tool:
    name = need(take_text(function, "name", where) or None, f"{where}/name")
    schema = given(function, "parameters")
    if schema is not None:
        read(_FIELDS, schema, f"{where}/parameters")
    return Tool(
        name,
        take_text(function, "description", where),
        None if schema is None else bytes(schema),
        take(function, "strict", _BOOL, where),
        cache=_tool_cache(outer, pointer),
        native=_tool_native(outer, "function", function),
        pointer=pointer,
    )


def _tool_cache(fields: Fields, pointer: str) -> CacheMark | None:
    raw = fields.get("cache_control")
    if raw is None or bytes(raw) == b"null":
        return None
    return CacheMark(read(_CACHE, raw, f"{pointer}/cache_control").ttl or "5m")


def _tool_native(outer: Fields, kind: str, inner: Fields) -> Native | None:
    """What is left of a tool, with what is left of its inner object under its name."""
    kept = leftovers(outer)
    if below := leftovers(inner):
        kept[kind] = Raw(ENCODE(below))
    return Native(Format.CHAT, ENCODE(kept)) if kept else None


def _tool_choice(body: Body, tools: Iterable[Tool | HostedTool]) -> ToolChoice | None:
    raw, pointer = body.tool_choice, "/tool_choice"
    if bytes(raw) in _NOTHING and body.tools is None:
        raw, pointer = body.function_call, "/function_call"
    if bytes(raw) in _NOTHING:
        return None
    if pointer == "/function_call" and bytes(raw)[:1] == b"{":
        raw = Raw(b'{"type":"function","function":%b}' % bytes(raw))
    choice = read(_CHOICE, raw, pointer)
    if isinstance(choice, str):
        mode = _MODES.get(choice)
        if mode is None:
            raise InvalidRequest(f"unknown tool choice {choice!r}", pointer=pointer)
        if mode is ToolChoiceMode.REQUIRED and not tools:
            raise InvalidRequest("a tool is required and there is none", pointer=pointer)
        return ToolChoice(mode)
    mode, entries = ToolChoiceMode.REQUIRED, [choice]
    if choice.type == "allowed_tools":
        allowed = need(choice.allowed_tools, f"{pointer}/allowed_tools")
        if allowed.mode not in ("auto", "required"):
            raise InvalidRequest("auto or required", pointer=f"{pointer}/allowed_tools/mode")
        mode, entries = ToolChoiceMode(allowed.mode), allowed.tools
    names: list[str] = []
    for entry in entries:
        named = entry.custom if entry.type == "custom" else entry.function
        if named is None:
            return ToolChoice(mode, native=Native(Format.CHAT, bytes(raw)))
        names.append(named.name)
    declared = {tool.name for tool in tools if isinstance(tool, Tool)}
    for name in names:
        if name not in declared:
            raise InvalidRequest(f"there is no tool {name!r}", pointer=pointer)
    return ToolChoice(mode, tuple(names))
