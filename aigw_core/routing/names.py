"""The model names that clients can ask for."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator

from msgspec import Struct

from aigw_core.config.snapshot import Credential, Snapshot
from aigw_core.routing.glob import glob_match, is_glob


class ListedModel(Struct, frozen=True, gc=False):
    id: str
    provider: str


def served_names(snapshot: Snapshot) -> list[ListedModel]:
    """Every name that can be listed: aliases, else ids, with the prefixes that reach
    them; no globs, nothing excluded; sorted, each once."""
    listed: dict[str, str] = {}
    for name, credential, _ in served_targets(snapshot):
        listed.setdefault(name, credential.provider)
    return [ListedModel(name, listed[name]) for name in sorted(listed)]


def served_targets(snapshot: Snapshot) -> Iterator[tuple[str, Credential, str]]:
    """For each name that can be listed, every credential that serves it and what the
    model is called there; in the order of the configuration."""
    for credential in snapshot.credentials:
        if credential.disabled:
            continue
        for served in credential.models:
            name = served.alias or served.id
            if is_glob(name) or any(
                glob_match(pattern, each)
                for pattern in credential.excluded_models
                for each in (name, served.id)
            ):
                continue
            if credential.prefix:
                yield credential.prefix + name, credential, served.id
            if not (credential.prefix and snapshot.force_model_prefix):
                yield name, credential, served.id


def close_names(model: str, listed: Iterable[ListedModel]) -> list[str]:
    """Up to three listed names that ``model`` may have been meant for."""
    return difflib.get_close_matches(model[:256], [each.id for each in listed], n=3, cutoff=0.6)
