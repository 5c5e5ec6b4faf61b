"""The official SDKs as judges: what a user of each would get from our bytes.

Each module of this package feeds one SDK through an in-memory transport and
brings what it accumulated to one neutral :class:`~tests.oracles.record.Record`,
so that an answer can be compared before and after a translation.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from aigw_core.chat import Format
from tests.oracles import chat, gemini, messages, responses
from tests.oracles.record import Record


class Oracle(Struct, frozen=True):
    read_stream: Callable[[bytes], Record]
    """Of an event stream. Raises ``CannotRead`` where the SDK breaks down."""

    read_body: Callable[[int, bytes], Record]
    """Of ``(status, body)`` of an answer that is one document. Likewise."""


ORACLES: dict[Format, Oracle] = {
    Format.CHAT: Oracle(chat.read_stream, chat.read_body),
    Format.MESSAGES: Oracle(messages.read_stream, messages.read_body),
    Format.RESPONSES: Oracle(responses.read_stream, responses.read_body),
    Format.GEMINI: Oracle(gemini.read_stream, gemini.read_body),
}
