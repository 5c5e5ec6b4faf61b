"""A reading of the configuration: plain data in, a checked ``Config`` out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from aigw_core.config.aliases import rename
from aigw_core.config.checks import check_config, relations
from aigw_core.config.decode import Decoder
from aigw_core.config.layers import Overrides, lay
from aigw_core.config.path import Path
from aigw_core.config.references import Outside, References
from aigw_core.config.report import Remark, Report
from aigw_core.config.schema import Config


class Reading(Struct, frozen=True):
    """A usable configuration, with secrets resolved and all layers laid on."""

    config: Config
    remarks: tuple[Remark, ...]
    origins: Mapping[Path, str] = {}
    """Of values that came from beside the file: a variable, or ``command line``."""
    moved: Mapping[Path, Path] = {}
    """Of values under an old name: where they are written."""


def read_config(
    data: Mapping[str, Any],
    outside: Outside,
    *,
    from_file: bool,
    overrides: Overrides | None = None,
) -> Reading:
    """Decode and check a configuration.

    ``data`` has the shape of the file: maps with text keys, lists, scalars.
    ``from_file`` is false when nobody wrote a configuration; then well-known
    variables make credentials.

    Raises:
        InvalidConfig: every problem found, with paths; those whose value came
            from elsewhere name that place as their ``file``.
    """
    report = Report()
    laid = lay(rename(data, report), overrides or {}, outside.env, report, from_file=from_file)
    decoder = Decoder(References(outside), report, relations(outside.is_file))
    config = decoder.section(Config, laid)
    if config is not None:
        check_config(config, report, from_file=from_file)
    report.raise_problems()
    assert config is not None, "the decoder reports a problem whenever it fails"
    return Reading(config, tuple(report.remarks), report.origins, report.moved)
