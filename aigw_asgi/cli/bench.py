"""``aigw bench``: what this installation does, on this machine."""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aigw_asgi.cli import FAILED, OK
from aigw_asgi.cli.output import add_json, complain, print_json

if TYPE_CHECKING:
    from aigw_asgi.bench.measurement import Figure, Load

_EPILOG = """Without --url a gateway and an upstream are started on loopback and measured, the same
requests once past the gateway ("direct"), once relayed and once translated. All of them share the
processors of this machine, so compare figures of one run, not of two machines. With --url a gateway
that runs is asked for a model, an echo model unless --model names another: what its provider asks
for so many requests is yours to pay."""


def add_parser(commands: Any) -> None:
    parser = commands.add_parser(
        "bench", help="measure what a gateway costs on this machine", epilog=_EPILOG
    )
    add_json(parser)
    parser.add_argument("--url", help="of a running gateway, such as http://127.0.0.1:8317")
    parser.add_argument("--key", default="", help="client key for --url")
    parser.add_argument("--model", default="echo", help="model for --url (default: echo)")
    parser.add_argument("--requests", type=_count, default=300, metavar="N", help="default: 300")
    parser.add_argument("--streams", type=_count, default=50, metavar="N", help="default: 50")
    parser.add_argument(
        "--chunks", type=_count, default=100, metavar="N", help="pieces of a stream; default: 100"
    )
    parser.add_argument(
        "--concurrency", type=_counts, default=(1, 16), metavar="N,N", help="default: 1,16"
    )
    parser.add_argument(
        "--seconds",
        type=_seconds,
        default=2.0,
        metavar="S",
        help="of each measurement of throughput; default: 2",
    )
    parser.set_defaults(run=run, complain=parser.error)


def run(arguments: argparse.Namespace) -> int:
    from aigw_asgi.bench.client import BenchFailed
    from aigw_asgi.bench.machine import this_machine
    from aigw_asgi.bench.measurement import Load

    load = Load(
        requests=arguments.requests,
        streams=arguments.streams,
        chunks=arguments.chunks,
        concurrency=arguments.concurrency,
        seconds=arguments.seconds,
    )
    own = arguments.url is None
    if not arguments.json:
        print("\n".join(this_machine().lines()), flush=True)
    try:
        if own:
            if arguments.key or arguments.model != "echo":
                arguments.complain("--key and --model go with --url")
            figures = _measure_own(load)
        else:
            figures = _measure_running(arguments, load)
    except BenchFailed as exc:
        complain(exc)
        return FAILED
    if arguments.json:
        print_json({"machine": this_machine(), "own": own, "figures": figures})
    else:
        _show(figures, own=own)
    return OK


def _measure_own(load: Load) -> list[Figure]:
    from aigw_asgi.bench import processes
    from aigw_asgi.bench.client import Way
    from aigw_asgi.bench.measurement import PACE, Models, measure

    paced = f"bench-{load.chunks}-{PACE}"
    models = Models(
        request=("bench-1-0", "Hello"),
        first=("bench-1-0", "Hello"),
        paced=(paced, "Hello"),
        burst=(f"bench-{load.chunks * 10}-0", "Hello"),
        held=(paced, "Hello"),
    )
    with (
        tempfile.TemporaryDirectory(prefix="aigw-bench-") as folder,
        processes.upstream() as behind,
        processes.gateway(behind, Path(folder)) as gateway,
    ):
        ways = [
            Way("direct", behind.url),
            Way("relayed", gateway.url, processes.KEY),
            Way("translated", gateway.url, processes.KEY, "translated/"),
        ]
        return asyncio.run(measure(ways, models, load, gateway=gateway))


def _measure_running(arguments: argparse.Namespace, load: Load) -> list[Figure]:
    from aigw_asgi.bench.client import Way
    from aigw_asgi.bench.measurement import Models, measure
    from aigw_asgi.transports.tls import make_context
    from aigw_core.errors import ProtocolMisuse
    from aigw_core.wire_request import split_url

    url = arguments.url.rstrip("/").removesuffix("/v1")
    try:
        if split_url(url)[1] != "/":
            arguments.complain("--url is that of the gateway, without a path")
    except ProtocolMisuse:
        arguments.complain("--url must be http://HOST:PORT or https://HOST:PORT")
    model = arguments.model
    words = " ".join(["word"] * load.chunks * 10)
    # Only the echo models say what they are told to, and as fast as they are told to.
    burst = (model, f"/wps 0 {words}") if model.partition("@")[0] == "echo" else None
    text = "/wps 0 Hello" if burst else "Say hello"
    models = Models((model, text), (model, text), None, burst, None)
    ways = [Way("through the gateway", url, arguments.key)]
    return asyncio.run(measure(ways, models, load, context=make_context()))


def _show(figures: Sequence[Figure], *, own: bool) -> None:
    if own:
        print(
            "client, gateway and upstream on this machine, one process each; added: what the way"
            " through\nthe gateway takes longer, median less median, 99th percentile less 99th"
            " percentile"
        )
    else:
        print("the gateway and all that is behind it, as this client sees it")
    direct = {figure.what: figure for figure in figures if figure.way == "direct"}
    rows = [["", "", "median", "p99", "added", "added p99"]]
    shown = ""
    for figure in sorted(figures, key=lambda each: _order(figures, each)):
        base = direct.get(figure.what) if figure.unit in ("ms", "us") else None
        added = ["", ""]
        if base is not None and figure is not base and base.p99 is not None:
            assert figure.p99 is not None
            added = [_number(figure.median - base.median), _number(figure.p99 - base.p99)]
        p99 = "" if figure.p99 is None else _number(figure.p99)
        what = f"{figure.what} ({figure.unit})"
        rows.append(
            ["" if what == shown else what, figure.way, _number(figure.median), p99, *added]
        )
        shown = what
    widths = [max(len(row[at]) for row in rows) for at in range(6)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row[:2], widths[:2], strict=True)]
        cells += [cell.rjust(width) for cell, width in zip(row[2:], widths[2:], strict=True)]
        print("  ".join(cells).rstrip())


def _order(figures: Sequence[Figure], one: Figure) -> int:
    """All ways of one thing together, things as they were measured."""
    return next(at for at, each in enumerate(figures) if each.what == one.what)


def _number(value: float) -> str:
    return f"{value:.2f}" if abs(value) < 10 else f"{value:,.0f}"


def _count(text: str) -> int:
    number = int(text)
    if not 1 <= number <= 100_000:
        raise argparse.ArgumentTypeError("must be between 1 and 100000")
    return number


def _counts(text: str) -> tuple[int, ...]:
    return tuple(_count(each) for each in text.split(","))


def _seconds(text: str) -> float:
    number = float(text)
    if not 0.1 <= number <= 600:
        raise argparse.ArgumentTypeError("must be between 0.1 and 600")
    return number
