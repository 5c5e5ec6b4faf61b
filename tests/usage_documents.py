"""The same answer in three formats: 200 tokens read anew, 800 from a cache, 60 said, 40
thought (Messages does not tell thought from said)."""

from __future__ import annotations

import json
from typing import Any

from aigw_core.chat import Format

_DOCUMENTS: dict[Format, dict[str, Any]] = {
    Format.CHAT: {
        "id": "1",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": "x"}, "finish_reason": "stop"}
        ],
        "usage": {
            "prompt_tokens": 1000,
            "completion_tokens": 100,
            "total_tokens": 1100,
            "prompt_tokens_details": {"cached_tokens": 800},
            "completion_tokens_details": {"reasoning_tokens": 40},
        },
    },
    Format.GEMINI: {
        "candidates": [
            {"content": {"role": "model", "parts": [{"text": "x"}]}, "finishReason": "STOP"}
        ],
        "usageMetadata": {
            "promptTokenCount": 1000,
            "cachedContentTokenCount": 800,
            "candidatesTokenCount": 60,
            "thoughtsTokenCount": 40,
            "totalTokenCount": 1100,
        },
    },
    Format.MESSAGES: {
        "id": "1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [{"type": "text", "text": "x"}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {
            "input_tokens": 200,
            "cache_read_input_tokens": 800,
            "cache_creation_input_tokens": 0,
            "output_tokens": 100,
        },
    },
}

ANSWERS = {format: json.dumps(document).encode() for format, document in _DOCUMENTS.items()}
"""As bytes, by the format they are in."""
