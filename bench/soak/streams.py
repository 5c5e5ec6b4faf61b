"""L1: many translated streams at once, each word of which is checked.

Upstream speaks messages; of five clients two speak chat, two responses and gemini, and one
messages, which is relayed. All streams are open before the first one ends.
"""

from __future__ import annotations

import asyncio
from collections import Counter

from bench.process import free_port
from bench.soak.client import Answer, ask, connect
from bench.soak.gateway import Gateway, configured, show_censuses, upstream
from bench.soak.scenario import Figure, Options, Progress, lag_figures, none_of
from bench.soak.upstream import instruction

FORMATS = ("chat", "responses", "chat", "gemini", "messages")


class _Crowd:
    """Streams at once, all of whose words are checked."""

    def __init__(self, port: int, *, chunks: int, pause_us: int) -> None:
        """A pause comes before each word."""
        self._port = port
        self._chunks = chunks
        self._pause = pause_us
        self.open = self.most = 0
        """Streams of which the first word has come, and not the end."""

    async def run(self, count: int) -> list[Answer]:
        return await asyncio.gather(*(self._stream(number) for number in range(count)))

    async def _stream(self, number: int) -> Answer:
        format = FORMATS[number % len(FORMATS)]
        await asyncio.sleep(number * 2e-3)  # not all in the same millisecond
        connection = await connect(self._port)
        answer = Answer(format, stream=number, words=self._chunks)
        asked = instruction(number, self._chunks, self._pause)
        connection.begin(ask(format, asked, stream=True), answer)
        await connection.until(words=1)
        self.open += 1
        self.most = max(self.most, self.open)
        await connection.until()
        self.open -= 1
        connection.transport.abort()
        return answer


async def run(options: Options, progress: Progress, *, chunks: int = 200) -> list[Figure]:
    port = free_port()
    with (
        upstream() as source,
        Gateway(options.folder, configured(port, source.port), port) as gateway,
    ):
        await gateway.warm()
        before = await gateway.settled()
        await gateway.lag()
        # Some 4,000 words a second in all: what this leaves of two processors is for
        # client and upstream.
        crowd = _Crowd(port, chunks=chunks, pause_us=max(50_000, options.streams * 250))
        work = asyncio.create_task(crowd.run(options.streams))
        while not work.done():
            progress(f"{crowd.open} of {options.streams} streams of {chunks} words")
            await asyncio.wait([work], timeout=1.0)
        answers = work.result()
        lag = await gateway.lag()
        after = await gateway.settled()
    show_censuses({"before": before, "after": after})
    leaked = after.leaked(before)
    return [
        Figure(
            "streams at once", str(crowd.most), str(options.streams), crowd.most == options.streams
        ),
        *judge(answers, chunks),
        none_of("left in the gateway", sum(leaked.values()), str(leaked or "")),
        *lag_figures(lag),
    ]


def judge(answers: list[Answer], chunks: int) -> list[Figure]:
    """What became of streams of so many words."""
    ends = Counter(each.end for each in answers)
    failed = [each for each in answers if each.end != "complete"]
    checkers = [each.checker for each in answers]
    sent = len(answers) * chunks
    example = f"{dict(ends)} {failed[0].head[:15]!r} {failed[0].body[:200]!r}" if failed else ""
    return [
        Figure("words that came", str(sum(each.seen for each in checkers)), str(sent)),
        none_of("lost", sum(each.lost(chunks) for each in checkers)),
        none_of("doubled", sum(each.doubled for each in checkers)),
        none_of("reordered", sum(each.reordered for each in checkers)),
        none_of("corrupted", sum(each.corrupted for each in checkers)),
        none_of("streams that did not end as they should", len(failed), example),
    ]
