"""Payload rules: an operator's changes to the requests that go to upstreams.

``apply`` works on the translated body of one attempt, also on one that is passed on
as it came. All conditions look at that body as it was before any rule; the rules
themselves see what those before them did.

=========  =================================================================
phase      what it does at a path
=========  =================================================================
default    sets what is absent; ``null`` is not absent
override   sets always
filter     takes out; objects and lists that become empty stay
=========  =================================================================

Objects that are missing on the way are made, lists are not. Where something else
than an object or a list is in the way, or a position behind the end of a list, a rule
does nothing there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from aigw_core.chat import Format
from aigw_core.config.snapshot import PayloadMatch, PayloadRule, PayloadRules, Steps
from aigw_core.jsontree import JsonTree, pointer
from aigw_core.mutation import Change
from aigw_core.routing.glob import glob_match


class Facts(Struct, frozen=True):
    """What conditions may ask of a request, beside its body."""

    model: str
    """The upstream's name."""
    requested: str
    """What the client calls it."""
    provider: str
    """The kind of the target's provider, as configuration names it."""
    upstream: Format
    client: Format
    headers: Mapping[str, str] = {}
    """The client's; lower-case names."""


def apply(
    rules: PayloadRules, body: bytes, facts: Facts, *, grow: bool = True
) -> tuple[bytes, tuple[Change, ...]]:
    """The body that the rules make of ``body``, a checked JSON object, and what they
    changed in it, in order. Without a change it is the same bytes.

    ``grow`` is false for requests that take fewer fields than an answer's, as those
    for token counts: then nothing is set that is not there.
    """
    phases = [
        (_default, [rule for rule in rules.default if grow and _is_for(rule, facts)]),
        (_override, [rule for rule in rules.override if _is_for(rule, facts)]),
        (_filter, [rule for rule in rules.filter if _is_for(rule, facts)]),
    ]
    if not any(chosen for _, chosen in phases):
        return body, ()
    tree = JsonTree(body)
    ready = [
        (change, [rule for rule in chosen if _holds(rule, facts, tree)])
        for change, chosen in phases
    ]
    changes: list[Change] = []
    for change, chosen in ready:
        for rule in chosen:
            for steps, value in rule.params:
                before = tree.find(steps)
                if (before is not None or grow) and change(tree, steps, before, value):
                    changes.append(Change(rule.source, pointer(steps), before, value))
    return tree.render(), tuple(changes)


def _default(tree: JsonTree, steps: Steps, before: bytes | None, value: bytes | None) -> bool:
    return before is None and value is not None and _put(tree, steps, value)


def _override(tree: JsonTree, steps: Steps, before: bytes | None, value: bytes | None) -> bool:
    return value is not None and before != value and _put(tree, steps, value)


def _filter(tree: JsonTree, steps: Steps, before: bytes | None, value: bytes | None) -> bool:
    return before is not None and tree.remove(steps)


def _put(tree: JsonTree, steps: Steps, value: bytes) -> bool:
    there = len(steps) - 1
    while not tree.holds(steps[:there]):
        there -= 1
    missing = steps[there + 1 :]
    if any(isinstance(step, int) for step in missing):
        return False  # whether a list or an object is meant, nobody can tell
    for step in reversed(missing):
        value = b"{%s:%s}" % (msgspec.json.encode(step), value)
    return tree.set(steps[: there + 1], value)


# --- conditions ----------------------------------------------------------------------


def _is_for(rule: PayloadRule, facts: Facts) -> bool:
    return any(_fits(match, facts) for match in rule.matches)


def _holds(rule: PayloadRule, facts: Facts, tree: JsonTree) -> bool:
    return any(_fits(match, facts) and _meets(match, tree) for match in rule.matches)


def _fits(match: PayloadMatch, facts: Facts) -> bool:
    """All that does not need the body."""
    return (
        (glob_match(match.name, facts.model) or glob_match(match.name, facts.requested))
        and match.protocol in (None, facts.provider, facts.upstream)
        and match.client in (None, facts.client)
        and all(
            name in facts.headers and glob_match(pattern, facts.headers[name])
            for name, pattern in match.headers
        )
    )


def _meets(match: PayloadMatch, tree: JsonTree) -> bool:
    return (
        all(_has(tree, steps, value) for steps, value in match.match)
        and not any(_has(tree, steps, value) for steps, value in match.not_match)
        and all(_exists(tree, steps) for steps in match.exist)
        and not any(_exists(tree, steps) for steps in match.not_exist)
    )


def _exists(tree: JsonTree, steps: Steps) -> bool:
    found = tree.find(steps)
    return found is not None and found != b"null"


def _has(tree: JsonTree, steps: Steps, value: Any) -> bool:
    found = tree.find(steps)
    return found is not None and same(msgspec.json.decode(found), value)


def same(one: Any, other: Any) -> bool:
    """Whether two decoded JSON values are equal; ``true`` is not 1, but 1.0 is."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)
