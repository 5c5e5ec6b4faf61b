"""What must hold for any bytes that an upstream sends where a stream was asked for."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from aigw_core.chat import Format
from aigw_core.codec import Codec, EncodedRequest
from aigw_core.codecs import CODECS
from aigw_core.translate import AnswerMachine, CollectedAnswer, Transcoder, Translation
from tests import laws, laws_bounds
from tests.fuzz.splitting import reads_of
from tests.laws import hold, same
from tests.seeds import SEEDS
from tests.streams import CONTEXT

_CHANGED_NAMES = EncodedRequest(
    b"", "/", tool_names={"f": "a.f"}, wrapped_tools=frozenset({"get_weather"})
)
"""A request in which tools were renamed and wrapped, which the answer undoes."""

_HELD = 64 << 10
"""Bytes that a decoder may hold beside what it was fed."""


def check_stream(upstream: Format, data: bytes) -> None:
    """Any client gets a legal stream of bounded size, the same for any split; or, where it
    asked for one document, a document or a failure."""
    codec = CODECS[upstream]
    reads = reads_of(data)
    laws.check_events(laws.feed_all(codec.stream_decoder(), reads))
    for client in CODECS.values():
        whole = laws.translate(codec, client, [data])
        same(whole, laws.translate(codec, client, reads), f"{client.format}, cut: ")
        laws.check_ended(client, whole)
        laws_bounds.output_is_bounded(
            data,
            whole,
            client,
            factor=laws_bounds.WORST_FACTOR,
            more=laws_bounds.WORST_MORE,
        )
        _check_renamed(codec, client, reads)
        _check_collected(codec, client, data, reads)
    inbound = SEEDS[upstream].inbound()
    relayed, tap = laws.relay_reads(codec, inbound, [data])
    cut, cut_tap = laws.relay_reads(codec, inbound, reads)
    same(relayed, cut, "relayed, cut: ")
    same(tap.usage, cut_tap.usage, "usage of a relay, cut: ")
    decoder = codec.stream_decoder()
    decoder.feed(data)
    held = laws_bounds.retained(decoder)
    hold(held <= len(data) + _HELD, f"{held} bytes are held of {len(data)}")


def _run(machine: AnswerMachine, reads: Iterable[bytes]) -> bytes:
    return b"".join([*map(machine.feed, reads), machine.eof()])


def _check_renamed(upstream: Codec, client: Codec, reads: list[bytes]) -> None:
    machine = Transcoder(upstream, client, CONTEXT, _CHANGED_NAMES)
    output = _run(machine, reads)
    if machine.failure is not None:
        output += machine.fail(machine.failure)
    laws.check_ended(client, output)
    hold(machine.failure is not None or machine.ended, "it neither ended nor failed")


def _check_collected(upstream: Codec, client: Codec, data: bytes, reads: list[bytes]) -> None:
    translation = Translation(_CHANGED_NAMES)
    machine = CollectedAnswer(upstream, client, CONTEXT, translation)
    output = _run(machine, reads)
    same(_run(CollectedAnswer(upstream, client, CONTEXT, translation), [data]), output, "cut: ")
    hold(bool(output) == machine.ended, "an answer that is none")
    if machine.ended:
        msgspec.json.decode(output)
    else:
        hold(machine.failure is not None, "it neither ended nor failed")
