"""A canonical request to an upstream of this format, and the relay of a
client's own request."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

from msgspec import Raw

from aigw_core.chat import (
    ChatRequest,
    Effort,
    Format,
    HostedTool,
    OutputKind,
    Reasoning,
    ReasoningSpec,
    Role,
    Text,
    Tool,
    ToolCall,
    ToolChoiceMode,
    Turn,
)
from aigw_core.codec import Caps, EncodedRequest, Headers, Inbound
from aigw_core.codecs.responses import wire
from aigw_core.codecs.responses.decode_request import ENCRYPTED, LOGPROBS, check_model
from aigw_core.codecs.responses.encode_input import TTLS, InputWriter
from aigw_core.codecs.responses.settings import (
    SUMMARIES,
    write_text,
    write_tool,
    write_tool_choice,
)
from aigw_core.errors import InvalidRequest
from aigw_core.foreign import client_tools, note_foreign
from aigw_core.jsondoc import splice
from aigw_core.ledger import Ledger
from aigw_core.naming import ToolNames

PATH = "/v1/responses"
FORWARDED = ("openai-beta",)

Json = dict[str, object]

_LEGAL_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_ANY_NAME = re.compile(r"(?s).+")
_ORDER = tuple(Effort)
_MAX_IDENTIFIER = 64
_TIERS = frozenset({"auto", "default", "flex", "scale", "priority", "fast", "ultrafast"})
_TIER_WORDS = {"standard_only": "default", "standard": "default"}
_JSON_INSTRUCTION = "Answer with a JSON object."


def relay_request(inbound: Inbound, model: str, caps: Caps) -> EncodedRequest:
    """The client's own bytes, with another model's name where it differs.

    Raises:
        InvalidRequest: no JSON object, or no usable model.
    """
    fields = inbound.fields
    body = inbound.body
    if check_model(fields) != model:
        body = splice(fields, {"model": wire.encode(model)})
    return EncodedRequest(body, PATH, _forwarded(inbound))


def _forwarded(inbound: Inbound) -> Headers:
    return tuple([(name, inbound.headers[name]) for name in FORWARDED if name in inbound.headers])


def encode_request(request: ChatRequest, model: str, caps: Caps, ledger: Ledger) -> EncodedRequest:
    """The request as this format says it.

    Raises:
        InvalidRequest: it asks for what must not be left out, at its pointer in
            the client's document.
    """
    own = request.format is Format.RESPONSES
    if not own:
        note_foreign(request, ledger)
    _refuse_impossible(request, caps, ledger, own)
    names = _tool_names(request, own)
    writer = InputWriter(request, caps, names, ledger)
    instructions, turns = _split_instructions(request)
    writer.write(len(request.turns) - len(turns))
    if request.output.kind is OutputKind.JSON and not own:
        instructions = _mention_json(request, instructions, ledger)
    body: Json = {"model": model}
    if instructions is not None:
        body["instructions"] = instructions
    if own and len(turns) == 1 and turns[0].pointer == "/input":
        body["input"] = "".join(part.text for part in turns[0].parts if isinstance(part, Text))
    elif writer.items or not own:
        body["input"] = writer.items
    _add_tools(body, request, caps, names, ledger, own)
    _add_settings(body, request, caps, ledger, own)
    _add_identity(body, request, own)
    _add_state(body, request, ledger, own)
    _add_extras(body, request, ledger, own)
    return EncodedRequest(wire.encode(body), PATH, tool_names=names.renamed)


def _refuse_impossible(request: ChatRequest, caps: Caps, ledger: Ledger, own: bool) -> None:
    if request.n > 1:
        raise InvalidRequest("this model gives one answer only", pointer=ledger.pointer("n"))
    if request.stop:
        raise InvalidRequest("this model takes no stop sequences", pointer=ledger.pointer("stop"))
    if request.server_state.conversation is not None and not own:
        raise InvalidRequest(
            "this model's vendor does not have that conversation",
            pointer=ledger.pointer("server_state.conversation"),
        )
    if "audio" in request.output.modalities:
        raise InvalidRequest("this model gives no audio", pointer=ledger.pointer("output"))
    last = request.turns[-1] if request.turns else None
    if last is not None and last.role is Role.ASSISTANT and not own and not caps.prefill:
        # Taken by the vendor, who then begins a new answer.
        ledger.approximated("prefill_not_continued", last.pointer)


def _tool_names(request: ChatRequest, own: bool) -> ToolNames:
    names = [tool.name for tool in request.tools if isinstance(tool, Tool)]
    names += [
        part.name for turn in request.unusual for part in turn.parts if isinstance(part, ToolCall)
    ]
    return ToolNames(names, _ANY_NAME if own else _LEGAL_NAME, 64)


def _split_instructions(request: ChatRequest) -> tuple[str | None, tuple[Turn, ...]]:
    """The first system text goes where this format has it; further ones, and one
    that is more than a text, stay in their place."""
    turns = request.turns
    if turns and turns[0].role is Role.SYSTEM and not turns[0].developer:
        first = turns[0]
        only = first.parts[0] if len(first.parts) == 1 else None
        if request.format is Format.RESPONSES and first.pointer != "/instructions":
            return None, turns
        if isinstance(only, Text) and only.cache is None:
            return only.text, turns[1:]
    return None, turns


def _mention_json(request: ChatRequest, instructions: str | None, ledger: Ledger) -> str | None:
    # The API refuses JSON mode when the word is nowhere in the input.
    for turn in request.turns:
        if any(isinstance(part, Text) and "json" in part.text.lower() for part in turn.parts):
            return instructions
    ledger.approximated("json_instruction_added", ledger.pointer("output"))
    return f"{instructions}\n\n{_JSON_INSTRUCTION}" if instructions else _JSON_INSTRUCTION


# --- tools --------------------------------------------------------------------


def _add_tools(
    body: Json, request: ChatRequest, caps: Caps, names: ToolNames, ledger: Ledger, own: bool
) -> None:
    tools: list[Json | Raw] = []
    for tool in request.tools if own else client_tools(request, ledger):
        if isinstance(tool, HostedTool):
            tools.append(Raw(tool.native.raw))
            continue
        if not own:
            if tool.native is not None:
                ledger.dropped("tool_fields_dropped", tool.pointer)
            if tool.cache is not None:
                ledger.dropped("cache_mark_unsupported", tool.pointer, reported=False)
        tools.append(write_tool(tool, names.to_target(tool.name), own=own))
    if tools:
        body["tools"] = tools
    choice = request.tool_choice
    if choice is not None and (tools or own):
        if choice.native is not None and not own:
            raise InvalidRequest(
                "this choice means a tool of another vendor", pointer=ledger.pointer("tool_choice")
            )
        freeform = [tool.name for tool in request.tools if isinstance(tool, Tool) and tool.freeform]
        body["tool_choice"] = write_tool_choice(choice, freeform, names.to_target)
    elif choice is not None and choice.mode is ToolChoiceMode.REQUIRED:
        raise InvalidRequest("there are no tools", pointer=ledger.pointer("tool_choice"))
    if request.parallel_tools is None:
        return
    pointer = ledger.pointer("parallel_tools")
    if own or (tools and caps.parallel_flag):
        body["parallel_tool_calls"] = request.parallel_tools
    else:
        lost = bool(tools) and not request.parallel_tools
        ledger.dropped("parallel_tools_unsupported", pointer, reported=lost)


# --- settings -----------------------------------------------------------------


def _wants_seals(request: ChatRequest, caps: Caps, *, reasons: bool, own: bool) -> bool:
    """Whether reasoning must come back sealed, to be replayed without the vendor's memory.

    A model that does not reason answers 400 when asked, so there must be a sign that
    this one does: the client sets reasoning, or replays some, or configuration says so.
    """
    if own:
        return caps.thinking != "none" and request.server_state.store is False
    if caps.thinking in ("none", "default"):
        replays = any(isinstance(part, Reasoning) for turn in request.turns for part in turn.parts)
        return caps.thinking == "default" and (reasons or replays)
    return True


def _add_settings(body: Json, request: ChatRequest, caps: Caps, ledger: Ledger, own: bool) -> None:
    include: list[str] = []
    if request.max_output is not None:
        body["max_output_tokens"] = _max_output(request.max_output, caps, ledger, own)
    _add_sampling(body, request, caps, ledger, include)
    output = request.output
    if output.kind is OutputKind.SCHEMA and not caps.json_schema and not own:
        ledger.approximated("json_schema_unsupported", ledger.pointer("output"))
        text = {**write_text(output, own=own), "format": {"type": "json_object"}}
    else:
        text = write_text(output, own=own)
    if text:
        body["text"] = text
    if "image" in output.modalities:
        ledger.dropped("modality_unsupported", ledger.pointer("output"))
    reasoning = _reasoning(request.reasoning, caps, ledger, own)
    if reasoning:
        body["reasoning"] = reasoning
    if _wants_seals(request, caps, reasons=bool(reasoning), own=own):
        include.append(ENCRYPTED)
    if include:
        body["include"] = include
    if request.tier is not None:
        tier = request.tier if own else _TIER_WORDS.get(request.tier, request.tier)
        if own or tier in _TIERS:
            body["service_tier"] = tier
        else:
            ledger.dropped("tier_unsupported", ledger.pointer("tier"))
    if request.stream:
        body["stream"] = True


def _max_output(asked: int, caps: Caps, ledger: Ledger, own: bool) -> int:
    if asked == 0 and not own:
        raise InvalidRequest("an answer needs tokens", pointer=ledger.pointer("max_output"))
    if caps.max_output is not None and asked > caps.max_output:
        ledger.approximated("max_output_clamped", ledger.pointer("max_output"))
        return caps.max_output
    return asked


def _add_sampling(
    body: Json, request: ChatRequest, caps: Caps, ledger: Ledger, include: list[str]
) -> None:
    sampling = request.sampling
    for name in ("temperature", "top_p"):
        value = getattr(sampling, name)
        if value is None:
            continue
        if caps.sampling is False:
            ledger.dropped(f"{name}_unsupported", ledger.pointer(f"sampling.{name}"))
        else:
            body[name] = value
    for name in ("top_k", "frequency_penalty", "presence_penalty", "seed", "logit_bias"):
        if getattr(sampling, name) not in (None, 0 if name.endswith("penalty") else None):
            ledger.dropped(f"{name}_unsupported", ledger.pointer(f"sampling.{name}"))
    if sampling.logprobs:
        include.append(LOGPROBS)
    if sampling.top_logprobs is not None:
        body["top_logprobs"] = sampling.top_logprobs


def _reasoning(spec: ReasoningSpec, caps: Caps, ledger: Ledger, own: bool) -> Json:
    written: Json = {}
    effort = spec.effort if own else _effort(spec, caps, ledger)
    if effort is not None:
        written["effort"] = effort.value
    summary = SUMMARIES.get(spec.visible)
    if summary is not None and (own or caps.thinking != "none"):
        written["summary"] = summary
    elif spec.visible is not None and not own:
        ledger.dropped(
            "reasoning_visibility_unsupported", ledger.pointer("reasoning.visible"), reported=False
        )
    return written


def _effort(spec: ReasoningSpec, caps: Caps, ledger: Ledger) -> Effort | None:
    """The effort that comes nearest to what was asked for."""
    effort, pointer = spec.effort, ledger.pointer("reasoning.effort")
    if effort is None and spec.mode == "disabled":
        effort = Effort.NONE
    if spec.mode not in (None, "disabled"):
        ledger.dropped(
            "thinking_mode_unsupported", ledger.pointer("reasoning.mode"), reported=False
        )
    if spec.budget is not None:
        budget_pointer = ledger.pointer("reasoning.budget")
        ledger.approximated("budget_to_effort", budget_pointer, reported=False)
        if effort is None:
            pointer, effort = budget_pointer, _effort_of_budget(spec.budget)
    if effort is None:
        return None
    if caps.thinking == "none":
        if effort is not Effort.NONE:
            ledger.dropped("reasoning_unsupported", pointer)
        return None
    if effort in caps.efforts or (effort is Effort.NONE and caps.thinking_off):
        return effort
    nearest = _nearest(effort, caps.efforts)
    ledger.approximated("effort_clamped", pointer)
    return nearest


def _effort_of_budget(budget: int) -> Effort | None:
    if budget < 0:
        return None
    for limit, effort in (
        (0, Effort.NONE),
        (512, Effort.MINIMAL),
        (3072, Effort.LOW),
        (12288, Effort.MEDIUM),
        (28672, Effort.HIGH),
        (40960, Effort.XHIGH),
    ):
        if budget <= limit:
            return effort
    return Effort.MAX


def _nearest(effort: Effort, allowed: Iterable[Effort]) -> Effort | None:
    """The nearest lower level that exists, else the nearest higher one."""
    ranks = sorted(_ORDER.index(level) for level in allowed if level is not Effort.NONE)
    if not ranks:
        return None
    lower = [rank for rank in ranks if rank <= _ORDER.index(effort)]
    return _ORDER[lower[-1] if lower else ranks[0]]


# --- who, what state, what else -----------------------------------------------


def _add_identity(body: Json, request: ChatRequest, own: bool) -> None:
    identity = request.identity
    for name, value in (
        ("user", identity.user),
        ("safety_identifier", identity.safety_id),
        ("prompt_cache_key", identity.cache_key),
    ):
        if value is None:
            continue
        if len(value) > _MAX_IDENTIFIER and not own:
            # The API refuses longer ones; some clients send whole documents here.
            value = hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()
        body[name] = value
    if identity.metadata is not None:
        body["metadata"] = Raw(identity.metadata)


def _add_state(body: Json, request: ChatRequest, ledger: Ledger, own: bool) -> None:
    state = request.server_state
    if not own:
        if state.conversation is not None:
            raise InvalidRequest(
                "this model's vendor does not have that conversation",
                pointer=ledger.pointer("server_state.conversation"),
            )
        body["store"] = False
        if state.store:
            ledger.dropped("store_dropped", ledger.pointer("server_state.store"), reported=False)
        return
    if state.store is not None:
        body["store"] = state.store
    if state.previous_id is not None:
        body["previous_response_id"] = state.previous_id
    if state.conversation is not None:
        body["conversation"] = Raw(state.conversation.raw)


def _add_extras(body: Json, request: ChatRequest, ledger: Ledger, own: bool) -> None:
    if request.cache is not None:
        options = {"mode": "implicit", "ttl": TTLS.get(request.cache.ttl, "30m")}
        if own:
            body["prompt_cache_options"] = options
        else:
            # Prefixes are cached without being asked to.
            ledger.approximated("cache_implicit", ledger.pointer("cache"), reported=False)
    if not own:
        return
    for extra in request.extras:
        outer, dot, name = extra.name.partition(".")
        if dot and outer in ("reasoning", "text") and extra.pointer == f"/{outer}/{name}":
            inner = body.setdefault(outer, {})
            assert isinstance(inner, dict)
            inner[name] = Raw(extra.raw)
        elif extra.name == "include":
            known = body.get("include", [])
            assert isinstance(known, list)
            body["include"] = [*known, *wire.decode_strings(extra.raw)]
        else:
            body[extra.name] = Raw(extra.raw)
