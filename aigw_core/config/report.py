"""What a reading of the configuration found: problems and remarks, with paths.

Nothing is raised before everything has been looked at, so that one run shows
all that is wrong.
"""

from __future__ import annotations

from msgspec import Struct

from aigw_core.config.path import Path, render_path
from aigw_core.errors import ConfigError, InvalidConfig


class Remark(Struct, frozen=True, gc=False):
    """Something odd that does not keep the configuration from being used."""

    message: str
    path: str = ""
    file: str = ""
    line: int | None = None
    """Counted from 1, as is ``column``; ``None`` when not from a file."""
    column: int | None = None

    def __str__(self) -> str:
        return str(
            ConfigError(
                self.message, path=self.path, file=self.file, line=self.line, column=self.column
            )
        )


class Report:
    """Collects problems and remarks.

    ``moved`` maps the path of a key to the path under which the user wrote
    it, where an old name was used: problems are shown where they were written.
    """

    def __init__(self) -> None:
        self.problems: list[ConfigError] = []
        self.remarks: list[Remark] = []
        self.moved: dict[Path, Path] = {}

    def problem(self, path: Path, message: str) -> None:
        self.problems.append(ConfigError(message, path=self._written(path)))

    def remark(self, path: Path, message: str) -> None:
        self.remarks.append(Remark(message, self._written(path)))

    def raise_problems(self) -> None:
        """Raises:
        InvalidConfig: there was a problem.
        """
        if self.problems:
            raise InvalidConfig(self.problems)

    def _written(self, path: Path) -> str:
        return render_path(self.moved.get(path, path))
