"""What a reading of the configuration found: problems and remarks, with paths.

Nothing is raised before everything has been looked at, so that one run shows
all that is wrong.
"""

from __future__ import annotations

from msgspec import Struct

from aigw_core.config.path import Path, render_path
from aigw_core.errors import ConfigError, InvalidConfig, UnknownKey


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

    Problems are shown where the user can mend them: ``moved`` maps the path of
    a key to the one under which it was written (an old name), ``origins`` to
    where else its value came from (``AIGW_PORT``, the command line).
    """

    def __init__(self) -> None:
        self.problems: list[ConfigError] = []
        self.remarks: list[Remark] = []
        self.moved: dict[Path, Path] = {}
        self.origins: dict[Path, str] = {}

    def problem(self, path: Path, message: str) -> None:
        self.problems.append(
            ConfigError(message, path=self._written(path), file=self.origins.get(path, ""))
        )

    def unknown_key(self, path: Path, message: str) -> None:
        self.problems.append(UnknownKey(message, path=self._written(path)))

    def remark(self, path: Path, message: str) -> None:
        self.remarks.append(Remark(message, self._written(path), self.origins.get(path, "")))

    def raise_problems(self) -> None:
        """Raises:
        InvalidConfig: there was a problem.
        """
        if self.problems:
            raise InvalidConfig(self.problems)

    def _written(self, path: Path) -> str:
        return render_path(self.moved.get(path, path))
