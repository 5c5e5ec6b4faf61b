"""Settings of a canonical request as ``generationConfig`` and the fields beside it.

Sources: Gemini API reference, "GenerationConfig"; Gemini API documentation,
"Thinking", for levels and budgets.
"""

from __future__ import annotations

from typing import Any

from msgspec import Raw

from aigw_core.chat import ChatRequest, Effort, Format, OutputKind
from aigw_core.codec import Caps
from aigw_core.codecs.gemini.encode_contents import media_detail
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

_MAX_STOPS = 5
_MAX_LOGPROBS = 20


def encode_schema(
    schema: bytes, caps: Caps, ledger: Ledger, pointer: str, prefix: str
) -> dict[str, Raw]:
    """``schema`` in the field of its dialect; ``prefix``: ``parameters`` or ``response``."""
    if caps.schema_dialect == "json_schema":
        field = "parametersJsonSchema" if prefix == "parameters" else "responseJsonSchema"
        return {field: Raw(schema)}

    def lost(keyword: str) -> None:
        ledger.approximated("schema_keyword_unsupported", pointer, detail=keyword)

    field = "parameters" if prefix == "parameters" else "responseSchema"
    return {field: Raw(to_openapi_subset(schema, lost))}


class SettingsEncoder:
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
                config |= encode_schema(output.schema, self._caps, ledger, pointer, "response")
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
            detail, exact = media_detail(self._request.unusual)
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
        elif spec.mode == "disabled" and not asked:
            self._switch_off(thinking)
        elif asked:
            level = self._level()
            if level is not None:
                thinking["thinkingLevel"] = LEVEL_OF[level]
        if not self._same:
            if spec.budget is not None and "thinkingBudget" not in thinking:
                pointer = self._ledger.pointer("reasoning.budget")
                self._ledger.approximated("budget_to_level", pointer, reported=False)
            if spec.mode not in (None, "disabled"):
                self._drop("reasoning.mode", "thinking_mode_unsupported", reported=False)
        show = self._show_thoughts()
        if show is not None:
            thinking["includeThoughts"] = show
        return thinking

    def _switch_off(self, thinking: dict[str, Any]) -> None:
        """The client's format has thinking off where nothing is said; models of this
        one that do not think refuse the word, so only one known to gets it."""
        if self._caps.thinking == "budget" and self._caps.thinking_off:
            thinking["thinkingBudget"] = 0
        else:
            self._drop("reasoning.mode", "thinking_off_unsupported", reported=False)

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
