"""The names that a request may be answered under, in the order to try.

First the client's own (``model``, then its ``models``), each after the configured
rewrites; then, for each, the configured fallbacks and those of the fallbacks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import Struct

from aigw_core.config.snapshot import Snapshot
from aigw_core.routing.glob import glob_match

MAX_NAMES = 16
"""Of one chain; what would come after is not tried."""


class Link(Struct, frozen=True, gc=False):
    """One name of a chain."""

    asked: str
    """As the client or the configuration wrote it: what access is judged by."""
    name: str
    """After rewrites: what is looked for."""
    fallback_for: str | None = None
    """The name that it stands in for."""


def chain(models: Iterable[str], snapshot: Snapshot) -> tuple[Link, ...]:
    """The names to try for a request that asks for ``models``."""
    if not snapshot.fallbacks and not snapshot.model_rewrites:
        return tuple([Link(model, model) for model in dict.fromkeys(models)][:MAX_NAMES])
    wanted = list(models)
    links: dict[str, Link] = {}
    for model in wanted:
        links.setdefault(model, Link(model, rewritten(model, snapshot)))
    for model in wanted:
        for link in _fallbacks(model, snapshot):
            links.setdefault(link.asked, link)
    return tuple(links.values())[:MAX_NAMES]


def rewritten(model: str, snapshot: Snapshot) -> str:
    """What a name stands for: one step, by the first rule that matches."""
    for pattern, to in snapshot.model_rewrites:
        if glob_match(pattern, model):
            return to
    return model


def _fallbacks(model: str, snapshot: Snapshot) -> Iterator[Link]:
    """Breadth first, each once."""
    queue, seen = [model], {model}
    while queue and len(seen) <= MAX_NAMES:
        name = queue.pop(0)
        for pattern, substitutes in snapshot.fallbacks:
            if not glob_match(pattern, name):
                continue
            for substitute in substitutes:
                if substitute not in seen:
                    seen.add(substitute)
                    queue.append(substitute)
                    yield Link(substitute, rewritten(substitute, snapshot), fallback_for=name)
