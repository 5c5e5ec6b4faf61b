"""How much a model is asked to think: canonical wishes to ``thinking`` and effort.

Two dialects exist. Newer models decide themselves (``adaptive``) and take an
effort in ``output_config``; older ones take a budget of tokens below
``max_tokens``. ``Caps.thinking`` says which; a client of this very format is
taken at its word unless the caps say that its word is not understood.

Source: Messages API reference and the vendor's pages on thinking; the table of
budgets is our own.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from aigw_core.chat import ChatRequest, Effort, Format, ReasoningSpec
from aigw_core.codec import Caps
from aigw_core.ledger import Ledger

MIN_BUDGET = 1024
BINDING_BETA = "thinking-binding-controls-2026-08-01"

_SHOWN = {"summary": "summarized", "detailed": "summarized", "raw": "summarized", "none": "omitted"}
_ASKS_TO_SEE = ("summary", "detailed", "raw")
_WIRE_MODES = {"manual": "enabled"}
_ORDER = tuple(Effort)

_BUDGETS = {
    Effort.MINIMAL: 1024,
    Effort.LOW: 2048,
    Effort.MEDIUM: 8192,
    Effort.HIGH: 24576,
    Effort.XHIGH: 32768,
}
_EFFORT_LIMITS = (
    (512, Effort.MINIMAL),
    (3072, Effort.LOW),
    (12288, Effort.MEDIUM),
    (28672, Effort.HIGH),
    (40960, Effort.XHIGH),
)
_DEFAULT_EFFORTS = Caps().efforts


class ThinkingPlan(Struct):
    """What goes into the request; an encoder may still switch thinking off."""

    max_tokens: int
    thinking: dict[str, Any] | None = None
    effort: str | None = None

    @property
    def on(self) -> bool:
        return self.thinking is not None and self.thinking["type"] not in (
            "disabled",
            "between_tools",
        )

    @property
    def manual(self) -> bool:
        return self.thinking is not None and self.thinking["type"] == "enabled"


def plan_thinking(request: ChatRequest, caps: Caps, ledger: Ledger) -> ThinkingPlan:
    """Decides ``max_tokens``, ``thinking`` and the effort together: a budget
    must stay below ``max_tokens``."""
    spec = request.reasoning
    plan = ThinkingPlan(_max_tokens(request, caps, ledger))
    if request.format is Format.MESSAGES and caps.thinking in ("default", _dialect_of(spec)):
        _take_at_word(plan, request, caps, ledger)
    elif caps.thinking == "none":
        if _effort(spec) not in (None, Effort.NONE) or spec.budget == -1:
            ledger.dropped("thinking_unsupported", ledger.pointer("reasoning.effort"))
    elif caps.thinking == "budget":
        _plan_budget(plan, request, caps, ledger)
    else:
        _plan_adaptive(plan, spec, caps, ledger)
    if plan.thinking is not None and plan.on and (shown := _SHOWN.get(spec.visible or "")):
        plan.thinking["display"] = shown
    elif spec.visible is not None:
        ledger.dropped(
            "thinking_display_unsupported", ledger.pointer("reasoning.visible"), reported=False
        )
    return plan


def switch_off(plan: ThinkingPlan) -> None:
    """Effort stays: it is about the whole answer, not only about thinking."""
    plan.thinking = {"type": "disabled"}


def _max_tokens(request: ChatRequest, caps: Caps, ledger: Ledger) -> int:
    wanted, limit = request.max_output, caps.max_output
    pointer = ledger.pointer("max_output")
    if wanted is None:
        ledger.defaulted("max_tokens_defaulted", pointer)
        return limit if limit is not None else caps.default_max_tokens
    if limit is not None and wanted > limit:
        ledger.approximated("max_tokens_clamped", pointer, detail=f"to {limit}")
        return limit
    return wanted


def _dialect_of(spec: ReasoningSpec) -> str:
    return {"manual": "budget", "adaptive": "adaptive"}.get(spec.mode or "", "default")


def _take_at_word(plan: ThinkingPlan, request: ChatRequest, caps: Caps, ledger: Ledger) -> None:
    spec = request.reasoning
    if spec.mode is not None:
        plan.thinking = {"type": _WIRE_MODES.get(spec.mode, spec.mode)}
        if spec.mode == "manual" and spec.budget is not None:
            plan.thinking["budget_tokens"] = spec.budget
            if plan.max_tokens != request.max_output:
                # Ours to mend only when we lowered max_tokens: with interleaved
                # thinking a budget may be larger.
                _fit(plan, spec.budget, ledger, explicit=True)
    if spec.effort in (None, Effort.NONE):
        return
    if caps.efforts == _DEFAULT_EFFORTS:
        plan.effort = spec.effort.value
    else:
        plan.effort = _clamp(spec.effort, caps, ledger)


def _effort(spec: ReasoningSpec) -> Effort | None:
    if spec.effort is not None:
        return spec.effort
    budget = spec.budget
    if budget is None or budget < 0:
        return None
    if budget == 0:
        return Effort.NONE
    for limit, effort in _EFFORT_LIMITS:
        if budget <= limit:
            return effort
    return Effort.MAX


def _clamp(effort: Effort, caps: Caps, ledger: Ledger) -> str:
    """The nearest lower effort that the model has, else the nearest higher."""
    if effort is Effort.MINIMAL and Effort.LOW in caps.efforts:
        return Effort.LOW.value  # the format's lowest word
    rank = _ORDER.index(effort)
    ranks = sorted(_ORDER.index(known) for known in caps.efforts if known is not Effort.NONE)
    if rank in ranks or not ranks:
        return effort.value
    lower = [known for known in ranks if known < rank]
    chosen = _ORDER[lower[-1] if lower else ranks[0]]
    ledger.approximated(
        "effort_clamped", ledger.pointer("reasoning.effort"), detail=f"to {chosen.value}"
    )
    return chosen.value


def _plan_adaptive(plan: ThinkingPlan, spec: ReasoningSpec, caps: Caps, ledger: Ledger) -> None:
    effort = _effort(spec)
    if spec.budget is not None:
        pointer = ledger.pointer("reasoning.budget")
        ledger.approximated("budget_to_effort", pointer, reported=False)
    if effort is Effort.NONE:
        _turn_off(plan, caps, ledger)
        if plan.thinking is None:
            plan.effort = _clamp(Effort.LOW, caps, ledger)
        return
    if spec.mode is not None:
        # Off is what this format does when nothing is said; on is a matter of effort.
        ledger.dropped(
            "thinking_mode_unsupported", ledger.pointer("reasoning.mode"), reported=False
        )
    if effort is None and spec.budget != -1 and spec.visible not in _ASKS_TO_SEE:
        return
    plan.thinking = {"type": "adaptive"}
    if effort is not None:
        plan.effort = _clamp(effort, caps, ledger)


def _turn_off(plan: ThinkingPlan, caps: Caps, ledger: Ledger) -> None:
    if caps.thinking_off:
        plan.thinking = {"type": "disabled"}
    else:
        ledger.approximated("thinking_stays_on", ledger.pointer("reasoning.effort"))


def _plan_budget(plan: ThinkingPlan, request: ChatRequest, caps: Caps, ledger: Ledger) -> None:
    spec = request.reasoning
    effort = _effort(spec)
    if effort is None and spec.mode == "adaptive":
        effort = Effort.MEDIUM
        ledger.approximated("thinking_mode_changed", ledger.pointer("reasoning.mode"))
    if effort is None:
        return
    if effort is Effort.NONE:
        _turn_off(plan, caps, ledger)
        return
    explicit = spec.effort is None and spec.budget is not None and spec.budget > 0
    least, most = max(caps.budget_min, MIN_BUDGET), max(caps.budget_max, MIN_BUDGET)
    if explicit:
        wanted = spec.budget or 0
    elif effort is Effort.MAX:
        ceiling = request.max_output or caps.max_output
        wanted = most if ceiling is None else ceiling - 1024
    else:
        wanted = _BUDGETS[effort]
    budget = min(max(wanted, least), most)
    if explicit and budget != wanted:
        ledger.approximated(
            "budget_clamped", ledger.pointer("reasoning.budget"), detail=f"to {budget}"
        )
    if request.max_output is None and caps.max_output is None:
        plan.max_tokens = budget + caps.default_max_tokens
    plan.thinking = {"type": "enabled", "budget_tokens": budget}
    _fit(plan, budget, ledger, explicit=explicit)


def _fit(plan: ThinkingPlan, budget: int, ledger: Ledger, *, explicit: bool) -> None:
    """Keep the budget below ``max_tokens``, with room for an answer if there is any."""
    if budget < plan.max_tokens:
        return
    pointer = ledger.pointer("reasoning.budget" if explicit else "reasoning.effort")
    smaller = max(plan.max_tokens - 1024, MIN_BUDGET)
    if smaller >= plan.max_tokens:
        plan.thinking = {"type": "disabled"}
        ledger.dropped("thinking_needs_tokens", pointer, detail="max_tokens is too small")
        return
    plan.thinking = {"type": "enabled", "budget_tokens": smaller}
    ledger.approximated("budget_clamped", pointer, detail=f"to {smaller}", reported=explicit)
