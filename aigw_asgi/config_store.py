"""Read the configuration: find the file, read it, compile it.

Everything here blocks: file access, and up to seconds of parsing for the
largest file. The caller decides on which thread.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING

from msgspec import Struct, structs

from aigw_core.config.snapshot import Snapshot
from aigw_core.errors import ConfigError, InvalidConfig

if TYPE_CHECKING:
    from aigw_asgi.yaml_document import YamlDocument
    from aigw_core.config.layers import Overrides
    from aigw_core.config.reading import Reading
    from aigw_core.config.report import Remark
    from aigw_core.config.settings import ServerSettings

DEFAULT_FILE = "config.yaml"
"""Used when it is there and no other is named."""

BUILTIN = "builtin"
"""The version of a configuration without a file."""

_MAX_REFERENCED = 64 << 10  # bytes of a file that file:// names; a key has hundreds


class Loaded(Struct, frozen=True):
    """A configuration that can be used."""

    snapshot: Snapshot
    settings: ServerSettings
    warnings: tuple[Remark, ...]
    document: YamlDocument | None
    """The file as it is written, references unresolved; ``None`` without a file."""
    reading: Reading
    """All that was written, with defaults, and where each value came from."""
    overrides: Overrides | None = None
    """What the command line said."""


def find_file(path: str | None, env: Mapping[str, str]) -> str | None:
    """The file to read: the one that is named, else the one in the working folder.

    ``path`` is that of the command line. What is named here need not exist.
    """
    named = path or env.get("AIGW_CONFIG")
    if named:
        return named
    return DEFAULT_FILE if os.path.exists(DEFAULT_FILE) else None


def load(path: str | None, env: Mapping[str, str], overrides: Overrides | None = None) -> Loaded:
    """Read, check and compile the configuration.

    ``path`` and ``overrides`` are what the command line says. Without a file the
    defaults hold, and well-known variables make credentials.

    Raises:
        InvalidConfig: every problem, with file, line and column.
    """
    file = find_file(path, env)
    if file is None:
        return _compile(None, BUILTIN, env, overrides)
    return compile_bytes(read_bytes(file), file, env, overrides)


def compile_bytes(
    raw: bytes, file: str, env: Mapping[str, str], overrides: Overrides | None = None
) -> Loaded:
    """As :func:`load`, of what a file holds or would hold; ``file`` is what errors call it.

    Raises:
        InvalidConfig: every problem, with file, line and column.
    """
    from aigw_asgi.yaml_document import read_document  # imports PyYAML: 20 ms

    return _compile(read_document(raw, file), version_of(raw), env, overrides)


def exposed(loaded: Loaded) -> list[Remark]:
    """What is to be said of a file that has secrets in clear and that every user of the
    machine can read; mostly nothing. A group may: that is how services get theirs."""
    from aigw_asgi.redaction import MIN_LENGTH, secrets_in
    from aigw_core.config.report import Remark

    document = loaded.document
    if document is None:
        return []
    try:
        mode = stat.S_IMODE(os.stat(document.file).st_mode)
    except OSError:
        return []
    if not mode & stat.S_IROTH:
        return []
    secrets = (each for each in secrets_in(loaded.reading.config) if len(each) >= MIN_LENGTH)
    if not any(each in document.text for each in secrets):
        return []
    message = (
        f"it has secrets in clear, and every user of this machine can read it (mode {mode:o});"
        " chmod o-r mends that"
    )
    return [Remark(message, file=document.file)]


def version_of(raw: bytes) -> str:
    """What a configuration is known by: twelve hex digits of its hash."""
    return hashlib.sha256(raw).hexdigest()[:12]


def _compile(
    document: YamlDocument | None,
    version: str,
    env: Mapping[str, str],
    overrides: Overrides | None,
) -> Loaded:
    # Not at the top, since the parts of the shell that only know ``Loaded`` start sooner so.
    from aigw_core.config.compile import compile_config
    from aigw_core.config.reading import read_config
    from aigw_core.config.references import Outside
    from aigw_core.config.settings import server_settings

    outside = Outside(env, _read_text, os.path.isfile)
    from_file = document is not None
    data = {} if document is None else document.data
    try:
        reading = read_config(data, outside, from_file=from_file, overrides=overrides)
    except InvalidConfig as exc:
        problems = [_located(problem, document) for problem in exc.problems]
        problems.sort(key=lambda problem: (problem.line or 0, problem.column or 0))
        raise InvalidConfig(problems) from exc
    settings = server_settings(reading.config)
    if settings.redis_url is not None and find_spec("coredis") is None:
        missing = "needs the package coredis: pip install 'aigw[redis]'"
        raise InvalidConfig([_located(ConfigError(missing, path="state.redis"), document)])
    return Loaded(
        compile_config(reading.config, version, from_file=from_file),
        settings,
        tuple(_placed(remark, document) for remark in reading.remarks),
        document,
        reading,
        overrides,
    )


def _located(problem: ConfigError, document: YamlDocument | None) -> ConfigError:
    if document is None or problem.file:
        return problem
    line, column = document.locate(problem.path)
    return type(problem)(
        problem.problem, path=problem.path, file=document.file, line=line, column=column
    )


def _placed(remark: Remark, document: YamlDocument | None) -> Remark:
    if document is None or remark.file:
        return remark
    line, column = document.locate(remark.path)
    return structs.replace(remark, file=document.file, line=line, column=column)


def read_bytes(file: str) -> bytes:
    """What a file holds; more than the largest configuration is cut off.

    Raises:
        InvalidConfig: it cannot be read.
    """
    from aigw_asgi.yaml_document import MAX_SIZE

    try:
        with open(file, "rb") as stream:
            return stream.read(MAX_SIZE + 1)
    except OSError as exc:
        raise InvalidConfig([ConfigError(f"cannot be read: {exc.strerror}", file=file)]) from exc


def _read_text(path: str) -> str:
    with open(path, "rb") as stream:
        raw = stream.read(_MAX_REFERENCED + 1)
    if len(raw) > _MAX_REFERENCED:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
    return raw.decode()
