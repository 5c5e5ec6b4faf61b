"""A client's Gemini request to the canonical conversation.

What has no canonical meaning stays in ``extras`` under a dotted name
(``generationConfig.speechConfig``) or as a native leftover, and goes back to an
upstream of the same format.

Source: Gemini API reference, "GenerateContentRequest"; a lone object in the place
of a list is accepted as the vendor's own examples send it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

import msgspec
from msgspec import Raw

from aigw_core.chat import (
    ChatRequest,
    Effort,
    Extra,
    Format,
    HostedTool,
    Identity,
    Media,
    Native,
    Opaque,
    OutputKind,
    OutputSpec,
    Part,
    Reasoning,
    ReasoningSpec,
    ReasoningStyle,
    Role,
    Sampling,
    Seal,
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
from aigw_core.codecs.gemini.calls import arguments_text, call_id, compact
from aigw_core.codecs.gemini.media import decode_blob, decode_file
from aigw_core.codecs.gemini.schema import from_openapi_subset
from aigw_core.codecs.gemini.spelling import camel_request
from aigw_core.codecs.gemini.vocabulary import LEVELS, decode_tier
from aigw_core.codecs.gemini.wire import (
    Content,
    FunctionCall,
    FunctionCallingConfig,
    FunctionDeclaration,
    FunctionResponse,
    GenerationConfig,
    Request,
    RequestPart,
    ThinkingConfig,
    present,
)
from aigw_core.errors import InvalidRequest
from aigw_core.jsondoc import decode_as, pointer_of, read_object
from aigw_core.naming import refuse_duplicates

T = TypeVar("T")

# ProtoJSON writes a number as a string or as 40.0 and means the same.
_REQUEST = msgspec.json.Decoder(Request, strict=False).decode
_PARTS = msgspec.json.Decoder(list[Raw]).decode
_PART = msgspec.json.Decoder(RequestPart).decode
_FIELDS = msgspec.json.Decoder(dict[str, Raw]).decode
_GENERATION = msgspec.json.Decoder(GenerationConfig, strict=False).decode
_THINKING = msgspec.json.Decoder(ThinkingConfig, strict=False).decode
_CALLING = msgspec.json.Decoder(FunctionCallingConfig).decode
_DECLARATION = msgspec.json.Decoder(FunctionDeclaration).decode
_STRING = msgspec.json.Decoder(str).decode

_TOP = frozenset(Request.__struct_encode_fields__)
_GENERATION_FIELDS = frozenset(GenerationConfig.__struct_encode_fields__)
_THINKING_FIELDS = frozenset(ThinkingConfig.__struct_encode_fields__)
_CALLING_FIELDS = frozenset(FunctionCallingConfig.__struct_encode_fields__)
_DECLARATION_FIELDS = frozenset(
    {"name", "description", "parametersJsonSchema"}  # "parameters" goes back as it came
)

_ROLES: Mapping[str | None, Role] = {
    None: Role.USER,
    "": Role.USER,
    "user": Role.USER,
    "function": Role.USER,
    "tool": Role.USER,
    "model": Role.ASSISTANT,
}


def model_name(inbound: Inbound) -> str:
    """The model of the path, without the collection that clients may put before it.

    Raises:
        InvalidRequest: there is none.
    """
    model = inbound.model or ""
    while model.startswith("models/"):
        model = model.removeprefix("models/")
    if not model:
        raise InvalidRequest("the path names no model")
    return model


def decode_request(inbound: Inbound) -> ChatRequest:
    """Raises ``InvalidRequest`` with the pointer of what is refused, spelled in camel
    case."""
    model = model_name(inbound)
    read_object(inbound.body, levels=2)
    body = camel_request(inbound.body)
    request = decode_as(_REQUEST, body)
    fields = _FIELDS(body)
    extras = [
        Extra(name, bytes(raw), f"/{name}")
        for name, raw in fields.items()
        if name not in _TOP and name != "model" and present(raw)
    ]
    tools = _tools(request)
    generation = _Generation(request.generation_config or {}, extras)
    return ChatRequest(
        model=model,
        turns=_turns(request),
        format=Format.GEMINI,
        tools=tools,
        tool_choice=_tool_choice(request.tool_config or {}, tools, extras),
        output=generation.output(),
        reasoning=generation.reasoning(),
        sampling=generation.sampling(),
        max_output=generation.config.max_output_tokens,
        stop=tuple(generation.config.stop_sequences or ()),
        n=generation.choices(),
        stream=bool(inbound.stream),
        stream_usage=True,
        identity=Identity(metadata=_labels(request)),
        tier=decode_tier(request.service_tier),
        server_state=ServerState(conversation=_cached(request.cached_content), store=request.store),
        extras=tuple(extras),
    )


def _typed(decode: Callable[[bytes], T], raw: bytes | Raw, pointer: str) -> T:
    """``decode_as`` for something inside the body."""
    try:
        return decode(bytes(raw))
    except msgspec.ValidationError as exc:
        problem, inner = pointer_of(exc)
        raise InvalidRequest(problem, pointer=pointer + inner) from None


def _labels(request: Request) -> bytes | None:
    return msgspec.json.encode(request.labels) if request.labels else None


def _cached(name: str | None) -> Native | None:
    # What the vendor remembers of the conversation: no other one has it.
    return Native(Format.GEMINI, msgspec.json.encode(name)) if name else None


# --- turns -------------------------------------------------------------------


def _turns(request: Request) -> tuple[Turn, ...]:
    contents = request.contents
    if contents is None or contents == []:
        raise InvalidRequest("the list of turns is empty", pointer="/contents")
    if isinstance(contents, Content):
        contents = [contents]
    turns: list[Turn] = []
    system = request.system_instruction
    if system is not None:
        turns.append(_system(system))
    calls = _Calls()
    for number, content in enumerate(contents):
        pointer = f"/contents/{number}"
        role = _ROLES.get(content.role and content.role.lower())
        if role is None:
            raise InvalidRequest("the role must be 'user' or 'model'", pointer=f"{pointer}/role")
        parts = _parts(content, pointer, number, calls)
        turns.append(Turn(role, parts, pointer=pointer))
    return tuple(turns)


def _system(system: Content | str) -> Turn:
    pointer = "/systemInstruction"
    if isinstance(system, str):
        return Turn(Role.SYSTEM, (Text(system),), pointer=pointer)
    parts = _parts(system, pointer, -1, _Calls())
    if not all(isinstance(part, Text) for part in parts):
        raise InvalidRequest("a system instruction holds text only", pointer=pointer)
    return Turn(Role.SYSTEM, parts, pointer=pointer)


def _parts(content: Content, pointer: str, turn: int, calls: _Calls) -> tuple[Part, ...]:
    raw = bytes(content.parts).lstrip()
    if not present(content.parts):
        return ()
    raws = [content.parts] if raw[:1] == b"{" else _typed(_PARTS, raw, f"{pointer}/parts")
    parts: list[Part] = []
    for number, item in enumerate(raws):
        part = _part(bytes(item), f"{pointer}/parts/{number}", (turn, number), calls)
        if part is not None:
            parts.append(part)
    return tuple(parts)


def _part(raw: bytes, pointer: str, place: tuple[int, int], calls: _Calls) -> Part | None:
    try:
        part = _PART(raw)
        beside = None
    except msgspec.ValidationError:
        part, beside = _unusual_part(raw, pointer)
    seal = (
        Seal("gemini", "thought_signature", part.thought_signature)
        if (part.thought_signature)
        else None
    )
    if part.function_call is not None:
        return _call(part.function_call, raw, seal, pointer, place, calls)
    if part.function_response is not None:
        return _result(part.function_response, raw, pointer, calls)
    if part.inline_data is not None or part.file_data is not None:
        return _media(part, beside, pointer)
    if part.text is not None or (seal is not None and beside is None):
        text = part.text or ""
        if part.thought:
            return Reasoning(text, ReasoningStyle.SUMMARY, seal, native=beside)
        return Text(text, seal=seal, native=beside)
    if beside is None:
        return None  # an object with nothing in it
    label = next(iter(_FIELDS(beside.raw)))
    return Opaque(Native(Format.GEMINI, raw), label)


def _unusual_part(raw: bytes, pointer: str) -> tuple[RequestPart, Native | None]:
    """A part with fields that are not listed, and those fields."""
    fields = _typed(_FIELDS, raw, pointer)
    known = RequestPart.__struct_encode_fields__
    other = {name: value for name, value in fields.items() if name not in known}
    usual = {name: value for name, value in fields.items() if name in known}
    part = _typed(_PART, msgspec.json.encode(usual), pointer)
    return part, Native(Format.GEMINI, msgspec.json.encode(other)) if other else None


def _media(part: RequestPart, beside: Native | None, pointer: str) -> Media:
    if part.thought or part.thought_signature:
        fields = {} if beside is None else _FIELDS(beside.raw)
        if part.thought:
            fields["thought"] = Raw(b"true")
        if part.thought_signature:
            fields["thoughtSignature"] = Raw(msgspec.json.encode(part.thought_signature))
        beside = Native(Format.GEMINI, msgspec.json.encode(fields))
    try:
        if part.inline_data is not None:
            return decode_blob(part.inline_data, beside)
        assert part.file_data is not None
        return decode_file(part.file_data, beside)
    except ValueError as exc:
        raise InvalidRequest(f"the data is {exc}", pointer=f"{pointer}/inlineData/data") from None


# --- calls and their results -------------------------------------------------


class _Calls:
    """The calls so far, to find the one that a result belongs to."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._open: dict[str, list[str]] = {}  # by name: those without a result, in order
        self._invented: set[str] = set()
        self._answered: dict[str, ToolResult] = {}

    def add(self, identifier: str, name: str, *, invented: bool) -> None:
        self._names[identifier] = name
        self._answered.pop(identifier, None)  # clients may count from 0 in each step
        self._open.setdefault(name, []).append(identifier)
        if invented:
            self._invented.add(identifier)

    def match(self, response: FunctionResponse) -> str | None:
        """The identifier of the call that ``response`` answers, if there is one."""
        if response.id and response.id in self._names:
            waiting = self._open[self._names[response.id]]
            if response.id in waiting:
                waiting.remove(response.id)
            return response.id
        waiting = self._open.get(response.name, [])
        for identifier in waiting:
            if not response.id or identifier in self._invented:
                waiting.remove(identifier)
                return identifier
        return None

    def name(self, identifier: str) -> str:
        return self._names[identifier]

    def repeats(self, result: ToolResult) -> bool:
        """Whether the same result came before: a resumed session of a widely used
        client sends each twice, and other vendors refuse that."""
        known = self._answered.setdefault(result.call_id, result)
        return known is not result and known == result


def _call(
    call: FunctionCall,
    raw: bytes,
    seal: Seal | None,
    pointer: str,
    place: tuple[int, int],
    calls: _Calls,
) -> ToolCall:
    if not call.name:
        raise InvalidRequest("a function call needs a name", pointer=f"{pointer}/functionCall/name")
    if present(call.args) and bytes(call.args).lstrip()[:1] != b"{":
        raise InvalidRequest(
            "the arguments must be an object", pointer=f"{pointer}/functionCall/args"
        )
    arguments = arguments_text(call.args)
    identifier = call.id or call_id(*place, call.name, arguments)
    calls.add(identifier, call.name, invented=not call.id)
    native = _leftover(raw, "functionCall", ("name", "args", "id"))
    return ToolCall(identifier, call.name, arguments, seal=seal, native=native)


def _leftover(raw: bytes, member: str, known: tuple[str, ...]) -> Native | None:
    """What the member of a part holds beside the known fields, as ``{member: {...}}``,
    and what stands beside the member."""
    fields = _FIELDS(raw)
    inner = {n: value for n, value in _FIELDS(fields[member]).items() if n not in known}
    other: dict[str, Raw] = {
        name: value
        for name, value in fields.items()
        if name not in RequestPart.__struct_encode_fields__
    }
    if inner:
        other[member] = Raw(msgspec.json.encode(inner))
    return Native(Format.GEMINI, msgspec.json.encode(other)) if other else None


def _result(
    response: FunctionResponse, raw: bytes, pointer: str, calls: _Calls
) -> ToolResult | None:
    pointer += "/functionResponse"
    identifier = calls.match(response)
    if identifier is None:
        said = f"the id {response.id!r}" if response.id else f"the name {response.name!r}"
        raise InvalidRequest(f"no function call before this has {said}", pointer=pointer)
    content: list[Text | Media | Opaque] = []
    is_error = False
    if present(response.response):
        value = bytes(response.response)
        if value.lstrip()[:1] != b"{":
            raise InvalidRequest("the response must be an object", pointer=f"{pointer}/response")
        text, is_error = _result_text(value)
        if text:
            content.append(Text(text))
    if present(response.parts):
        for number, item in enumerate(_typed(_PARTS, response.parts, f"{pointer}/parts")):
            part = _part(bytes(item), f"{pointer}/parts/{number}", (0, 0), calls)
            if isinstance(part, Text | Media | Opaque):
                content.append(part)
    result = ToolResult(
        identifier,
        tuple(content),
        is_error,
        name=calls.name(identifier),
        native=_leftover(raw, "functionResponse", ("name", "id")),
    )
    return None if calls.repeats(result) else result


def _result_text(raw: bytes) -> tuple[str, bool]:
    """What the object says, and whether it is a failure. The keys ``output`` and
    ``error`` alone have a meaning by convention."""
    fields = _FIELDS(raw)
    if len(fields) == 1:
        ((name, value),) = fields.items()
        if name in ("output", "error"):
            inner = bytes(value).strip()
            if inner[:1] == b'"':
                return _STRING(inner), name == "error"
            if name == "error" and inner != b"null":
                return compact(inner).decode(), True
    return compact(raw).decode(), False


# --- tools -------------------------------------------------------------------


def _tools(request: Request) -> tuple[Tool | HostedTool, ...]:
    groups = request.tools or []
    if isinstance(groups, dict):
        groups = [groups]
    tools: list[Tool | HostedTool] = []
    for number, group in enumerate(groups):
        for name, raw in group.items():
            pointer = f"/tools/{number}/{name}"
            if not present(raw):
                continue
            if name != "functionDeclarations":
                native = Native(Format.GEMINI, msgspec.json.encode({name: raw}))
                tools.append(HostedTool(native, name, pointer))
                continue
            is_one = bytes(raw).lstrip()[:1] == b"{"
            for place, item in enumerate([raw] if is_one else _typed(_PARTS, raw, pointer)):
                tools.append(_tool(bytes(item), f"{pointer}/{place}"))
    refuse_duplicates((tool.name, tool.pointer) for tool in tools if isinstance(tool, Tool))
    return tuple(tools)


def _tool(raw: bytes, pointer: str) -> Tool:
    declaration = _typed(_DECLARATION, raw, pointer)
    if not declaration.name:
        raise InvalidRequest("a function needs a name", pointer=f"{pointer}/name")
    subset, schema = declaration.parameters, declaration.parameters_json_schema
    if present(subset) and present(schema):
        raise InvalidRequest(
            "give 'parameters' or 'parametersJsonSchema', not both", pointer=pointer
        )
    other = {
        name: value
        for name, value in _FIELDS(raw).items()
        if name not in _DECLARATION_FIELDS and present(value)
    }
    return Tool(
        declaration.name,
        declaration.description,
        _schema(subset, schema, pointer, ("parameters", "parametersJsonSchema")),
        native=Native(Format.GEMINI, msgspec.json.encode(other)) if other else None,
        pointer=pointer,
    )


def _schema(subset: Raw, schema: Raw, pointer: str, names: tuple[str, str]) -> bytes | None:
    """The one of two fields that is there, as JSON Schema."""
    for raw, name in zip((subset, schema), names, strict=True):
        if present(raw) and bytes(raw).lstrip()[:1] not in (b"{", b"t", b"f"):
            raise InvalidRequest("a schema must be an object", pointer=f"{pointer}/{name}")
    if present(subset):
        return from_openapi_subset(bytes(subset))
    return bytes(schema) if present(schema) else None


def _tool_choice(
    config: dict[str, Raw], tools: tuple[Tool | HostedTool, ...], extras: list[Extra]
) -> ToolChoice | None:
    calling: Raw | None = None
    for name, raw in config.items():
        if name == "functionCallingConfig" and present(raw):
            calling = raw
        elif present(raw):
            extras.append(Extra(f"toolConfig.{name}", bytes(raw), f"/toolConfig/{name}"))
    if calling is None:
        return None
    pointer = "/toolConfig/functionCallingConfig"
    choice = _typed(_CALLING, calling, pointer)
    for name, raw in _FIELDS(calling).items():
        if name not in _CALLING_FIELDS and present(raw):
            dotted = f"toolConfig.functionCallingConfig.{name}"
            extras.append(Extra(dotted, bytes(raw), f"{pointer}/{name}"))
    names = tuple(choice.allowed_function_names or ())
    known = {tool.name for tool in tools if isinstance(tool, Tool)}
    for number, name in enumerate(names):
        if name not in known:
            where = f"{pointer}/allowedFunctionNames/{number}"
            raise InvalidRequest(f"no function is called {name!r}", pointer=where)
    return ToolChoice(_mode(choice, pointer, extras), names)


def _mode(choice: FunctionCallingConfig, pointer: str, extras: list[Extra]) -> ToolChoiceMode:
    word = (choice.mode or "AUTO").upper()
    if word in ("AUTO", "MODE_UNSPECIFIED", "VALIDATED"):
        if choice.allowed_function_names and word != "VALIDATED":
            raise InvalidRequest(
                "names are allowed in the modes ANY and VALIDATED only",
                pointer=f"{pointer}/allowedFunctionNames",
            )
        if word == "VALIDATED":
            # Calls that keep to their schema: more than "auto", and no other word for it.
            name = "toolConfig.functionCallingConfig.mode"
            extras.append(Extra(name, b'"VALIDATED"', f"{pointer}/mode"))
        return ToolChoiceMode.AUTO
    if word == "ANY":
        return ToolChoiceMode.REQUIRED
    if word == "NONE":
        return ToolChoiceMode.NONE
    raise InvalidRequest("the mode must be AUTO, ANY, NONE or VALIDATED", pointer=f"{pointer}/mode")


# --- settings ----------------------------------------------------------------


class _Generation:
    """``generationConfig``; what it says beside the known fields goes to ``extras``."""

    def __init__(self, fields: dict[str, Raw], extras: list[Extra]) -> None:
        self._extras = extras
        self.config = _typed(_GENERATION, msgspec.json.encode(fields), "/generationConfig")
        self._keep(fields, _GENERATION_FIELDS, "generationConfig")

    def _keep(self, fields: Mapping[str, Raw], known: frozenset[str], path: str) -> None:
        pointer = "/" + path.replace(".", "/")
        for name, raw in fields.items():
            if name not in known and present(raw):
                self._extras.append(Extra(f"{path}.{name}", bytes(raw), f"{pointer}/{name}"))

    def choices(self) -> int:
        count = self.config.candidate_count
        if count is not None and count < 1:
            raise InvalidRequest(
                "at least one candidate", pointer="/generationConfig/candidateCount"
            )
        return count or 1

    def sampling(self) -> Sampling:
        config = self.config
        return Sampling(
            temperature=config.temperature,
            top_p=config.top_p,
            top_k=config.top_k,
            frequency_penalty=config.frequency_penalty,
            presence_penalty=config.presence_penalty,
            seed=config.seed,
            logprobs=bool(config.response_logprobs),
            top_logprobs=config.logprobs,
        )

    def output(self) -> OutputSpec:
        config = self.config
        modalities = tuple(word.lower() for word in config.response_modalities or ())
        subset, schema = config.response_schema, config.response_json_schema
        pointer = "/generationConfig"
        if present(subset) and present(schema):
            raise InvalidRequest(
                "give 'responseSchema' or 'responseJsonSchema', not both", pointer=pointer
            )
        media_type = (config.response_mime_type or "").lower()
        if media_type not in ("", "text/plain", "application/json"):
            # A bare word out of an enumeration, or something newer.
            for name in ("responseMimeType", "responseSchema", "responseJsonSchema"):
                raw = {
                    "responseMimeType": Raw(msgspec.json.encode(config.response_mime_type)),
                    "responseSchema": subset,
                    "responseJsonSchema": schema,
                }[name]
                if present(raw):
                    self._extras.append(
                        Extra(f"generationConfig.{name}", bytes(raw), f"{pointer}/{name}")
                    )
            return OutputSpec(modalities=modalities)
        names = ("responseSchema", "responseJsonSchema")
        found = _schema(subset, schema, pointer, names)
        if found is not None:
            if media_type == "text/plain":
                raise InvalidRequest(
                    "a schema needs the type 'application/json'",
                    pointer=f"{pointer}/responseMimeType",
                )
            return OutputSpec(OutputKind.SCHEMA, schema=found, modalities=modalities)
        kind = OutputKind.JSON if media_type == "application/json" else OutputKind.TEXT
        return OutputSpec(kind, modalities=modalities)

    def reasoning(self) -> ReasoningSpec:
        raw = self.config.thinking_config
        if not present(raw):
            return ReasoningSpec()
        pointer = "/generationConfig/thinkingConfig"
        thinking = _typed(_THINKING, raw, pointer)
        self._keep(_FIELDS(raw), _THINKING_FIELDS, "generationConfig.thinkingConfig")
        effort = _effort(thinking.thinking_level, pointer)
        if effort is not None and thinking.thinking_budget is not None:
            raise InvalidRequest("give a level or a budget, not both", pointer=pointer)
        visible = None
        if thinking.include_thoughts is not None:
            visible = "summary" if thinking.include_thoughts else "none"
        return ReasoningSpec(effort, thinking.thinking_budget, visible)


def _effort(level: str | None, pointer: str) -> Effort | None:
    word = (level or "").upper().removeprefix("THINKING_LEVEL_")
    if word in ("", "UNSPECIFIED"):
        return None
    effort = LEVELS.get(word)
    if effort is None:
        known = ", ".join(LEVELS)
        raise InvalidRequest(
            f"the level must be one of {known}", pointer=f"{pointer}/thinkingLevel"
        )
    return effort
