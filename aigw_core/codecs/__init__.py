"""The wire formats, one folder each. Adding a format is adding a folder and a function.

A format is imported when it is first asked for: a process that serves two of them
neither waits for the others nor holds them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

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
    def __init__(self, loaders: Mapping[Format, Callable[[], Codec]]) -> None:
        self._loaders = loaders
        self._loaded: dict[Format, Codec] = {}

    def __getitem__(self, format: Format) -> Codec:
        codec = self._loaded.get(format)
        if codec is None:
            codec = self._loaded[format] = self._loaders[format]()
        return codec

    def __iter__(self) -> Iterator[Format]:
        return iter(self._loaders)

    def __len__(self) -> int:
        return len(self._loaders)

    def __contains__(self, format: object) -> bool:
        return format in self._loaders


CODECS: Mapping[Format, Codec] = _Codecs(_LOADERS)
"""Every wire format, by name."""


def _messages_counting() -> Codec:
    from aigw_core.codecs.messages import COUNTING

    return COUNTING


def _responses_counting() -> Codec:
    from aigw_core.codecs.responses import COUNTING

    return COUNTING


def _gemini_counting() -> Codec:
    from aigw_core.codecs.gemini import COUNTING

    return COUNTING


def _responses_compacting() -> Codec:
    from aigw_core.codecs.responses import COMPACTING

    return COMPACTING


COUNTING: Mapping[Format, Codec] = _Codecs(
    {
        Format.MESSAGES: _messages_counting,
        Format.RESPONSES: _responses_counting,
        Format.GEMINI: _gemini_counting,
    }
)
"""The counting endpoints of the formats that have one."""

COMPACTING: Mapping[Format, Codec] = _Codecs({Format.RESPONSES: _responses_compacting})
"""The endpoint that shortens a conversation, where there is one."""
