"""Payload rules that can never do anything, found when the configuration is read."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from aigw_core.config.identity import PROVIDERS, credential_lists
from aigw_core.config.path import Path
from aigw_core.config.report import Report
from aigw_core.config.schema import (
    Config,
    CredentialEntry,
    FilterRule,
    ModelMatch,
    RawRule,
    SetRule,
)
from aigw_core.config.values import payload_path
from aigw_core.payload import same
from aigw_core.routing.glob import globs_meet

_FORMATS = {
    "claude-api-key": ("messages",),
    "openai-api-key": ("chat", "responses"),
    "gemini-api-key": ("gemini",),
    "openai-compatibility": ("chat", "responses"),
}


def check_set_rule(rule: SetRule, path: Path, report: Report) -> None:
    """That the values can be written as JSON."""
    for name, value in rule.params.items():
        if any(isinstance(each, float) and not math.isfinite(each) for each in _scalars(value)):
            report.problem((*path, "params", name), "holds a number that JSON does not have")


def _scalars(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for each in value.values():
            yield from _scalars(each)
    elif isinstance(value, list):
        for each in value:
            yield from _scalars(each)
    else:
        yield value


def check_conditions(match: ModelMatch, path: Path, report: Report) -> None:
    """That the conditions on the body do not exclude each other."""
    absent = [payload_path(each) for each in match.not_exist]
    for name, value in match.match.items():
        steps = payload_path(name)
        for other, unwanted in match.not_match.items():
            if payload_path(other) == steps and same(value, unwanted):
                report.problem((*path, "not-match", other), "is what match asks for: never holds")
        # A null counts as nothing, so it may both be matched and not exist.
        for at, other_steps in enumerate(absent):
            inner = steps[: len(other_steps)] == other_steps
            if inner and (len(steps) > len(other_steps) or value is not None):
                report.problem((*path, "not-exist", at), f"but match wants {name}: never holds")
        for at, wanted in enumerate(match.exist):
            asked = payload_path(wanted)
            if asked[: len(steps)] == steps and not _leads_to(value, asked[len(steps) :]):
                report.problem((*path, "exist", at), f"is nothing with what match wants at {name}")
    for at, wanted in enumerate(match.exist):
        steps = payload_path(wanted)
        for number, other_steps in enumerate(absent):
            if steps[: len(other_steps)] == other_steps:
                place = (*path, "not-exist", number)
                report.problem(place, f"but exist[{at}] wants {wanted}: never holds")


def _leads_to(value: Any, steps: tuple[str | int, ...]) -> bool:
    for step in steps:
        if isinstance(value, dict) and str(step) in value:
            value = value[str(step)]
        elif isinstance(value, list) and isinstance(step, int) and step < len(value):
            value = value[step]
        else:
            return False
    return value is not None


def check_payload(config: Config, report: Report) -> None:
    """That each rule is for a model that some credential may be asked for."""
    payload = config.payload
    lists: dict[str, tuple[SetRule | RawRule | FilterRule, ...]] = {
        "default": payload.default,
        "default-raw": payload.default_raw,
        "override": payload.override,
        "override-raw": payload.override_raw,
        "filter": payload.filter,
    }
    for key, rules in lists.items():
        for at, rule in enumerate(rules):
            for number, match in enumerate(rule.models):
                _check_reach(config, match, ("payload", key, at, "models", number), report)


def _check_reach(config: Config, match: ModelMatch, path: Path, report: Report) -> None:
    protocol = match.protocol and match.protocol.lower()
    entries = list(_asked_for(config, protocol))
    if not entries:
        if protocol is not None:
            report.remark((*path, "protocol"), f"there is no credential of {protocol}")
        return
    if protocol is None and config.echo != "off" and globs_meet(match.name, "echo*"):
        return
    # What clients may call a model that ends up at one of these credentials.
    others = [rule.from_ for rule in config.model_rewrites]
    others += [rule.model for rule in config.fallbacks]
    names = [name for entry in entries for name in _names(entry)]
    if not any(globs_meet(match.name, name) for name in (*names, *others)):
        whose = "" if protocol is None else f" of {protocol}"
        report.problem((*path, "name"), f"matches no model of any credential{whose}")


def _asked_for(config: Config, protocol: str | None) -> Iterator[CredentialEntry]:
    for kind, entries in credential_lists(config):
        for entry in entries:
            format = _FORMATS[kind][0] if entry.wire_api == "chat" else _FORMATS[kind][-1]
            if protocol in (None, PROVIDERS[kind], format):
                yield entry


def _names(entry: CredentialEntry) -> Iterator[str]:
    """Globs of all names under which a credential's models are known."""
    served = [name for model in entry.models for name in (model.id, model.alias) if name]
    for name in served or ["*"]:
        yield name
        if entry.prefix:
            yield entry.prefix + name
