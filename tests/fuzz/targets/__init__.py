"""One module for each thing that is fuzzed: ``check(data)``, and how its inputs are made."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from msgspec import Struct

CORPUS = Path(__file__).parents[1] / "corpus"

TARGETS = (
    "sse_parser",
    "stream_chat",
    "stream_responses",
    "stream_messages",
    "stream_gemini",
    "request_chat",
    "request_responses",
    "request_messages",
    "request_gemini",
    "answer_body",
    "error_body",
    "retry_after",
    "config_yaml",
    "url_check",
    "path_check",
    "jwt",
    "ws_command",
    "log_query",
    "http1_response",
    "http1_head",
)


class Target(Struct, frozen=True):
    name: str
    check: Callable[[bytes], None]
    json: bool
    """There are JSON documents in the inputs, to be changed node by node."""

    @property
    def corpus(self) -> Path:
        return CORPUS / self.name

    def inputs(self) -> list[Path]:
        """Seeds, and inputs that once broke it."""
        return sorted(path for path in self.corpus.iterdir() if path.is_file())


def load(name: str) -> Target:
    module = import_module(f"{__name__}.{name}")
    return Target(name, module.check, getattr(module, "JSON", False))
