"""Read a configuration from plain data, with an outside that the test spells out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from aigw_core.config.layers import Overrides
from aigw_core.config.reading import Reading, read_config
from aigw_core.config.references import Outside
from aigw_core.errors import InvalidConfig


def outside(
    env: Mapping[str, str] | None = None, files: Mapping[str, str] | None = None
) -> Outside:
    held = files or {}

    def read_file(path: str) -> str:
        if path not in held:
            raise FileNotFoundError(2, "No such file or directory")
        return held[path]

    return Outside(env or {}, read_file, held.__contains__)


def read(
    data: Mapping[str, Any],
    *,
    env: Mapping[str, str] | None = None,
    files: Mapping[str, str] | None = None,
    from_file: bool = True,
    overrides: Overrides | None = None,
) -> Reading:
    """Like ``read_config``, on a loopback host unless the data names one."""
    local = {"host": "127.0.0.1", **data} if from_file else data
    return read_config(local, outside(env, files), from_file=from_file, overrides=overrides)


def problems(data: Mapping[str, Any], **given: Any) -> list[str]:
    """Every problem as ``path: message``, where there must be one."""
    with pytest.raises(InvalidConfig) as caught:
        read(data, **given)
    return [str(problem) for problem in caught.value.problems]


def remarks(data: Mapping[str, Any], **given: Any) -> list[str]:
    """Every remark but that there are no client keys, which most tests do not write."""
    return [
        str(remark)
        for remark in read(data, **given).remarks
        if remark.message != "is empty: no client is let in"
    ]
