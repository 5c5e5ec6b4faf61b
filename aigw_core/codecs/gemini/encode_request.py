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
    Effort,
    Format,
    HostedTool,
    OutputKind,
    Tool,
    ToolChoice,
    ToolChoiceMode,
)
from aigw_core.codec import Caps, EncodedRequest
from aigw_core.codecs.gemini.contents import ContentsEncoder, media_detail
from aigw_core.codecs.gemini.schema import to_openapi_subset
from aigw_core.codecs.gemini.vocabulary import (
    BUDGETS,
    EFFORT_ORDER,
    LEVEL_OF,
    effort_of,
    encode_tier,
)
from aigw_core.errors import InvalidRequest
from aigw_core.ledger import Ledger
from aigw_core.naming import ToolNames

_LEGAL_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]{0,127}")
_NAME_LIMIT = 128
_MAX_STOPS = 5
_MAX_LOGPROBS = 20
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
    return f"/{version}/models/{quote(model, safe='')}:{method}"


def encode_request(request: ChatRequest, model: str, caps: Caps, ledger: Ledger) -> EncodedRequest:
    """Write ``request`` for ``model``.

    Raises:
        InvalidRequest: for what the vendor refuses or what cannot be approximated.
    """
    names = ToolNames(
        (tool.name for tool in request.tools if isinstance(tool, Tool)), _LEGAL_NAME, _NAME_LIMIT
    )
    contents = ContentsEncoder(request, caps, ledger, names)
    settings = _Settings(request, caps, ledger)
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
    _extras(request, body, ledger)
    freeform = (tool.name for tool in request.tools if isinstance(tool, Tool) and tool.freeform)
    return EncodedRequest(
        msgspec.json.encode(body),
        upstream_path(model, caps, stream=request.stream),
        tool_names=names.renamed,
        wrapped_tools=frozenset(freeform),
    )


def _extras(request: ChatRequest, body: dict[str, Any], ledger: Ledger) -> None:
    for extra in request.extras:
        if request.format is not Format.GEMINI:
            ledger.dropped("unknown_field", extra.pointer)
            continue
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
) -> list[dict[str, Any] | Raw]:
    same = request.format is Format.GEMINI
    groups: list[dict[str, Any] | Raw] = []
    open_group = ""  # where the client had the functions of the last group
    for tool in request.tools:
        if isinstance(tool, HostedTool):
            if tool.native.format is not Format.GEMINI:
                raise InvalidRequest(
                    f"the hosted tool {tool.label!r} is not available with this model",
                    pointer=tool.pointer,
                )
            groups.append(Raw(tool.native.raw))
            open_group = ""
            continue
        group = tool.pointer.rpartition("/")[0] if same else "all"
        if same:
            declaration = _declaration_as_it_came(tool, caps, ledger)
        else:
            declaration = _declaration(tool, caps, ledger, names)
        last = groups[-1] if groups else None
        if isinstance(last, dict) and (group == open_group or not group):
            last["functionDeclarations"].append(declaration)
        else:
            groups.append({"functionDeclarations": [declaration]})
            open_group = group
    return groups


def _declaration_as_it_came(tool: Tool, caps: Caps, ledger: Ledger) -> dict[str, Any]:
    declaration: dict[str, Any] = {"name": tool.name}
    if tool.description is not None:
        declaration["description"] = tool.description
    native = {} if tool.native is None else _FIELDS(tool.native.raw)
    if tool.schema is not None and "parameters" not in native:
        declaration |= _schema(tool.schema, caps, ledger, tool.pointer, "parameters")
    return declaration | native


def _declaration(tool: Tool, caps: Caps, ledger: Ledger, names: ToolNames) -> dict[str, Any]:
    declaration: dict[str, Any] = {"name": names.to_target(tool.name)}
    if tool.description is not None:
        declaration["description"] = tool.description
    if tool.freeform:
        ledger.approximated("freeform_tool_wrapped", tool.pointer, reported=False)
        if tool.grammar is not None:
            ledger.dropped("tool_grammar_unsupported", tool.pointer)
        declaration |= _schema(_FREEFORM_SCHEMA, caps, ledger, tool.pointer, "parameters")
    elif tool.schema is not None:
        declaration |= _schema(tool.schema, caps, ledger, tool.pointer, "parameters")
    if tool.cache is not None:
        ledger.dropped("cache_mark_unsupported", tool.pointer, reported=False)
    if tool.native is not None:
        ledger.dropped("tool_fields_unsupported", tool.pointer, reported=False)
    return declaration


def _schema(schema: bytes, caps: Caps, ledger: Ledger, pointer: str, prefix: str) -> dict[str, Raw]:
    """``schema`` in the field of its dialect; ``prefix``: ``parameters`` or ``response``."""
    if caps.schema_dialect == "json_schema":
        field = "parametersJsonSchema" if prefix == "parameters" else "responseJsonSchema"
        return {field: Raw(schema)}

    def lost(keyword: str) -> None:
        ledger.approximated("schema_keyword_unsupported", pointer, detail=keyword)

    field = "parameters" if prefix == "parameters" else "responseSchema"
    return {field: Raw(to_openapi_subset(schema, lost))}


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
    if not strict and any(tool.strict for tool in functions):
        ledger.dropped("strict_tools_unsupported", ledger.pointer("tools"), reported=False)
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


# --- settings ----------------------------------------------------------------


class _Settings:
    """``generationConfig``, and the fields beside it."""

    def __init__(self, request: ChatRequest, caps: Caps, ledger: Ledger) -> None:
        self._request = request
        self._caps = caps
        self._ledger = ledger
        self._same = request.format is Format.GEMINI

    def generation(self) -> dict[str, Any]:
        config: dict[str, Any] = {}
        self._sampling(config)
        self._limits(config)
        self._output(config)
        thinking = self._thinking()
        if thinking:
            config["thinkingConfig"] = thinking
        return config

    def _drop(self, field: str, code: str, *, reported: bool = True) -> None:
        self._ledger.dropped(code, self._ledger.pointer(field), reported=reported)

    def _sampling(self, config: dict[str, Any]) -> None:
        sampling = self._request.sampling
        for field, name in (
            ("temperature", "temperature"),
            ("top_p", "topP"),
            ("top_k", "topK"),
            ("presence_penalty", "presencePenalty"),
            ("frequency_penalty", "frequencyPenalty"),
            ("seed", "seed"),
        ):
            value = getattr(sampling, field)
            if value is None:
                continue
            if self._caps.sampling is False and field != "seed":
                self._drop(f"sampling.{field}", f"{field}_unsupported")
                continue
            config[name] = value
        if sampling.logit_bias is not None:
            self._drop("sampling.logit_bias", "logit_bias_unsupported")
        if sampling.logprobs:
            config["responseLogprobs"] = True
        if sampling.top_logprobs is not None:
            count = sampling.top_logprobs
            if count > _MAX_LOGPROBS and not self._same:
                self._ledger.approximated(
                    "top_logprobs_clamped", self._ledger.pointer("sampling.top_logprobs")
                )
                count = _MAX_LOGPROBS
            config["logprobs"] = count

    def _limits(self, config: dict[str, Any]) -> None:
        request, ledger = self._request, self._ledger
        limit = request.max_output
        if limit is not None:
            most = self._caps.max_output
            if most is not None and limit > most:
                ledger.approximated("max_output_clamped", ledger.pointer("max_output"))
                limit = most
            if limit < 1 and not self._same:
                raise InvalidRequest(
                    "at least one token for this model", pointer=ledger.pointer("max_output")
                )
            config["maxOutputTokens"] = limit
        if request.stop:
            if len(request.stop) > _MAX_STOPS and not self._same:
                raise InvalidRequest(
                    f"at most {_MAX_STOPS} stop sequences for this model",
                    pointer=ledger.pointer("stop"),
                )
            config["stopSequences"] = list(request.stop)
        if request.n != 1:
            config["candidateCount"] = request.n

    def _output(self, config: dict[str, Any]) -> None:
        output, ledger = self._request.output, self._ledger
        if output.kind is not OutputKind.TEXT:
            config["responseMimeType"] = "application/json"
        if output.kind is OutputKind.SCHEMA and output.schema is not None:
            pointer = ledger.pointer("output")
            if self._caps.json_schema:
                config |= _schema(output.schema, self._caps, ledger, pointer, "response")
            else:
                ledger.approximated("json_schema_unsupported", pointer)
        for field in ("name", "description"):
            if getattr(output, field) is not None:
                self._drop("output", f"schema_{field}_unsupported", reported=False)
        if output.verbosity is not None:
            self._drop("output.verbosity", "verbosity_unsupported")
        if output.modalities and (self._same or set(output.modalities) != {"text"}):
            if "audio" in output.modalities and not self._same:
                raise InvalidRequest(
                    "this model's audio has another encoding than this format",
                    pointer=ledger.pointer("output.modalities"),
                )
            config["responseModalities"] = [word.upper() for word in output.modalities]
        if not self._same:
            detail, exact = media_detail(self._request.turns)
            if detail is not None:
                config["mediaResolution"] = f"MEDIA_RESOLUTION_{detail.upper()}"
            if not exact:
                self._ledger.approximated(
                    "image_detail_for_all", ledger.pointer("turns"), reported=False
                )

    # -- thinking -------------------------------------------------------------

    def _thinking(self) -> dict[str, Any]:
        spec, caps = self._request.reasoning, self._caps
        asked = spec.effort is not None or spec.budget is not None
        if caps.thinking == "none":
            if asked and not (spec.effort is Effort.NONE or spec.budget == 0):
                self._drop(self._asked_by(), "reasoning_unsupported")
            return {}
        thinking: dict[str, Any] = {}
        if self._same and caps.thinking == "default":
            # Which of the two a model takes, its client knows.
            if spec.effort is not None:
                thinking["thinkingLevel"] = LEVEL_OF[spec.effort]
            if spec.budget is not None:
                thinking["thinkingBudget"] = spec.budget
        elif asked and caps.thinking == "budget":
            thinking["thinkingBudget"] = self._budget()
        elif asked:
            level = self._level()
            if level is not None:
                thinking["thinkingLevel"] = LEVEL_OF[level]
        show = self._show_thoughts()
        if show is not None:
            thinking["includeThoughts"] = show
        return thinking

    def _asked_by(self) -> str:
        return "reasoning.budget" if self._request.reasoning.effort is None else "reasoning.effort"

    def _show_thoughts(self) -> bool | None:
        request = self._request
        spec = request.reasoning
        if spec.visible is not None:
            return spec.visible != "none"
        if request.format not in (Format.CHAT, Format.MESSAGES):
            return None
        # Their clients get to see reasoning when there is some, and cannot ask for it.
        on = spec.effort not in (None, Effort.NONE) or spec.budget not in (None, 0)
        return True if on else None

    def _level(self) -> Effort | None:
        spec = self._request.reasoning
        wanted = spec.effort
        if wanted is None and spec.budget is not None:
            wanted = effort_of(spec.budget)
        if wanted is None:
            return None
        known = [effort for effort in EFFORT_ORDER if effort in self._caps.efforts]
        levels = [effort for effort in known if effort in LEVEL_OF] or [Effort.LOW, Effort.HIGH]
        if wanted in levels:
            return wanted
        if wanted is Effort.MAX and levels[-1] is Effort.XHIGH:
            return Effort.XHIGH
        rank = EFFORT_ORDER.index(wanted)
        lower = [effort for effort in levels if EFFORT_ORDER.index(effort) < rank]
        pointer = self._ledger.pointer(self._asked_by())
        self._ledger.approximated("reasoning_effort_clamped", pointer)
        return lower[-1] if lower else levels[0]

    def _budget(self) -> int:
        spec, caps = self._request.reasoning, self._caps
        wanted = spec.budget
        if wanted is None:
            assert spec.effort is not None
            wanted = BUDGETS.get(spec.effort, caps.budget_max)
        if wanted < 0:
            return -1
        if wanted == 0 and caps.thinking_off:
            return 0
        budget = min(max(wanted, caps.budget_min), caps.budget_max)
        if budget != wanted:
            pointer = self._ledger.pointer(self._asked_by())
            self._ledger.approximated("reasoning_budget_clamped", pointer)
        return budget

    # -- beside ---------------------------------------------------------------

    def beside(self, body: dict[str, Any]) -> None:
        request, ledger = self._request, self._ledger
        if request.tier is not None:
            tier = request.tier if self._same else None
            tier = encode_tier(request.tier) or tier
            if tier is not None:
                body["serviceTier"] = tier
            elif request.tier != "auto":
                self._drop("tier", "tier_unsupported")
        state = request.server_state
        if state.previous_id is not None:
            raise InvalidRequest(
                "this model's vendor keeps no earlier responses",
                pointer=ledger.pointer("server_state.previous_id"),
            )
        if state.conversation is not None:
            if state.conversation.format is not Format.GEMINI:
                raise InvalidRequest(
                    "this model's vendor does not have that conversation",
                    pointer=ledger.pointer("server_state.conversation"),
                )
            body["cachedContent"] = Raw(state.conversation.raw)
        if self._same:
            if state.store is not None:
                body["store"] = state.store
            if request.identity.metadata is not None:
                body["labels"] = Raw(request.identity.metadata)
            return
        if state.store is not None:
            self._drop("server_state.store", "store_unsupported", reported=False)
        if request.cache is not None:
            self._drop("cache", "cache_mark_unsupported", reported=False)
        for field in ("user", "safety_id", "cache_key", "metadata"):
            if getattr(request.identity, field) is not None:
                self._drop(f"identity.{field}", f"{field}_unsupported", reported=False)
