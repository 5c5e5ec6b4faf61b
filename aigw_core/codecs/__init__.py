"""The wire formats, one folder each. Adding a format is adding a folder and a line."""

from __future__ import annotations

from collections.abc import Mapping

from aigw_core.chat import Format
from aigw_core.codec import Codec
from aigw_core.codecs.chat import CODEC as CHAT
from aigw_core.codecs.gemini import CODEC as GEMINI
from aigw_core.codecs.messages import CODEC as MESSAGES
from aigw_core.codecs.responses import CODEC as RESPONSES

CODECS: Mapping[Format, Codec] = {
    codec.format: codec for codec in (CHAT, MESSAGES, RESPONSES, GEMINI)
}
