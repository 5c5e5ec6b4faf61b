"""A client's Gemini request to the canonical conversation.

What has no canonical meaning stays in ``extras`` under a dotted name
(``generationConfig.speechConfig``) or as a native leftover, and goes back to an
upstream of the same format.

Source: Gemini API reference, "GenerateContentRequest"; a lone object in the place
of a list is accepted as the vendor's own examples send it.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from msgspec import Raw

from aigw_core.chat import (
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
from aigw_core.codecs.gemini.decode_contents import FIELDS, PARTS, decode_turns, typed
from aigw_core.codecs.gemini.schema import from_openapi_subset
from aigw_core.codecs.gemini.spelling import camel_case
from aigw_core.codecs.gemini.vocabulary import LEVELS, decode_tier
from aigw_core.codecs.gemini.wire import (
    FunctionCallingConfig,
    FunctionDeclaration,
    GenerationConfig,
    Request,
    ThinkingConfig,
    present,
)
from aigw_core.errors import InvalidRequest
from aigw_core.jsondoc import decode_as, splice
from aigw_core.naming import refuse_duplicates

# ProtoJSON writes a number as a string or as 40.0 and means the same.
_REQUEST = msgspec.json.Decoder(Request, strict=False).decode
_GENERATION = msgspec.json.Decoder(GenerationConfig, strict=False).decode
_THINKING = msgspec.json.Decoder(ThinkingConfig, strict=False).decode
_CALLING = msgspec.json.Decoder(FunctionCallingConfig).decode
_DECLARATION = msgspec.json.Decoder(FunctionDeclaration).decode

_TOP = frozenset(Request.__struct_encode_fields__)
_GENERATION_FIELDS = frozenset(GenerationConfig.__struct_encode_fields__)
_THINKING_FIELDS = frozenset(ThinkingConfig.__struct_encode_fields__)
_CALLING_FIELDS = frozenset(FunctionCallingConfig.__struct_encode_fields__)
_DECLARATION_FIELDS = frozenset(
    {"name", "description", "parametersJsonSchema"}  # "parameters" goes back as it came
)


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
    fields = inbound.fields
    contents = fields.get("contents", Raw(b"null"))
    rest = splice(fields, {"contents": b"null"})
    body = camel_case(rest, "request")
    if body is not rest:
        fields = FIELDS(body)
    request = decode_as(_REQUEST, body)
    extras = [
        Extra(name, bytes(raw), f"/{name}")
        for name, raw in fields.items()
        if name not in _TOP and name != "model" and present(raw)
    ]
    tools = _tools(request)
    generation = _Generation(request.generation_config or {}, extras)
    return ChatRequest(
        model=model,
        turns=decode_turns(contents, request.system_instruction),
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


def _labels(request: Request) -> bytes | None:
    return msgspec.json.encode(request.labels) if request.labels else None


def _cached(name: str | None) -> Native | None:
    # What the vendor remembers of the conversation: no other one has it.
    return Native(Format.GEMINI, msgspec.json.encode(name)) if name else None


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
            for place, item in enumerate([raw] if is_one else typed(PARTS, raw, pointer)):
                tools.append(_tool(bytes(item), f"{pointer}/{place}"))
    refuse_duplicates((tool.name, tool.pointer) for tool in tools if isinstance(tool, Tool))
    return tuple(tools)


def _tool(raw: bytes, pointer: str) -> Tool:
    declaration = typed(_DECLARATION, raw, pointer)
    if not declaration.name:
        raise InvalidRequest("a function needs a name", pointer=f"{pointer}/name")
    subset, schema = declaration.parameters, declaration.parameters_json_schema
    if present(subset) and present(schema):
        raise InvalidRequest(
            "give 'parameters' or 'parametersJsonSchema', not both", pointer=pointer
        )
    other = {
        name: value
        for name, value in FIELDS(raw).items()
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
    choice = typed(_CALLING, calling, pointer)
    for name, raw in FIELDS(calling).items():
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
        self.config = typed(_GENERATION, msgspec.json.encode(fields), "/generationConfig")
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
        thinking = typed(_THINKING, raw, pointer)
        self._keep(FIELDS(raw), _THINKING_FIELDS, "generationConfig.thinkingConfig")
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
