"""What a change of the configuration comes to, in sentences for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from aigw_asgi.yaml_edit import same
from aigw_core.config.identity import PROVIDERS
from aigw_core.config.snapshot import ClientKey, Credential, Snapshot
from aigw_core.config.values import is_loopback

if TYPE_CHECKING:
    from aigw_asgi.config_store import Loaded
    from aigw_core.config.settings import ServerSettings

_LISTS = (*PROVIDERS, "api-keys")

_MAX_NAMES = 5

_OUTER = ("position", "source", "id")
"""Of a credential: where it stands."""


def effects(
    before: Loaded | None, after: Loaded, started: ServerSettings
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The sentences, and the keys that are changed and count from the next start on.

    ``before`` is ``None`` where the text of before could not be used; ``started`` are the
    settings that the process began with.
    """
    restart = after.settings.differing(started)
    if before is not None:
        now = after.settings.differing(before.settings)
        restart = tuple(key for key in restart if key in now)
    said = [] if before is None else list(_said(before, after))
    if restart:
        said.append(f"restart needed for {', '.join(restart)}")
    return tuple(said), restart


def _said(before: Loaded, after: Loaded) -> Iterator[str]:
    old, new = before.snapshot, after.snapshot
    yield from _counted(
        "provider",
        {each.id: each for each in old.credentials},
        {each.id: each for each in new.credentials},
    )
    yield from _counted(
        "client key",
        {each.id: each for each in old.client_keys.values()},
        {each.id: each for each in new.client_keys.values()},
    )
    yield from _other_keys(_written(before), _written(after))
    yield from _openness(before, after)


def _counted(
    what: str, old: Mapping[str, Credential | ClientKey], new: Mapping[str, Credential | ClientKey]
) -> Iterator[str]:
    added = [new[id].name for id in new if id not in old]
    removed = [old[id].name for id in old if id not in new]
    both = [id for id in new if id in old]
    if added:
        yield f"adds {_some(what, added)}"
    if removed:
        yield f"removes {_some(what, removed)}"
    for id in both:
        fields = _differing(old[id], new[id])
        if fields:
            yield f"changes {what} {new[id].name}: {', '.join(fields)}"
    if not added and not removed and both != list(old):
        yield f"changes the order of {what}s"


def _some(what: str, names: list[str]) -> str:
    more = f" and {len(names) - _MAX_NAMES} more" if len(names) > _MAX_NAMES else ""
    plural = "" if len(names) == 1 else "s"
    return f"{len(names)} {what}{plural}: {', '.join(names[:_MAX_NAMES])}{more}"


def _differing(one: Credential | ClientKey, other: Credential | ClientKey) -> list[str]:
    return [
        name.replace("_", "-")
        for name in one.__struct_fields__
        if name not in _OUTER and getattr(one, name) != getattr(other, name)
    ]


def _written(loaded: Loaded) -> dict[str, Any]:
    return {} if loaded.document is None else loaded.document.data


def _other_keys(old: dict[str, Any], new: dict[str, Any]) -> Iterator[str]:
    for key in sorted({*old, *new} - {*_LISTS}):
        one, other = old.get(key), new.get(key)
        if same(one, other) and (key in old) == (key in new):
            continue
        if isinstance(one, dict) and isinstance(other, dict):
            inner = [
                name for name in sorted({*one, *other}) if not same(one.get(name), other.get(name))
            ]
            yield f"changes {', '.join(f'{key}.{name}' for name in inner) or key}"
        elif key not in old:
            yield f"sets {key}"
        elif key not in new:
            yield f"takes {key} back to its default"
        else:
            yield f"changes {key}"


def _openness(before: Loaded, after: Loaded) -> Iterator[str]:
    old, new = before.snapshot, after.snapshot
    if old.dashboard is not None and new.dashboard is None:
        yield "switches the dashboard off: it can be switched on again in the file only"
    if _open(new) and not _open(old):
        yield "opens the gateway to clients without a key"
    if old.client_keys and not new.client_keys and not _open(new):
        yield "no client is let in any more: there is no key left"
    if is_loopback(before.settings.host) and not is_loopback(after.settings.host):
        yield "lets other machines reach the listener, from the next start on"


def _open(snapshot: Snapshot) -> bool:
    return snapshot.allow_anonymous is True
