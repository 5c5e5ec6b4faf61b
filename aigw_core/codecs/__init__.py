"""The wire formats, one folder each. Adding a format is adding a folder and a function.

A format is imported when it is first asked for: a process that serves two of them
neither waits for the others nor holds them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from aigw_core.chat import Format
from aigw_core.codec import Codec


def _chat() -> Codec:
    from aigw_core.codecs.chat import CODEC

    return CODEC


def _messages() -> Codec:
    from aigw_core.codecs.messages import CODEC

    return CODEC


def _responses() -> Codec:
    from aigw_core.codecs.responses import CODEC

    return CODEC


def _gemini() -> Codec:
    from aigw_core.codecs.gemini import CODEC

    return CODEC


_LOADERS = {
    Format.CHAT: _chat,
    Format.MESSAGES: _messages,
    Format.RESPONSES: _responses,
    Format.GEMINI: _gemini,
}


class _Codecs(Mapping[Format, Codec]):
    def __init__(self) -> None:
        self._loaded: dict[Format, Codec] = {}

    def __getitem__(self, format: Format) -> Codec:
        codec = self._loaded.get(format)
        if codec is None:
            codec = self._loaded[format] = _LOADERS[format]()
        return codec

    def __iter__(self) -> Iterator[Format]:
        return iter(_LOADERS)

    def __len__(self) -> int:
        return len(_LOADERS)

    def __contains__(self, format: object) -> bool:
        return format in _LOADERS


CODECS: Mapping[Format, Codec] = _Codecs()
"""Every wire format, by name."""
