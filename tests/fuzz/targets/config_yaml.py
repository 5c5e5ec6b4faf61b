"""The text of a configuration file."""

from __future__ import annotations

from aigw_asgi.config_store import compile_bytes
from aigw_asgi.yaml_values import block
from aigw_core.errors import InvalidConfig
from tests.laws import hold

_ENVIRONMENT = {"KEY": "sk-from-the-environment", "EMPTY": ""}


def check(data: bytes) -> None:
    """A configuration, or problems of which each says where it is; and what was read says
    the same again when it is written down."""
    try:
        loaded = compile_bytes(data, "config.yaml", _ENVIRONMENT)
    except InvalidConfig as exc:
        hold(exc.problems, "refused without a reason")
        for problem in exc.problems:
            hold(problem.file == "config.yaml" and str(problem), f"a problem nowhere: {problem!r}")
        return
    assert loaded.document is not None
    written = "\n".join(block(loaded.document.data, 0)).encode()
    again = compile_bytes(written, "config.yaml", _ENVIRONMENT)
    hold(
        again.reading.config == loaded.reading.config,
        f"written down it means something else: {written!r}",
    )
