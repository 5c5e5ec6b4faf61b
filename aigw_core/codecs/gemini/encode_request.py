"""A canonical conversation as a request to a Gemini upstream.

Sources: Gemini API reference, "GenerateContentRequest" and "GenerationConfig";
"Thinking" for levels and budgets.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

import msgspec
from msgspec import Raw

from aigw_core.chat import (
    ChatRequest,
    Format,
    HostedTool,
    Tool,
    ToolChoice,
    ToolChoiceMode,
)
from aigw_core.codec import Caps, EncodedRequest
from aigw_core.codecs.gemini.encode_contents import ContentsEncoder
from aigw_core.codecs.gemini.encode_settings import SettingsEncoder, encode_schema
from aigw_core.errors import InvalidRequest
from aigw_core.foreign import client_tools, note_foreign
from aigw_core.ledger import Ledger
from aigw_core.naming import ToolNames

_LEGAL_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]{0,127}")
_NAME_LIMIT = 128
_NESTED = (
    "toolConfig.functionCallingConfig",
    "toolConfig",
    "generationConfig.thinkingConfig",
    "generationConfig",
)
"""Objects of the request whose leftovers are extras under a dotted name."""

_FIELDS = msgspec.json.Decoder(dict[str, Raw]).decode
_FREEFORM_SCHEMA = (
    b'{"type":"object","properties":{"input":{"type":"string"}},"required":["input"]}'
)


def upstream_path(model: str, caps: Caps, *, stream: bool) -> str:
    """Where a request for ``model`` goes. The name cannot leave its path segment."""
    while model.startswith("models/"):
        model = model.removeprefix("models/")
    method = "streamGenerateContent?alt=sse" if stream else "generateContent"
    version = caps.api_version or "v1beta"
    collection = "tunedModels" if model.startswith("tunedModels/") else "models"
    name = quote(model.removeprefix("tunedModels/"), safe="")
    return f"/{version}/{collection}/{name}:{method}"


def encode_request(request: ChatRequest, model: str, caps: Caps, ledger: Ledger) -> EncodedRequest:
    """Write ``request`` for ``model``.

    Raises:
        InvalidRequest: for what the vendor refuses or what cannot be approximated.
    """
    names = ToolNames(
        (tool.name for tool in request.tools if isinstance(tool, Tool)), _LEGAL_NAME, _NAME_LIMIT
    )
    same = request.format is Format.GEMINI
    if not same:
        note_foreign(request, ledger)
    contents = ContentsEncoder(request, caps, ledger, names)
    settings = SettingsEncoder(request, caps, ledger)
    body: dict[str, Any] = {}
    system = contents.system()
    if system:
        body["systemInstruction"] = {"parts": system}
    body["contents"] = contents.contents()
    tools = _tools(request, caps, ledger, names)
    if tools:
        body["tools"] = tools
    choice = _tool_choice(request, ledger, names)
    if choice is not None:
        body["toolConfig"] = {"functionCallingConfig": choice}
    generation = settings.generation()
    if generation:
        body["generationConfig"] = generation
    settings.beside(body)
    if same:
        _extras(request, body)
    freeform = (tool.name for tool in request.tools if isinstance(tool, Tool) and tool.freeform)
    return EncodedRequest(
        msgspec.json.encode(body),
        upstream_path(model, caps, stream=request.stream),
        tool_names=names.renamed,
        wrapped_tools=frozenset(freeform),
    )


def _extras(request: ChatRequest, body: dict[str, Any]) -> None:
    for extra in request.extras:
        place, name = body, extra.name
        for path in _NESTED:
            if name.startswith(path + "."):
                for step in path.split("."):
                    place = place.setdefault(step, {})
                name = name.removeprefix(path + ".")
                break
        place[name] = Raw(extra.raw)


# --- tools -------------------------------------------------------------------


def _tools(
    request: ChatRequest, caps: Caps, ledger: Ledger, names: ToolNames
) -> list[dict[str, Any]]:
    same = request.format is Format.GEMINI
    groups: dict[str, dict[str, Any]] = {}
    for tool in request.tools if same else client_tools(request, ledger):
        # The client's grouping, ``/tools/0``; of another format all are together.
        where = "/".join(tool.pointer.split("/")[:3]) if same else ""
        if isinstance(tool, HostedTool):
            groups.setdefault(where, {}).update(_FIELDS(tool.native.raw))
            continue
        if same:
            declaration = _declaration_as_it_came(tool, caps, ledger)
        else:
            declaration = _declaration(tool, caps, ledger, names)
        group = groups.setdefault(where, {})
        group.setdefault("functionDeclarations", []).append(declaration)
    return list(groups.values())


def _declaration_as_it_came(tool: Tool, caps: Caps, ledger: Ledger) -> dict[str, Any]:
    declaration: dict[str, Any] = {"name": tool.name}
    if tool.description is not None:
        declaration["description"] = tool.description
    native = {} if tool.native is None else _FIELDS(tool.native.raw)
    if tool.schema is not None and "parameters" not in native:
        declaration |= encode_schema(tool.schema, caps, ledger, tool.pointer, "parameters")
    return declaration | native


def _declaration(tool: Tool, caps: Caps, ledger: Ledger, names: ToolNames) -> dict[str, Any]:
    declaration: dict[str, Any] = {"name": names.to_target(tool.name)}
    if tool.description is not None:
        declaration["description"] = tool.description
    if tool.freeform:
        ledger.approximated("freeform_tool_wrapped", tool.pointer, reported=False)
        if tool.grammar is not None:
            ledger.dropped("tool_grammar_unsupported", tool.pointer)
        declaration |= encode_schema(_FREEFORM_SCHEMA, caps, ledger, tool.pointer, "parameters")
    elif tool.schema is not None:
        declaration |= encode_schema(tool.schema, caps, ledger, tool.pointer, "parameters")
    if tool.cache is not None:
        ledger.dropped("cache_mark_unsupported", tool.pointer, reported=False)
    if tool.native is not None:
        ledger.dropped("tool_fields_unsupported", tool.pointer, reported=False)
    return declaration


def _tool_choice(request: ChatRequest, ledger: Ledger, names: ToolNames) -> dict[str, Any] | None:
    same = request.format is Format.GEMINI
    functions = [tool for tool in request.tools if isinstance(tool, Tool)]
    choice = request.tool_choice
    if request.parallel_tools is False and functions:
        ledger.dropped("parallel_tools_unsupported", ledger.pointer("parallel_tools"))
    if choice is not None and choice.native is not None:
        raise InvalidRequest(
            "the choice of a hosted tool is not possible with this model",
            pointer=ledger.pointer("tool_choice"),
        )
    if not functions and not same:
        # Refused by the vendor without functions.
        if choice is not None:
            ledger.dropped(
                "tool_choice_without_tools", ledger.pointer("tool_choice"), reported=False
            )
        return None
    strict = not same and bool(functions) and all(tool.strict for tool in functions)
    for tool in functions:
        if tool.strict and not strict:
            ledger.dropped("strict_tools_unsupported", tool.pointer, reported=False)
    if choice is None:
        return {"mode": "VALIDATED"} if strict else None
    config: dict[str, Any] = {"mode": _mode(choice, strict=strict)}
    if choice.names:
        config["allowedFunctionNames"] = [
            name if same else names.to_target(name) for name in choice.names
        ]
    return config


def _mode(choice: ToolChoice, *, strict: bool) -> str:
    if choice.mode is ToolChoiceMode.NONE:
        return "NONE"
    if choice.mode is ToolChoiceMode.REQUIRED:
        return "ANY"
    return "VALIDATED" if strict or choice.names else "AUTO"
