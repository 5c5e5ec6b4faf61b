"""Checks between keys: what no single value can show.

``RELATIONS`` are run by the decoder on each section of their type;
``check_config`` once, on a configuration whose every part is sound.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from aigw_core.config.check_payload import check_conditions, check_payload, check_set_rule
from aigw_core.config.check_routing import check_routing
from aigw_core.config.decode import Relation
from aigw_core.config.identity import (
    PROVIDERS,
    credential_lists,
    credential_name,
    key_digest,
    key_name,
    repeated,
)
from aigw_core.config.path import Path
from aigw_core.config.report import Report
from aigw_core.config.schema import (
    CapsEntry,
    CloakEntry,
    Config,
    CredentialEntry,
    KeyEntry,
    ModelMatch,
    Section,
    SetRule,
    Tls,
)
from aigw_core.config.values import check_secure, is_loopback
from aigw_core.routing.glob import glob_match, is_glob

_WITH_WIRE_API = ("openai-api-key", "openai-compatibility")


def relations(is_file: Callable[[str], bool]) -> Mapping[type[Section], Relation]:
    """The checks inside one section. ``is_file`` tells whether a file is there."""

    def check_tls(tls: Tls, path: Path, report: Report) -> None:
        if not tls.enable:
            return
        for name, file in (("cert", tls.cert), ("key", tls.key)):
            if file is None:
                report.problem((*path, name), "is required when TLS is enabled")
            elif not is_file(file):
                report.problem((*path, name), f"there is no file {file}")
        if tls.client_ca is not None and not is_file(tls.client_ca):
            report.problem((*path, "client-ca"), f"there is no file {tls.client_ca}")
        if tls.client_ca is None and tls.client_auth != "none":
            report.problem((*path, "client-ca"), f"is required with client-auth: {tls.client_auth}")
        if tls.client_ca is not None and tls.client_auth == "none":
            report.remark(
                (*path, "client-ca"), "has no effect while client-auth is none, its default"
            )

    return {
        Tls: check_tls,
        KeyEntry: _check_key,
        CloakEntry: _check_cloak,
        CapsEntry: _check_caps,
        CredentialEntry: _check_credential,
        ModelMatch: check_conditions,
        SetRule: check_set_rule,
    }


def _check_key(entry: KeyEntry, path: Path, report: Report) -> None:
    if (entry.key is None) == (entry.key_hash is None):
        report.problem(path, "needs either key or key-hash")
    requests, tokens = entry.requests_per_minute, entry.tokens_per_minute
    if requests is not None and tokens is not None and tokens < requests:
        report.problem(
            (*path, "tokens-per-minute"),
            "is smaller than requests-per-minute, which could never be reached:"
            " every request takes at least one token",
        )


def _check_cloak(cloak: CloakEntry, path: Path, report: Report) -> None:
    if cloak.mode != "never" and not cloak.system_prompt:
        report.problem((*path, "system-prompt"), f"is required with mode: {cloak.mode}")


def _check_caps(caps: CapsEntry, path: Path, report: Report) -> None:
    low, high = caps.budget_min, caps.budget_max
    if isinstance(low, int) and isinstance(high, int) and low > high:
        report.problem((*path, "budget-min"), "is larger than budget-max")


def _check_credential(entry: CredentialEntry, path: Path, report: Report) -> None:
    kind = path[0]
    if entry.base_url is not None:
        problem = check_secure(entry.base_url)
        if problem is not None and not entry.allow_insecure:
            report.problem((*path, "base-url"), problem)
    elif kind == "openai-compatibility":
        report.problem((*path, "base-url"), "is required here")
    if not entry.api_key:
        report.remark((*path, "api-key"), "is empty: the entry is left out")
    if entry.cloak.mode != "never" and kind != "claude-api-key":
        report.remark((*path, "cloak"), "has no effect outside claude-api-key")
    if entry.wire_api != "chat" and kind not in _WITH_WIRE_API:
        report.remark((*path, "wire-api"), "has no effect here: the wire format is fixed")
    _check_headers(entry.headers, (*path, "headers"), report)
    _check_models(entry, path, report)


def _check_headers(headers: Mapping[str, Any], path: Path, report: Report) -> None:
    seen: set[str] = set()
    for name in headers:
        if name.lower() in seen:
            report.problem((*path, name), "is written twice, but for upper and lower case")
        seen.add(name.lower())


def _check_models(entry: CredentialEntry, path: Path, report: Report) -> None:
    ids = {model.id for model in entry.models}
    aliases: dict[str, str] = {}
    for at, model in enumerate(entry.models):
        alias = model.alias
        if alias is None:
            continue
        where = (*path, "models", at, "alias")
        if is_glob(alias):
            continue  # selects, but renames nothing: two may well overlap
        if aliases.setdefault(alias, model.id) != model.id:
            report.problem(where, "stands for two models of this credential")
        elif alias in ids and alias != model.id:
            report.remark(where, "is never used: a model of this credential has it as its id")


def check_config(config: Config, report: Report, *, from_file: bool) -> None:
    """Check what concerns the whole configuration."""
    _check_headers(config.claude_header_defaults, ("claude-header-defaults",), report)
    _check_duplicate_credentials(config, report)
    _check_client_keys(config, report)
    check_routing(config, report)
    check_payload(config, report)
    check_exposure(config, report)
    anonymous = config.allow_anonymous is True or (
        config.allow_anonymous == "auto" and not from_file
    )
    if not config.api_keys and not anonymous:
        report.remark(("api-keys",), "is empty: no client is let in")


def _check_duplicate_credentials(config: Config, report: Report) -> None:
    for kind, entries in credential_lists(config):
        for at in sorted(repeated(entries)):
            report.remark((kind, at), "is the same as an earlier entry and is left out")
    seen: set[str] = set()
    for kind, entries in credential_lists(config):
        left_out = repeated(entries)
        for at, entry in enumerate(entries):
            if entry.id is None or at in left_out:
                continue
            if entry.id in seen:
                report.problem((kind, at, "id"), "is that of an earlier entry, too")
            seen.add(entry.id)


def _check_client_keys(config: Config, report: Report) -> None:
    names = {
        credential_name(kind, at, entry)
        for kind, entries in credential_lists(config)
        for at, entry in enumerate(entries)
    }
    names |= {*PROVIDERS.values(), "echo"}
    digests: set[bytes] = set()
    key_names: set[str] = set()
    for at, key in enumerate(config.api_keys):
        digest = key_digest(key)
        if digest in digests:
            report.problem(("api-keys", at), "is the same key as an earlier entry")
        digests.add(digest)
        name = key_name(at, key)
        if name in key_names:
            report.remark(("api-keys", at), f'another key is called "{name}" too')
        key_names.add(name)
        for position, pattern in enumerate(key.allowed_providers):
            if not any(glob_match(pattern, name) for name in names):
                where = ("api-keys", at, "allowed-providers", position)
                report.remark(where, "matches no credential and no kind of provider")


def check_exposure(config: Config, report: Report) -> None:
    """A listener that others can reach needs keys, or a clear word that it does not."""
    if is_loopback(config.host):
        return
    if config.allow_anonymous is True:
        report.remark(
            ("allow-anonymous",), f"everybody who reaches {config.host} can use the gateway"
        )
    elif config.allow_anonymous == "auto" and not config.api_keys:
        report.problem(
            ("host",),
            f"{config.host} can be reached from other machines, and there are no api-keys:"
            " add some, or write host: 127.0.0.1, or allow-anonymous: true",
        )
