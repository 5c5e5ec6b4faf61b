"""The wire formats, one folder each. Adding a format is adding a folder and a line.

A format is imported when it is first asked for: a process that serves two of them
neither waits for the others nor holds them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module

from aigw_core.chat import Format
from aigw_core.codec import Codec

_MODULES = {
    Format.CHAT: "aigw_core.codecs.chat",
    Format.MESSAGES: "aigw_core.codecs.messages",
    Format.RESPONSES: "aigw_core.codecs.responses",
    Format.GEMINI: "aigw_core.codecs.gemini",
}


class _Codecs(Mapping[Format, Codec]):
    def __init__(self) -> None:
        self._loaded: dict[Format, Codec] = {}

    def __getitem__(self, format: Format) -> Codec:
        codec = self._loaded.get(format)
        if codec is None:
            codec = self._loaded[format] = import_module(_MODULES[format]).CODEC
        return codec

    def __iter__(self) -> Iterator[Format]:
        return iter(_MODULES)

    def __len__(self) -> int:
        return len(_MODULES)

    def __contains__(self, format: object) -> bool:
        return format in _MODULES


CODECS: Mapping[Format, Codec] = _Codecs()
"""Every wire format, by name."""
