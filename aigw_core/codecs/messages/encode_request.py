"""The canonical conversation to an upstream request.

Every loss goes to the ledger; what must not be approximated is refused. For a
conversation that came in this format the client is taken at its word, and the
leftovers it sent go back to where they were.

Sources: Messages API reference; versioning page for what ``2026-10-21``
refuses; the rules for approximating are our own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import Raw

from aigw_core.chat import (
    ChatRequest,
    Format,
    Media,
    MediaKind,
    OutputKind,
    Role,
    Text,
    Tool,
)
from aigw_core.codec import Caps, EncodedRequest, Headers
from aigw_core.codecs.messages import wire
from aigw_core.codecs.messages.schema import close_objects
from aigw_core.codecs.messages.thinking import (
    BINDING_BETA,
    ThinkingPlan,
    plan_thinking,
    switch_off,
)
from aigw_core.codecs.messages.tools import ToolEncoder
from aigw_core.codecs.messages.turns import (
    Block,
    EncodedTurns,
    TurnEncoder,
    encode_cache,
    is_plain,
)
from aigw_core.errors import InvalidRequest
from aigw_core.foreign import note_foreign
from aigw_core.ledger import Ledger
from aigw_core.naming import ToolNames, call_ids

PATH = "/v1/messages"
MAX_MARKS = 4
"""Cache breakpoints in one request."""

_encode = msgspec.json.encode

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_NATIVE_NAME = re.compile(r"[A-Za-z0-9_-]{1,128}")
"""Newer models take longer names; a client of this format knows its model."""
_CALL_ID = re.compile(r"[A-Za-z0-9_-]+")

_TIERS = {
    "auto": "auto",
    "default": "standard_only",
    "standard": "standard_only",
    "standard_only": "standard_only",
    "priority": "auto",
    "fast": "auto",
}
_ASK_FOR_JSON = "Answer with one JSON object and nothing else."


def encode_request(request: ChatRequest, model: str, caps: Caps, ledger: Ledger) -> EncodedRequest:
    """The upstream's request for ``model``.

    Raises:
        InvalidRequest: what is asked for cannot be had here.
    """
    return _RequestEncoder(request, caps, ledger).encode(model)


class _RequestEncoder:
    def __init__(self, request: ChatRequest, caps: Caps, ledger: Ledger) -> None:
        self._request = request
        self._caps = caps
        self._ledger = ledger
        self._native = request.format is Format.MESSAGES
        self._keeps_sampling = self._may_sample()
        self._version = self._choose_version()

    def encode(self, model: str) -> EncodedRequest:
        request = self._request
        if not self._native:
            note_foreign(request, self._ledger)
        self._refuse_impossible()
        legal, limit = (_NATIVE_NAME, 128) if self._native else (_NAME, 64)
        names = ToolNames(
            [tool.name for tool in request.tools if isinstance(tool, Tool)], legal, limit
        )
        turns = TurnEncoder(
            request, self._caps, self._ledger, names, call_ids(_CALL_ID), self._version
        ).encode()
        plan = plan_thinking(request, self._caps, self._ledger)
        tools, choice = ToolEncoder(request, self._caps, self._ledger, names).encode()
        choice = self._settle(plan, turns, choice)
        betas = self._bind_thinking(plan, turns)
        body: dict[str, Any] = {"model": model, "max_tokens": plan.max_tokens}
        config = self._output(turns, plan)
        if turns.system:
            body["system"] = turns.system
        body["messages"] = turns.messages
        if tools:
            body["tools"] = tools
        if choice is not None:
            body["tool_choice"] = choice
        if plan.thinking is not None:
            body["thinking"] = plan.thinking
        if config:
            body["output_config"] = config
        if request.stop:
            body["stop_sequences"] = list(self._stop())
        self._sampling(body, plan)
        self._identity(body)
        self._tier(body)
        if request.cache is not None:
            body["cache_control"] = encode_cache(request.cache)
        if self._native:
            self._write_extras(body, plan)
        self._limit_marks(body, turns)
        if request.stream:
            body["stream"] = True
        if len(turns.system) == 1 and is_plain(turns.system[0]):
            body["system"] = turns.system[0]["text"]
        for message in turns.of_blocks:
            message.simplify()
        headers: Headers = (("anthropic-version", self._version),)
        if betas:
            headers += (("anthropic-beta", ",".join(betas)),)
        return EncodedRequest(
            _encode(body),
            PATH,
            headers,
            names.renamed,
            frozenset(
                tool.name for tool in request.tools if isinstance(tool, Tool) and tool.freeform
            ),
        )

    # --- what decides about the whole request --------------------------------------

    def _may_sample(self) -> bool:
        sampling, caps = self._request.sampling, self._caps
        if sampling.temperature is None and sampling.top_p is None and sampling.top_k is None:
            return False
        if (caps.api_version or "") >= wire.VERSION_2026:
            return False
        return self._native if caps.sampling is None else caps.sampling

    def _choose_version(self) -> str:
        if self._caps.api_version is not None:
            return self._caps.api_version
        if self._keeps_sampling or (self._native and _needs_2023(self._request)):
            return wire.VERSION_2023
        return wire.VERSION_2026

    def _refuse_impossible(self) -> None:
        request, ledger = self._request, self._ledger
        sampling, state = request.sampling, request.server_state
        if request.n > 1:
            raise InvalidRequest("this upstream gives one choice", pointer=ledger.pointer("n"))
        if sampling.logprobs or sampling.top_logprobs:
            raise InvalidRequest(
                "this upstream gives no log probabilities",
                pointer=ledger.pointer("sampling.logprobs"),
            )
        if state.previous_id is not None:
            raise InvalidRequest(
                "this upstream keeps no responses",
                pointer=ledger.pointer("server_state.previous_id"),
            )
        if state.conversation is not None and not self._native:
            raise InvalidRequest(
                "this upstream keeps no conversations of that kind",
                pointer=ledger.pointer("server_state.conversation"),
            )
        modalities = request.output.modalities
        if modalities and ("text" not in modalities or "audio" in modalities):
            raise InvalidRequest(
                "this upstream answers in text", pointer=ledger.pointer("output.modalities")
            )
        if any(kind != "text" for kind in modalities):
            ledger.dropped("modality_unsupported", ledger.pointer("output.modalities"))
        if state.store:
            ledger.dropped(
                "store_unsupported", ledger.pointer("server_state.store"), reported=False
            )

    def _settle(
        self,
        plan: ThinkingPlan,
        turns: EncodedTurns,
        choice: dict[str, Any] | None,
    ) -> dict[str, Any] | None:
        """Thinking against forced tools, prefill and lost thoughts."""
        ledger = self._ledger
        forced = choice is not None and choice["type"] in ("any", "tool")
        clashes = plan.manual if self._native else plan.on
        if forced and clashes and not self._caps.forced_tool_with_thinking:
            if self._caps.thinking_off:
                switch_off(plan)
                ledger.dropped("thinking_with_forced_tool", ledger.pointer("reasoning.effort"))
            elif choice is not None:
                choice = {**choice, "type": "auto"}
                choice.pop("name", None)
                ledger.approximated("forced_tool_with_thinking", ledger.pointer("tool_choice"))
        if turns.prefill and plan.on and not self._native:
            switch_off(plan)
            ledger.dropped("thinking_with_prefill", ledger.pointer("reasoning.effort"))
        if turns.lost_thinking and plan.manual:
            switch_off(plan)
            ledger.dropped("thinking_lost_in_tool_loop", ledger.pointer("reasoning.effort"))
        return choice

    def _bind_thinking(self, plan: ThinkingPlan, turns: EncodedTurns) -> list[str]:
        """Thoughts that went through another format may stand on a changed prefix."""
        if self._native or not (self._caps.block_binding and plan.on and turns.thought):
            return []
        if plan.thinking is not None:
            plan.thinking["block_binding"] = {"prefix_mismatch_behavior": "drop_block"}
        return [BINDING_BETA]

    # --- the rest ----------------------------------------------------------------

    def _output(self, turns: EncodedTurns, plan: ThinkingPlan) -> dict[str, Any]:
        spec, ledger = self._request.output, self._ledger
        config: dict[str, Any] = {}
        if plan.effort is not None:
            config["effort"] = plan.effort
        pointer = ledger.pointer("output")
        if spec.verbosity is not None:
            ledger.dropped("verbosity_unsupported", ledger.pointer("output.verbosity"))
        if spec.kind is OutputKind.JSON:
            turns.system.append({"type": "text", "text": _ASK_FOR_JSON})
            ledger.approximated("json_mode_as_instruction", pointer)
        elif spec.kind is OutputKind.SCHEMA and spec.schema is not None:
            schema, open_objects = spec.schema, False
            if not self._native:
                schema, open_objects = close_objects(spec.schema)
            if open_objects:
                ledger.approximated("schema_objects_closed", pointer)
            if self._caps.json_schema:
                config["format"] = {"type": "json_schema", "schema": Raw(schema)}
            else:
                ask = f"{_ASK_FOR_JSON} It must match this JSON Schema: {schema.decode()}"
                turns.system.append({"type": "text", "text": ask})
                ledger.approximated("json_schema_as_instruction", pointer)
            if (spec.name, spec.description, spec.strict) != (None, None, None):
                ledger.dropped("schema_name_dropped", pointer, reported=False)
        return config

    def _stop(self) -> Iterator[str]:
        for sequence in self._request.stop:
            if not sequence.strip() and not self._native:
                raise InvalidRequest(
                    "this upstream takes no stop sequence of white space",
                    pointer=self._ledger.pointer("stop"),
                )
            yield sequence

    def _sampling(self, body: dict[str, Any], plan: ThinkingPlan) -> None:
        sampling, ledger = self._request.sampling, self._ledger
        for name in ("frequency_penalty", "presence_penalty", "seed", "logit_bias"):
            if getattr(sampling, name) is not None:
                ledger.dropped(f"{name}_unsupported", ledger.pointer(f"sampling.{name}"))
        for name in ("temperature", "top_p", "top_k"):
            value = getattr(sampling, name)
            if value is None:
                continue
            pointer = ledger.pointer(f"sampling.{name}")
            if not self._keeps_sampling:
                ledger.dropped(f"{name}_unsupported", pointer)
            elif plan.on and not self._goes_with_thinking(name, value):
                ledger.dropped(f"{name}_with_thinking", pointer)
            elif name == "temperature" and value > 1:
                body[name] = 1.0
                ledger.approximated("temperature_clamped", pointer, detail="to 1")
            else:
                body[name] = value

    @staticmethod
    def _goes_with_thinking(name: str, value: float) -> bool:
        if name == "temperature":
            return value == 1
        return name == "top_p" and value >= 0.95

    def _identity(self, body: dict[str, Any]) -> None:
        identity, ledger = self._request.identity, self._ledger
        user = identity.safety_id or identity.user
        if user is not None:
            body["metadata"] = {"user_id": user}
        if identity.safety_id and identity.user:
            ledger.dropped("user_unsupported", ledger.pointer("identity.user"), reported=False)
        for name in ("metadata", "cache_key"):
            if getattr(identity, name) is not None:
                ledger.dropped(
                    f"{name}_unsupported", ledger.pointer(f"identity.{name}"), reported=False
                )

    def _tier(self, body: dict[str, Any]) -> None:
        tier = self._request.tier
        if tier is None:
            return
        known = _TIERS.get(tier)
        if known is not None:
            body["service_tier"] = known
        elif self._native:
            body["service_tier"] = tier
        else:
            self._ledger.dropped("tier_unsupported", self._ledger.pointer("tier"))

    def _write_extras(self, body: dict[str, Any], plan: ThinkingPlan) -> None:
        conversation = self._request.server_state.conversation
        if conversation is not None:
            body["thread"] = Raw(conversation.raw)
        for extra in self._request.extras:
            outer, dot, name = extra.name.partition(".")
            if not dot or extra.pointer != f"/{outer}/{name}":
                body[extra.name] = Raw(extra.raw)
            elif outer != "thinking":
                body.setdefault(outer, {})[name] = Raw(extra.raw)
            elif plan.on:
                body["thinking"][name] = Raw(extra.raw)

    def _limit_marks(self, body: dict[str, Any], turns: EncodedTurns) -> None:
        """Keep the last marks, and none for longer behind one for shorter."""
        marked = [block for block in _all_blocks(body, turns) if "cache_control" in block]
        room = MAX_MARKS - ("cache_control" in body)
        for block in marked[: max(len(marked) - room, 0)]:
            del block["cache_control"]
            self._ledger.dropped("cache_marks_exceeded", self._ledger.pointer("cache"))
        if self._native:
            return
        short = False
        for block in marked:
            mark = block.get("cache_control")
            if mark is None:
                continue
            if "ttl" not in mark:
                short = True
            elif short:
                block["cache_control"] = {"type": "ephemeral"}


def _all_blocks(body: dict[str, Any], turns: EncodedTurns) -> Iterator[Block]:
    """Everything that may bear a cache mark, in the order of the prompt."""
    yield from body.get("tools", ())
    yield from turns.system
    for message in turns.of_blocks:
        for block in message.blocks():
            if is_plain(block):  # most are, and bear none
                continue
            content = block.get("content")
            if isinstance(content, list):
                yield from content
            yield block


def _needs_2023(request: ChatRequest) -> bool:
    """Whether the conversation holds what only the older version takes."""
    for turn in request.unusual:
        for part in turn.parts:
            if turn.role is Role.ASSISTANT:
                if isinstance(part, Media) and part.kind is MediaKind.DOCUMENT:
                    return True
            elif isinstance(part, Text) and part.citations:
                return True
    return False
