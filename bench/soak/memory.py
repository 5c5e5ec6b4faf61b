"""L2: what a stream holds of the gateway's memory, by the slope over their number.

idle     its first word has come, and nothing since
active   two words a second
stalled  its client reads no more, its upstream sends as fast as it is let; of clients whose
         format does not need the text once more at the end (Responses and Gemini keep
         that, and the kernel takes 4 MiB of it)

On both event loops. What the kernel holds of a socket is not in it.
"""

from __future__ import annotations

import sys
from collections import Counter

from bench.held import held, per_stream
from bench.process import free_port
from bench.soak.client import FORMATS, ask
from bench.soak.gateway import Gateway, configured, upstream
from bench.soak.scenario import Figure, Options, Progress, none_of
from bench.soak.upstream import instruction

KINDS = {
    "idle": (instruction(0, 2, 0, "hang"), (50, 500, 1000), 25),
    "active": (instruction(0, 100_000, 500_000), (50, 500, 1000), 64),
    "stalled": (instruction(0, 2, 0, "flood"), (20, 60, 120), 512),
}
"""What is asked, how many at once, and the most KiB that one may take."""


async def run(options: Options, progress: Progress) -> list[Figure]:
    loops = ["uvloop", "asyncio"] if "uvloop" in sys.modules else ["asyncio"]
    figures: list[Figure] = []
    leaked: Counter[str] = Counter()
    with upstream() as source:
        for loop in loops:
            for kind, (asked, sizes, most) in KINDS.items():
                progress(f"{kind} on {loop}", always=True)
                found = await _measure(options.folder, source.port, loop, asked, sizes, leaked)
                slope = per_stream(sizes, found)
                between = per_stream(sizes[1:], found[1:])
                figures.append(
                    Figure(
                        f"{kind} on {loop}, {sizes[0]} to {sizes[-1]} (from {sizes[1]})",
                        f"{slope:.1f} KiB ({between:.1f})",
                        f"<= {most} KiB",
                        slope <= most,
                        counted=False,
                    )
                )
    return [*figures, none_of("left in the gateway", leaked.total(), str(dict(leaked) or ""))]


async def _measure(
    folder: str,
    source: int,
    loop: str,
    asked: str,
    sizes: tuple[int, ...],
    leaked: Counter[str],
) -> list[int]:
    """KiB of the gateway with so many streams; adds what stays when they are gone."""
    port = free_port()
    stalls = ":flood:" in asked
    formats = FORMATS[: 2 if stalls else 4]

    def request(number: int) -> bytes:
        return ask(formats[number % len(formats)], asked, stream=True)

    async def memory() -> int:
        return (await gateway.census())["rss_kib"]

    with Gateway(folder, configured(port, source), port, "--loop", loop) as gateway:
        await gateway.warm()
        before = await gateway.settled()
        found = await held(("127.0.0.1", port), request, sizes, memory, stalls=stalls)
        leaked.update((await gateway.settled()).leaked(before))
    return found
