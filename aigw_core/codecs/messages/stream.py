"""The two stream machines of the Messages format."""

from __future__ import annotations

from aigw_core.codecs.messages.stream_decoder import StreamDecoder
from aigw_core.codecs.messages.stream_encoder import StreamEncoder

__all__ = ["StreamDecoder", "StreamEncoder"]
