"""Token counts as servers report them. Each case was seen in recorded traffic."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from aigw_core.chat import Usage
from aigw_core.codecs.chat.usage import UsageReader, write_usage
from aigw_core.codecs.chat.wire import WireUsage


def read(*documents: Any) -> Usage:
    reader = UsageReader()
    for document in documents:
        reader.add(msgspec.convert(document, WireUsage))
    return reader.usage


def counts(prompt: int, completion: int, total: int, **details: Any) -> Any:
    tokens = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": total}
    return tokens | details


def reasoning(tokens: int) -> Any:
    return {"completion_tokens_details": {"reasoning_tokens": tokens}}


def prompt(**tokens: int) -> Any:
    return {"prompt_tokens_details": tokens}


@pytest.mark.parametrize(
    ("wire", "usage"),
    [
        pytest.param(counts(9, 2, 11), Usage(input=9, output=2), id="plain"),
        pytest.param(
            counts(
                100, 30, 130, **prompt(cached_tokens=60, cache_write_tokens=30), **reasoning(10)
            ),
            Usage(input=10, cache_read=60, cache_write=30, output=20, reasoning=10),
            id="OpenAI",
        ),
        pytest.param(
            counts(368, 19, 387, prompt_cache_hit_tokens=256, **reasoning(12)),
            Usage(input=112, cache_read=256, output=7, reasoning=12),
            id="DeepSeek",
        ),
        pytest.param(
            counts(470, 68, 723, **prompt(cached_tokens=192), **reasoning(185)),
            Usage(input=278, cache_read=192, output=68, reasoning=185),
            id="xAI leaves reasoning out of the completion",
        ),
        pytest.param(
            counts(28, 9, 37, **reasoning(84)),
            Usage(input=28, output=9, reasoning=84),
            id="Vercel leaves it out of the total too",
        ),
        pytest.param(
            counts(43, 10, 53, **reasoning(11)),
            Usage(input=43, output=10, reasoning=11),
            id="OpenRouter counts one more than there are",
        ),
        pytest.param(
            counts(35, 12, 109),
            Usage(input=35, output=12, reasoning=62),
            id="Google counts thinking in the total alone",
        ),
        pytest.param(
            counts(11, 15, 401, **prompt(audio_tokens=375, cached_tokens=9)),
            Usage(input=377, cache_read=9, output=15, audio_input=375),
            id="Mistral leaves sound out of the prompt",
        ),
        pytest.param(
            counts(29, 6, 35, **prompt(cached_tokens=157)),
            Usage(input=29, cache_read=157, output=6),
            id="xAI at Azure leaves cached tokens out",
        ),
        pytest.param(
            counts(2168, 100, 2268, **prompt(cached_tokens=2161, cache_write_tokens=2161)),
            Usage(input=0, cache_read=2161, cache_write=7, output=100),
            id="OpenRouter counts the same as read and written",
        ),
        pytest.param(
            counts(5789, 16, 5805, cache_read_input_tokens=5280, cache_creation_input_tokens=0),
            Usage(input=509, cache_read=5280, cache_write=0, output=16),
            id="Venice",
        ),
        pytest.param(
            counts(147, 16, 163, reasoning_tokens=0),
            Usage(input=147, output=16, reasoning=0),
            id="Copilot",
        ),
        pytest.param({"prompt_tokens": 12}, Usage(input=12), id="Mistral before the end"),
        pytest.param({"prompt_tokens": -5}, Usage(input=0), id="nonsense"),
        pytest.param({}, Usage(), id="nothing"),
    ],
)
def test_counts_become_disjoint(wire: Any, usage: Usage) -> None:
    assert read(wire) == usage


def test_later_counts_replace_and_missing_ones_keep() -> None:
    first = counts(10, 1, 11, **prompt(cached_tokens=4))
    later = {"completion_tokens": 7, "total_tokens": 17, "prompt_tokens_details": None}
    assert read(first, later) == Usage(input=6, cache_read=4, output=7)


def test_writing_and_reading_agree() -> None:
    usage = Usage(
        input=1, cache_read=2, cache_write=3, output=4, reasoning=5, audio_input=1, audio_output=2
    )
    assert read(write_usage(usage)) == usage


def test_the_unknown_is_written_as_0() -> None:
    written = write_usage(Usage())
    assert (written["prompt_tokens"], written["total_tokens"]) == (0, 0)
    assert written["prompt_tokens_details"] == {"cached_tokens": 0}
