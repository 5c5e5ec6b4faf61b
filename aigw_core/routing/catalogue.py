"""Which credentials serve which names: what follows from the configuration alone.

How a name reaches a credential:

1. A credential with a prefix answers names that start with it, and without
   ``force-model-prefix`` also names that do not.
2. The rest of the name must be a served model: an exact ``id``, an ``alias`` (which
   stands for its ``id``), or a glob; a credential without a list serves every model.
   Exclusions hold for the name and for what it stands for.
"""

from __future__ import annotations

from msgspec import Struct

from aigw_core.chat import Format
from aigw_core.config.snapshot import Credential, Snapshot
from aigw_core.routing.glob import glob_match, is_glob
from aigw_core.routing.target import ECHO, Match, Rejection, Target

MAX_NAMES = 1024
"""Names whose credentials are remembered. Clients can make names up."""


class Found(Struct, frozen=True):
    """Where a name leads."""

    tiers: tuple[tuple[Target, ...], ...]
    """By the credentials' priority, how the name was met, and whether they speak the
    client's format; the best first. Inside one, the order of the configuration."""
    rejections: tuple[Rejection, ...]


class Catalogue:
    """The served models of one snapshot, by name."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self._shelves = [_Shelf(each) for each in snapshot.credentials]
        self._found: dict[tuple[str, Format], Found] = {}

    def __repr__(self) -> str:
        return f"<Catalogue of {self.snapshot.version}: {len(self._shelves)} credentials>"

    def find(self, name: str, format: Format) -> Found:
        """The credentials for a name; ``format`` is the client's, which decides what
        the built-in models speak."""
        key = (name, format)
        found = self._found.get(key)
        if found is None:
            if len(self._found) >= MAX_NAMES:
                self._found.clear()
            found = self._found[key] = self._look_up(name, format)
        return found

    def _look_up(self, name: str, format: Format) -> Found:
        targets: list[Target] = []
        rejections: list[Rejection] = []
        for shelf in self._shelves:
            found = self._resolve(shelf, name, format)
            if isinstance(found, Target):
                targets.append(found)
            else:
                rejections.append(Rejection(shelf.credential.name, found, name))
        return Found(_tiers(targets, format), tuple(rejections))

    def _resolve(self, shelf: _Shelf, model: str, format: Format) -> Target | str:
        credential = shelf.credential
        if credential.disabled:
            return "credential_disabled"
        if credential.provider == ECHO:
            return _resolve_echo(credential, model, format)
        name = model
        if credential.prefix:
            if model.startswith(credential.prefix):
                name = model[len(credential.prefix) :]
            elif self.snapshot.force_model_prefix:
                return "model_not_supported"
        match, upstream = shelf.find(name)
        if match is None:
            return "model_not_supported"
        if any(
            glob_match(pattern, name) or glob_match(pattern, upstream)
            for pattern in credential.excluded_models
        ):
            return "model_excluded"
        return Target(credential, upstream, match, model)


def _tiers(targets: list[Target], format: Format) -> tuple[tuple[Target, ...], ...]:
    tiers: dict[tuple[int, int, bool], list[Target]] = {}
    for target in targets:
        credential = target.credential
        rank = (-credential.priority, int(target.match), credential.format is not format)
        tiers.setdefault(rank, []).append(target)
    return tuple([tuple(tiers[rank]) for rank in sorted(tiers)])


class _Shelf:
    """The models of one credential, sorted by how they are found."""

    def __init__(self, credential: Credential) -> None:
        self.credential = credential
        self._ids = {served.id for served in credential.models}
        self._aliases: dict[str, str] = {}
        for served in credential.models:
            if served.alias is not None:
                self._aliases.setdefault(served.alias, served.id)
        self._globs = [
            pattern
            for served in credential.models
            for pattern in (served.id, served.alias or "")
            if is_glob(pattern)
        ]

    def find(self, name: str) -> tuple[Match | None, str]:
        """How ``name`` is served, and what the upstream calls it."""
        if not name:
            return None, name
        if not self.credential.models:
            return Match.ANY, name
        if name in self._ids:
            return Match.EXACT, name
        if name in self._aliases:
            return Match.ALIAS, self._aliases[name]
        if any(glob_match(pattern, name) for pattern in self._globs):
            return Match.GLOB, name
        return None, name


def _resolve_echo(credential: Credential, model: str, format: Format) -> Target | str:
    # The built-in models speak every format. Without a choice (echo@messages) they
    # speak one that is not the client's, so that an answer crosses the translator.
    name, at, wanted = model.partition("@")
    if not any(served.id == name for served in credential.models):
        return "model_not_supported"
    if not at:
        wanted = Format.CHAT if format is Format.MESSAGES else Format.MESSAGES
    if wanted != credential.format:
        return "model_not_supported"
    return Target(credential, name, Match.EXACT, model)
