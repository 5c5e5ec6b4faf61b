"""Checks of the rules that lead from a requested name to a credential.

A rule that can never do anything is a mistake of whoever wrote it: refused, with its
place, not found out by the first client that asks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from aigw_core.config.identity import PROVIDERS, credential_lists, credential_name
from aigw_core.config.path import Path
from aigw_core.config.report import Report
from aigw_core.config.schema import Config, CredentialEntry, Fallback
from aigw_core.routing.glob import glob_match, is_glob

_BUILT_IN = "echo*"


def check_routing(config: Config, report: Report) -> None:
    """Check rewrites, fallbacks and pins against each other and the credentials."""
    rewrites = [rule.from_ for rule in config.model_rewrites]
    _check_shadowed(rewrites, ("model-rewrites",), "from", report)
    pins = [rule.model for rule in config.provider_pins]
    _check_shadowed(pins, ("provider-pins",), "model", report)
    for at, rewrite in enumerate(config.model_rewrites):
        _check_served(config, rewrite.to, ("model-rewrites", at, "to"), report)
    for at, fallback in enumerate(config.fallbacks):
        for position, name in enumerate(fallback.to):
            _check_served(config, name, ("fallbacks", at, "to", position), report)
    _check_loops(config.fallbacks, report)
    _check_pins(config, report)


def _check_shadowed(patterns: Sequence[str], path: Path, key: str, report: Report) -> None:
    for at, pattern in enumerate(patterns):
        for earlier in patterns[:at]:
            # An exact name, or the same pattern again; other overlaps may be meant.
            if earlier == pattern or (not is_glob(pattern) and glob_match(earlier, pattern)):
                message = f'is never reached: the earlier "{earlier}" matches it'
                report.problem((*path, at, key), message)
                break


def _check_served(config: Config, name: str, path: Path, report: Report) -> None:
    for rule in config.model_rewrites:
        if glob_match(rule.from_, name):
            name = rule.to
            break
    if not glob_match(_BUILT_IN, name) and not any(
        _serves(entry, name) for _, entries in credential_lists(config) for entry in entries
    ):
        report.problem(path, f'no credential serves "{name}"')


def _serves(entry: CredentialEntry, name: str) -> bool:
    own = name.removeprefix(entry.prefix or "")
    if not entry.models:
        return True
    return any(
        glob_match(pattern, own)
        for model in entry.models
        for pattern in (model.id, model.alias)
        if pattern is not None
    )


def _check_loops(rules: Sequence[Fallback], report: Report) -> None:
    for at, rule in enumerate(rules):
        for position, name in enumerate(rule.to):
            way = _way_back(rules, at, name, (name,))
            if way is not None:
                path = " -> ".join((rule.model, *way))
                report.problem(("fallbacks", at, "to", position), f"leads back to itself: {path}")


def _way_back(
    rules: Sequence[Fallback], home: int, name: str, way: tuple[str, ...]
) -> tuple[str, ...] | None:
    """The names from ``name`` to one that rule ``home`` is for again."""
    for at in _rules_for(rules, name):
        if at == home:
            # One model of a family that stands in for all the others is no loop.
            if len(way) > 1 or not is_glob(rules[home].model):
                return way
            continue
        for following in rules[at].to:
            if following not in way:
                found = _way_back(rules, home, following, (*way, following))
                if found is not None:
                    return found
    return None


def _rules_for(rules: Sequence[Fallback], name: str) -> Iterator[int]:
    for at, rule in enumerate(rules):
        if glob_match(rule.model, name):
            yield at


def _check_pins(config: Config, report: Report) -> None:
    names = {
        credential_name(kind, at, entry)
        for kind, entries in credential_lists(config)
        for at, entry in enumerate(entries)
    } | set(PROVIDERS.values())
    for at, pin in enumerate(config.provider_pins):
        for position, pattern in enumerate(pin.providers):
            if not any(glob_match(pattern, name) for name in names):
                path = ("provider-pins", at, "providers", position)
                report.problem(path, "matches no credential and no kind of provider")
