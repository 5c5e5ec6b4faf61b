"""The wire formats, one folder each. Adding a format is adding a folder and a line."""

from __future__ import annotations

from collections.abc import Mapping

from aigw_core.chat import Format
from aigw_core.codec import Codec
from aigw_core.codecs.chat import CODEC as CHAT
from aigw_core.codecs.gemini import CODEC as GEMINI
from aigw_core.codecs.gemini import COUNTING as GEMINI_COUNTING
from aigw_core.codecs.messages import CODEC as MESSAGES
from aigw_core.codecs.messages import COUNTING as MESSAGES_COUNTING
from aigw_core.codecs.responses import CODEC as RESPONSES
from aigw_core.codecs.responses import COMPACTING as RESPONSES_COMPACTING
from aigw_core.codecs.responses import COUNTING as RESPONSES_COUNTING

CODECS: Mapping[Format, Codec] = {
    codec.format: codec for codec in (CHAT, MESSAGES, RESPONSES, GEMINI)
}

COUNTING: Mapping[Format, Codec] = {
    codec.format: codec for codec in (MESSAGES_COUNTING, RESPONSES_COUNTING, GEMINI_COUNTING)
}
"""The counting endpoints of the formats that have one."""

COMPACTING: Mapping[Format, Codec] = {Format.RESPONSES: RESPONSES_COMPACTING}
"""The endpoint that shortens a conversation, where there is one."""
