"""Old names of keys, which still work and are remarked on.

The old name moves to the new place before anything is decoded; writing both
is a problem, since one of them would silently lose.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aigw_core.config.path import Path, render_path
from aigw_core.config.report import Report

ALIASES: Mapping[Path, Path] = {
    ("log-dir",): ("log", "dir"),
    ("request-retry",): ("retry", "max-retries"),
    ("max-retry-interval",): ("retry", "max-backoff-secs"),
    ("dashboard", "request-log-capacity"): ("request-log", "max-rows"),
}
"""Old path to new path, where the value stays what it is."""

LOG_SWITCH: Path = ("logging-to-file",)
"""Was a switch beside ``log-dir``; both are one key now."""

_DEFAULT_LOG_DIR = "./logs"


def rename(data: Mapping[str, Any], report: Report) -> dict[str, Any]:
    """The data with new names only; what was given stays as it is."""
    renamed = dict(data)
    if isinstance(renamed.get("debug"), bool):
        del renamed["debug"]
        report.remark(("debug",), "true and false have no effect; it is a map now")
    to_file = renamed.pop("logging-to-file", None)
    for old, new in ALIASES.items():
        if _holds(renamed, old):
            _move(renamed, old, new, _take(renamed, old), report)
    if to_file is not None:
        _switch_log(renamed, to_file, report)
    return renamed


def _holds(data: Mapping[str, Any], path: Path) -> bool:
    section: Any = data
    for step in path:
        if not isinstance(section, dict) or step not in section:
            return False
        section = section[step]
    return True


def _take(data: dict[str, Any], path: Path) -> object:
    """Take out the value at ``path``, which is there, one or two steps deep."""
    if len(path) == 1:
        return data.pop(str(path[0]))
    name, key = path
    data[str(name)] = section = dict(data[str(name)])
    return section.pop(key)


def _move(data: dict[str, Any], old: Path, new: Path, value: object, report: Report) -> None:
    name, key = new
    if _holds(data, new):
        report.problem(old, f'is the old name of "{render_path(new)}", which is written too')
        return
    section = data.get(str(name))
    if section is not None and not isinstance(section, dict):
        return  # the decoder says what is wrong with it
    report.remark(old, f'is the old name of "{render_path(new)}"')
    data[str(name)] = {**(section or {}), key: value}
    report.moved[new] = old


def _switch_log(data: dict[str, Any], to_file: object, report: Report) -> None:
    if not isinstance(to_file, bool):
        report.problem(LOG_SWITCH, "must be true or false")
        return
    directory = ("log", "dir")
    if directory in report.moved:  # log-dir was written as well
        report.remark(LOG_SWITCH, 'is an old name: "log.dir" alone says whether and where')
        if not to_file:
            data["log"]["dir"] = None
        return
    _move(data, LOG_SWITCH, directory, _DEFAULT_LOG_DIR if to_file else None, report)
