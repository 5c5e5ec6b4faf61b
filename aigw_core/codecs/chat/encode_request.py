"""A canonical request to an upstream of this format.

What the format, or the target as its ``Caps`` describe it, cannot take is mapped,
left out with an entry in the ledger, or refused.
"""

from __future__ import annotations

import hashlib

from msgspec import Raw

from aigw_core.chat import (
    ChatRequest,
    Effort,
    Format,
    OutputKind,
    Role,
    Text,
)
from aigw_core.codec import Caps, EncodedRequest
from aigw_core.codecs.chat.encode_messages import (
    Json,
    MessageWriter,
    PlainMessage,
    breakpoint_ttl,
    speaks_openai,
)
from aigw_core.codecs.chat.encode_tools import LEGAL_NAME, NAME_LIMIT, ToolWriter
from aigw_core.codecs.chat.wire import ENCODE
from aigw_core.errors import InvalidRequest
from aigw_core.foreign import note_foreign
from aigw_core.ledger import Ledger
from aigw_core.naming import ToolNames

PATH = "/v1/chat/completions"

MAX_STOPS = 4
MAX_IDENTIFIER = 128
"""Characters of ``safety_identifier``."""

_ASK_FOR_JSON = "Answer with one JSON object and nothing else."

_TIERS = {
    **{tier: tier for tier in ("auto", "default", "flex", "scale", "priority", "fast")},
    "standard_only": "default",
    "standard": "default",
}
"""The words of all formats for service tiers in those of this one."""

_EFFORT_OF_BUDGET = (
    (0, Effort.NONE),
    (512, Effort.MINIMAL),
    (3072, Effort.LOW),
    (12288, Effort.MEDIUM),
    (28672, Effort.HIGH),
    (40960, Effort.XHIGH),
)

_THINKING_TYPES = {"manual": "enabled"}


def encode_request(request: ChatRequest, model: str, caps: Caps, ledger: Ledger) -> EncodedRequest:
    """The upstream request for ``model``.

    Raises:
        InvalidRequest: it asks for what must not be approximated; with the
            client's own pointer.
    """
    return _Encoder(request, model, caps, ledger).encode()


class _Encoder:
    def __init__(self, request: ChatRequest, model: str, caps: Caps, ledger: Ledger) -> None:
        self._request = request
        self._model = model
        self._caps = caps
        self._ledger = ledger
        self._own = request.format is Format.CHAT
        self._modern = speaks_openai(caps)
        self._tools = ToolWriter(request, caps, ledger)
        self._body: Json = {"model": model}

    def encode(self) -> EncodedRequest:
        request, body = self._request, self._body
        if not self._own:
            note_foreign(request, self._ledger)
        self._refuse_state()
        tools = self._tools
        writer = MessageWriter(request, self._caps, self._ledger, tools.names, tools.wrapped)
        body["messages"] = writer.write()
        self._note_prefill()
        tools.write(body)
        self._output()
        self._limits()
        self._sampling()
        self._reasoning()
        self._identity()
        if self._own:
            self._extras()
        if request.stream:
            body["stream"] = True
            if self._caps.stream_usage_option:
                body["stream_options"] = {"include_usage": True}
        return EncodedRequest(
            body=ENCODE(body),
            path=PATH,
            tool_names=tools.names.renamed,
            wrapped_tools=tools.wrapped,
        )

    def _refuse(self, problem: str, field: str) -> InvalidRequest:
        return InvalidRequest(problem, pointer=self._ledger.pointer(field))

    def _drop(self, code: str, field: str, *, reported: bool = True) -> None:
        self._ledger.dropped(code, self._ledger.pointer(field), reported=reported)

    def _refuse_state(self) -> None:
        state = self._request.server_state
        if state.previous_id is not None:
            raise self._refuse("the target keeps no earlier answers", "server_state.previous_id")
        if state.conversation is not None:
            raise self._refuse("the target keeps no conversations", "server_state.conversation")

    def _note_prefill(self) -> None:
        turns = self._request.turns
        last = turns[-1] if turns else None
        if last is None or last.role is not Role.ASSISTANT or self._own or self._caps.prefill:
            return
        # Most servers take it and then begin a new answer.
        self._ledger.approximated("prefill_not_continued", last.pointer)

    # --- the answer's shape ----------------------------------------------------------

    def _output(self) -> None:
        request, body = self._request, self._body
        output = request.output
        kind = output.kind
        if kind is OutputKind.SCHEMA and not self._caps.json_schema and not self._own:
            self._ledger.approximated("json_schema_unsupported", self._ledger.pointer("output"))
            self._ask_for_json(None if output.schema is None else output.schema.decode())
            kind = OutputKind.TEXT
            body["response_format"] = {"type": "json_object"}
        if kind is OutputKind.SCHEMA:
            schema: Json = {"name": self._schema_name()}
            if output.description is not None:
                schema["description"] = output.description
            if output.schema is not None:
                schema["schema"] = Raw(output.schema)
            if output.strict is not None:
                schema["strict"] = output.strict
            body["response_format"] = {"type": "json_schema", "json_schema": schema}
        elif kind is OutputKind.JSON:
            body["response_format"] = {"type": "json_object"}
            # The vendor refuses this mode when the input never names JSON.
            if not self._own and not self._system_names_json():
                self._ledger.approximated("json_instruction_added", self._ledger.pointer("output"))
                self._ask_for_json(None)
        if output.verbosity is not None:
            if self._own or self._modern:
                body["verbosity"] = output.verbosity
            else:
                self._drop("verbosity_unsupported", "output.verbosity")
        if output.modalities:
            self._modalities(output.modalities)

    def _schema_name(self) -> str:
        name = self._request.output.name
        if self._own and name is not None:
            return name
        if name is None:
            return "response"
        return ToolNames((), LEGAL_NAME, NAME_LIMIT).to_target(name)

    def _system_names_json(self) -> bool:
        # System turns that lead stay the same over the conversation; later ones may
        # not be looked at, or the beginning would change as it grows.
        for turn in self._request.turns:
            if turn.role is not Role.SYSTEM:
                break
            if any(isinstance(part, Text) and "json" in part.text.lower() for part in turn.parts):
                return True
        return False

    def _ask_for_json(self, schema: str | None) -> None:
        text = _ASK_FOR_JSON
        if schema is not None:
            text = f"{text} It must match this JSON schema: {schema}"
        messages = self._body["messages"]
        leading = 0
        while leading < len(messages) and _is_system(messages[leading]):
            leading += 1
        messages.insert(leading, {"role": "system", "content": text})

    def _modalities(self, modalities: tuple[str, ...]) -> None:
        if self._own:
            self._body["modalities"] = list(modalities)
            return
        if "text" not in modalities:
            raise self._refuse("the target answers with text alone", "output.modalities")
        if len(modalities) > 1:
            self._drop("modalities_unsupported", "output.modalities")

    # --- numbers -----------------------------------------------------------------------

    def _limits(self) -> None:
        request, body, caps = self._request, self._body, self._caps
        limit = request.max_output
        if limit is not None:
            if limit == 0 and not self._own:
                raise self._refuse("the limit must be at least 1", "max_output")
            if caps.max_output is not None and limit > caps.max_output:
                self._ledger.approximated("max_output_clamped", self._ledger.pointer("max_output"))
                limit = caps.max_output
            body[caps.token_field] = limit
        if request.n != 1:
            body["n"] = request.n
        stops = request.stop
        if stops:
            if len(stops) > MAX_STOPS and not self._own:
                raise self._refuse(f"at most {MAX_STOPS} stop sequences", "stop")
            body["stop"] = list(stops)

    def _sampling(self) -> None:
        sampling, body = self._request.sampling, self._body
        for name in ("temperature", "top_p", "frequency_penalty", "presence_penalty"):
            value = getattr(sampling, name)
            if value is None:
                continue
            if self._caps.sampling is False:
                self._drop(f"{name}_unsupported", f"sampling.{name}")
            else:
                body[name] = value
        if sampling.seed is not None:
            body["seed"] = sampling.seed
        if sampling.top_k is not None:
            if self._own:
                body["top_k"] = sampling.top_k
            else:
                self._drop("top_k_unsupported", "sampling.top_k")
        bias = sampling.logit_bias
        if bias is not None:
            if bias.format is Format.CHAT:
                body["logit_bias"] = Raw(bias.raw)
            else:
                self._drop("logit_bias_unsupported", "sampling.logit_bias")
        if sampling.logprobs or sampling.top_logprobs is not None:
            if sampling.logprobs or not self._own:
                body["logprobs"] = True
            if sampling.top_logprobs is not None:
                body["top_logprobs"] = sampling.top_logprobs

    # --- reasoning -----------------------------------------------------------------------

    def _reasoning(self) -> None:
        if self._own:
            self._own_reasoning()
            return
        spec, caps = self._request.reasoning, self._caps
        effort, field = spec.effort, "reasoning.effort"
        if spec.visible is not None:
            # The format has no word for it; its clients see what there is.
            self._drop("reasoning_visibility_unsupported", "reasoning.visible", reported=False)
        if spec.budget is not None:
            pointer = self._ledger.pointer("reasoning.budget")
            self._ledger.approximated("budget_to_effort", pointer, reported=False)
            if effort is None and spec.budget >= 0:
                effort, field = _effort_of(spec.budget), "reasoning.budget"
        if spec.mode not in (None, "disabled"):
            self._drop("thinking_mode_unsupported", "reasoning.mode", reported=False)
        off = effort is Effort.NONE or (effort is None and spec.mode == "disabled")
        if effort is None and not off:
            return
        if caps.thinking == "none":
            if not off:
                self._drop("reasoning_unsupported", field)
            return
        if off and caps.needs_reasoning_content:
            self._body["thinking"] = {"type": "disabled"}
            return
        if effort is None:
            # Switched off by a format where that is the default. A model that does
            # not think refuses the word here, so only one known to gets it.
            if caps.thinking == "default" or not caps.thinking_off:
                self._drop("thinking_off_unsupported", "reasoning.mode", reported=False)
                return
            effort = Effort.NONE
        clamped = self._clamp(effort)
        if clamped is not effort:
            self._ledger.approximated("effort_clamped", self._ledger.pointer(field))
        self._body["reasoning_effort"] = clamped.value

    def _clamp(self, effort: Effort) -> Effort:
        """The nearest lower level that the target has, else the nearest higher."""
        caps = self._caps
        if effort is Effort.NONE and caps.thinking_off:
            return effort
        order = list(Effort)
        wanted = order.index(effort)
        levels = sorted(order.index(level) for level in caps.efforts)
        if not levels:
            return effort
        lower = [level for level in levels if level <= wanted]
        return order[lower[-1] if lower else levels[0]]

    def _own_reasoning(self) -> None:
        """The client's own words, in the dialect they came in."""
        spec, body = self._request.reasoning, self._body
        if spec.mode is not None:
            thinking: Json = {"type": _THINKING_TYPES.get(spec.mode, spec.mode)}
            if spec.budget is not None:
                thinking["budget_tokens"] = spec.budget
            body["thinking"] = thinking
        elif spec.budget is not None or spec.visible is not None:
            router: Json = {}
            if spec.effort is not None:
                router["effort"] = spec.effort.value
            if spec.budget is not None:
                router["max_tokens"] = spec.budget
            if spec.visible == "none":
                router["exclude"] = True
            body["reasoning"] = router
            return
        if spec.effort is not None:
            body["reasoning_effort"] = spec.effort.value

    # --- bookkeeping -----------------------------------------------------------------------

    def _identity(self) -> None:
        request, body = self._request, self._body
        identity = request.identity
        if identity.user is not None:
            body["user"] = self._identifier(identity.user)
        if identity.safety_id is not None:
            if self._own or self._modern:
                body["safety_identifier"] = self._identifier(identity.safety_id)
            else:
                body.setdefault("user", self._identifier(identity.safety_id))
        if identity.cache_key is not None:
            if self._own or self._modern:
                body["prompt_cache_key"] = identity.cache_key
            else:
                self._drop("cache_key_dropped", "identity.cache_key", reported=False)
        if identity.metadata is not None:
            if self._own:
                body["metadata"] = Raw(identity.metadata)
            else:
                # The vendor takes metadata only of answers it stores.
                self._drop("metadata_dropped", "identity.metadata", reported=False)
        if request.server_state.store is not None:
            if self._own:
                body["store"] = request.server_state.store
            else:
                self._drop("store_dropped", "server_state.store", reported=False)
        if request.cache is not None:
            if self._own or self._caps.cache_marks:
                options = {"mode": "implicit", "ttl": breakpoint_ttl(request.cache)}
                body["prompt_cache_options"] = options
            else:
                self._drop("cache_mark_dropped", "cache", reported=False)
        if request.tier is not None:
            tier = request.tier if self._own else _TIERS.get(request.tier)
            if tier is None:
                self._drop("service_tier_unsupported", "tier")
            else:
                body["service_tier"] = tier

    def _identifier(self, identifier: str) -> str:
        """Longer ones than the vendor takes are replaced by their digest."""
        if self._own or len(identifier) <= MAX_IDENTIFIER:
            return identifier
        return hashlib.sha256(identifier.encode()).hexdigest()

    def _extras(self) -> None:
        for extra in self._request.extras:
            self._body[extra.name] = Raw(extra.raw)


def _is_system(message: Json | PlainMessage) -> bool:
    return isinstance(message, dict) and message["role"] in ("system", "developer")


def _effort_of(budget: int) -> Effort:
    return next((effort for limit, effort in _EFFORT_OF_BUDGET if budget <= limit), Effort.MAX)
