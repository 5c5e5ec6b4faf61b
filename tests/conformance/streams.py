"""Seven of the eight probes: what can happen to one streamed answer.

A probe takes the codecs of an upstream and of a client, raises what a law raises
when the pair fails, and returns how many streams it sent through.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from itertools import pairwise

from msgspec.structs import replace

from aigw_core.chat import Format
from aigw_core.codec import Codec
from aigw_core.errors import ErrorKind
from tests.conformance import wires
from tests.conformance.orders import groupings, some_interleavings
from tests.conformance.running import check_failed, check_same, see, serve
from tests.conformance.wires import END, WRITERS, Call, Events, Script, event
from tests.laws import difference, hold, same
from tests.streams import CONTEXT

SPOKEN = Script(
    reasoning=("Let me ", "think…\n", "é"),
    text=("Grüße, ", "世界 👩‍👩‍👧", " data: [DONE]\n\n"),
    calls=(Call("call_1", "get_weather", ('{"city":', '"Zürich"}')),),
)
"""One of everything."""


def _written(upstream: Codec, script: Script) -> Events:
    return WRITERS[upstream.format](script)


# --- 1: parallel tool calls ---------------------------------------------------

_ARGUMENTS = (
    '{"city":"Zürich","days":3}',
    '{"q":"a \\"quoted\\" 世界 👩‍👩‍👧","n":2.5}',
    '{"path":"C:\\\\x\\ny","deep":1}',
    '{"s":"}{][","e":0}',
)
_NAMES = ("get_weather", "search", "get_weather", "Read_File-2")


def _calls(pieces: Iterable[int]) -> tuple[Call, ...]:
    calls = []
    for number, size in enumerate(pieces):
        text = _ARGUMENTS[number]
        at = [round(len(text) * cut / size) for cut in range(size + 1)]
        cut = tuple(text[a:b] for a, b in pairwise(at))
        calls.append(Call(f"call_{number}", _NAMES[number], cut))
    return tuple(calls)


_SIZES = (
    (1,),
    (3,),
    (1, 1),
    (2, 2),
    (3, 3),
    (1, 1, 1),
    (2, 1, 2),
    (3, 3, 3),
    (1, 1, 1, 1),
    (2, 3, 2, 3),
)
"""How many pieces the arguments of each call come in."""


def parallel_calls(upstream: Codec, client: Codec) -> int:
    count = 0
    for pieces in _SIZES:
        script = Script(text=("Let me look.",), calls=_calls(pieces))
        for events in _arrangements(upstream.format, script):
            count += 1
            _check_calls(upstream, client, script, events)
        if upstream.format is Format.GEMINI and upstream is not client:
            # A client of this format that asks for pieces joins them itself.
            count += 1
            _check_calls(upstream, client, script, wires.gemini(script, pieces=True))
    return count


def _arrangements(name: Format, script: Script) -> Iterable[Events]:
    if name is Format.GEMINI:
        for groups in groupings(len(script.calls)):
            yield wires.gemini(script, groups)
        return
    steps = [len(call.pieces) + wires.STEPS[name] for call in script.calls]
    for order in some_interleavings(steps):
        yield WRITERS[name](replace(script, order=order))


def _check_calls(upstream: Codec, client: Codec, script: Script, events: Events) -> None:
    served = serve(upstream, client, events)
    check_same(script.record, see(upstream, client, served), client)
    if client.format is Format.GEMINI and upstream is not client:
        # The SDK gives objects; the spelling shows on the wire only.
        for call in script.calls:
            raw = f'"args":{call.arguments}'.encode()
            hold(raw in served.output, f"{raw!r} is not in {served.output!r}")


# --- 2, 3: no end, nothing at all ---------------------------------------------


def cut_off(upstream: Codec, client: Codec) -> int:
    """Between events and inside of them, before the answer is complete."""
    events = _written(upstream, SPOKEN)
    count = 0
    for size in range(1, len(events) - END[upstream.format] + 1):
        last = events[size - 1]
        for part in (len(last), len(last) // 2, len(last) - 1):
            count += 1
            served = serve(upstream, client, [*events[: size - 1], last[:part]])
            seen = check_failed(upstream, client, served)
            failure = served.machine.failure
            hold(failure and failure.kind is ErrorKind.UPSTREAM_TRUNCATED, f"it is {failure}")
            hold("".join(SPOKEN.text).startswith(seen.text), f"{seen.text!r} was never said")
    return count


_NOTHING = (
    b"",
    b"\n\n",
    b"\r\n",
    b": keepalive\n\n",
    b"\xef\xbb\xbf",
    b"event: x\n\n",
    b"retry: 3\n\n",
)


def empty_stream(upstream: Codec, client: Codec) -> int:
    for nothing in _NOTHING:
        served = serve(upstream, client, [nothing])
        seen = check_failed(upstream, client, served)
        failure = served.machine.failure
        hold(failure and failure.kind is ErrorKind.UPSTREAM_TRUNCATED, f"it is {failure}")
        hold(not served.machine.content, "nothing counts as content")
        hold(seen.text == "" and not seen.calls, f"of nothing came {seen}")
    return len(_NOTHING)


# --- 4: errors and damage inside of a 200 -------------------------------------

BUSY = "the model is busy today"

ERRORS: dict[Format, tuple[bytes, ...]] = {
    Format.CHAT: (
        event({"error": {"message": BUSY, "type": "server_error", "code": 503, "param": None}}),
        event({"error": {"message": BUSY}, "status_code": 503}, "error"),
        event({"error": BUSY}),
        event({"id": "x", "choices": [], "error": {"code": 503, "message": BUSY}}),
    ),
    Format.MESSAGES: (
        event({"type": "error", "error": {"type": "overloaded_error", "message": BUSY}}, "error"),
        event({"type": "error", "error": {"type": "overloaded_error", "message": BUSY}}),
    ),
    Format.RESPONSES: (
        event(
            {
                "type": "error",
                "code": "server_error",
                "message": BUSY,
                "param": None,
                "sequence_number": 9,
            },
            "error",
        ),
        event({"type": "error", "error": {"code": "server_error", "message": BUSY}}, "error"),
        event(
            {
                "type": "response.failed",
                "sequence_number": 9,
                "response": {
                    **wires.response_object("failed", [], None),
                    "error": {"code": "server_error", "message": BUSY},
                },
            },
            "response.failed",
        ),
    ),
    Format.GEMINI: (
        event({"error": {"code": 503, "message": BUSY, "status": "UNAVAILABLE"}}, end="\r\n"),
        json.dumps({"error": {"code": 503, "message": BUSY, "status": "UNAVAILABLE"}}).encode(),
        json.dumps(
            [{"error": {"code": 503, "message": BUSY, "status": "UNAVAILABLE"}}], indent=2
        ).encode(),
    ),
}

_DAMAGED: dict[Format, tuple[bytes, ...]] = {
    Format.CHAT: (event("{not json"), event("[]"), event('"text"'), event('{"choices":7}')),
    Format.MESSAGES: (
        event("{not json", "content_block_delta"),
        event("[]", "content_block_delta"),
        event('{"type":"content_block_delta","index":{},"delta":{}}', "content_block_delta"),
    ),
    Format.RESPONSES: (
        event("{not json", "response.output_text.delta"),
        event("[]", "response.output_text.delta"),
        event('{"type":"response.completed","response":7}', "response.completed"),
    ),
    Format.GEMINI: (event("{not json"), event("[]x"), event('"text"'), event('{"candidates":7}')),
}
"""Events that no reader of the format can make anything of."""


def _places(upstream: Codec) -> Iterable[Events]:
    """The events before something goes wrong, from one to all but the end."""
    events = _written(upstream, SPOKEN)
    for size in range(1, len(events) - END[upstream.format] + 1):
        yield events[:size]


def error_first(upstream: Codec, client: Codec) -> int:
    return _goes_wrong(upstream, client, ERRORS, [[]], BUSY)


def error_later(upstream: Codec, client: Codec) -> int:
    return _goes_wrong(upstream, client, ERRORS, _places(upstream), BUSY)


def damage_first(upstream: Codec, client: Codec) -> int:
    return _goes_wrong(upstream, client, _DAMAGED, [[]])


def damage_later(upstream: Codec, client: Codec) -> int:
    return _goes_wrong(upstream, client, _DAMAGED, _places(upstream))


def _goes_wrong(
    upstream: Codec,
    client: Codec,
    accidents: dict[Format, tuple[bytes, ...]],
    places: Iterable[Events],
    said: str = "",
) -> int:
    count = 0
    rest = _written(upstream, SPOKEN)[-3:]
    for before in places:
        for accident in accidents[upstream.format]:
            count += 1
            served = serve(upstream, client, [*before, accident, *rest])
            seen = check_failed(upstream, client, served, said)
            hold("".join(SPOKEN.text).startswith(seen.text), f"{seen.text!r} was never said")
            failure = served.machine.failure
            kind = failure.kind if failure else None
            if said:
                hold(kind is not ErrorKind.UPSTREAM_MALFORMED, f"an error became {kind}")
            else:
                hold(kind is ErrorKind.UPSTREAM_MALFORMED, f"damage became {kind}")
    return count


# --- 6: reasoning -------------------------------------------------------------

_REASONED = replace(SPOKEN, calls=(), text=("So ", "it is."))


def _reasoning_streams(name: Format) -> Iterable[Events]:
    if name is Format.CHAT:
        return [wires.chat(_REASONED, field) for field in wires.CHAT_REASONING]
    if name is Format.RESPONSES:
        return [wires.responses(_REASONED, style) for style in ("summary", "raw")]
    return [WRITERS[name](_REASONED)]


def reasoning(upstream: Codec, client: Codec) -> int:
    """Every piece goes out with the read that brought it, and none is text."""
    streams = list(_reasoning_streams(upstream.format))
    for events in streams:
        served = serve(upstream, client, events)
        if upstream is client:
            same(b"".join(events), served.output)
        else:
            _check_paced(events, served.pieces)
            check_same(_REASONED.record, see(upstream, client, served), client)
    return len(streams)


def _check_paced(events: Events, pieces: tuple[bytes, ...]) -> None:
    for piece in _REASONED.reasoning:
        word = json.dumps(piece, ensure_ascii=False).encode()
        escaped = json.dumps(piece).encode()
        at = next(n for n, sent in enumerate(events) if word in sent)
        hold(word in pieces[at] or escaped in pieces[at], f"{piece!r} is held back: {pieces[at]!r}")


# --- 7: usage -----------------------------------------------------------------


def usage_after(upstream: Codec, client: Codec) -> int:
    return _usage(upstream, client, "after")


def usage_in(upstream: Codec, client: Codec) -> int:
    return _usage(upstream, client, "in")


def usage_every(upstream: Codec, client: Codec) -> int:
    return _usage(upstream, client, "every")


def usage_never(upstream: Codec, client: Codec) -> int:
    return _usage(upstream, client, "never")


def _usage(upstream: Codec, client: Codec, place: str) -> int:
    for script in (replace(SPOKEN, usage=place), replace(_REASONED, usage=place)):
        events = _written(upstream, script)
        served = serve(upstream, client, events)
        check_same(script.record, see(upstream, client, served), client)
        usage = served.machine.usage
        if place != "never":
            counts = (usage.input_total, usage.cache_read, usage.output_total, usage.reasoning)
            hold(counts == (100, 40, 50, 20), f"the gateway counts {usage}")
        elif upstream.format is not Format.MESSAGES:
            hold(usage.input_total is None and usage.output_total is None, f"invented: {usage}")
        if client.format is Format.CHAT:
            # Who did not ask for usage sees none, however it came.
            quiet = serve(upstream, client, events, stream_usage=False, context=_UNASKED)
            hold(b'"usage"' not in quiet.output, f"not asked for: {quiet.output!r}")
            hold(quiet.machine.usage == usage, f"{quiet.machine.usage} is counted unasked")
            see(upstream, client, quiet)
    return 2


_UNASKED = replace(CONTEXT, stream_usage=False)


# --- 8: framing ---------------------------------------------------------------


_DATA = re.compile(rb"^data: ", re.MULTILINE)


def _framings(events: Events) -> dict[str, list[bytes]]:
    whole = b"".join(events)
    plain = whole.replace(b"\r\n", b"\n")
    noisy = b": hello\n\n" + plain.replace(b"\n\n", b"\n\n: still here\n\n")
    lines = plain.splitlines(keepends=True)
    fields = _DATA.sub(b"id: 7\nretry: 10\ndata: ", plain)
    return {
        "one read": [whole],
        "an event a read": events,
        "event and data in reads of their own": lines,
        "a byte a read": [whole[at : at + 1] for at in range(len(whole))],
        "CR": [plain.replace(b"\n", b"\r")],
        "CR, a byte a read": [bytes([byte]) for byte in plain.replace(b"\n", b"\r")],
        "LF": [plain],
        "CRLF": [plain.replace(b"\n", b"\r\n")],
        "CRLF cut in two": re.split(rb"(?<=\r)", plain.replace(b"\n", b"\r\n")),
        "line ends mixed": [_mixed(plain)],
        "comments": [noisy],
        "comments inside of events": [_DATA.sub(b": x\ndata: ", plain)],
        "id and retry": [fields],
        "no space after the colon": [re.sub(rb"(?m)^(data|event): ", rb"\1:", plain)],
        "a byte order mark": [b"\xef\xbb\xbf" + whole],
        "a byte order mark cut in two": [b"\xef", b"\xbb", b"\xbf" + whole],
        "no blank line at the end": [whole.rstrip(b"\r\n")],
        "blank lines between": [plain.replace(b"\n\n", b"\n\n\n\n")],
        "split UTF-8": _inside_characters(whole),
    }


def _mixed(data: bytes) -> bytes:
    ends = (b"\r\n", b"\n", b"\r\n\r\n", b"\r\r", b"\n\r\n")
    out = []
    for number, block in enumerate(data.split(b"\n\n")[:-1]):
        name, _, rest = block.rpartition(b"\n")
        out.append((name + b"\r\n" if name else b"") + rest + (ends[2:] * 2)[number % 3])
    return b"".join(out).replace(b"\n\r\n", b"\n\r\n")


def _inside_characters(data: bytes) -> list[bytes]:
    cuts = [at for at, byte in enumerate(data) if 0x80 <= byte < 0xC0]
    return [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]


def framing(upstream: Codec, client: Codec) -> int:
    events = _written(upstream, SPOKEN)
    framings = _framings(events)
    expected = serve(upstream, client, events)
    check_same(SPOKEN.record, see(upstream, client, expected), client)
    for name, reads in framings.items():
        served = serve(upstream, client, reads)
        try:
            if upstream is not client:
                hold(served.output == expected.output, difference(expected.output, served.output))
            check_same(SPOKEN.record, see(upstream, client, served), client)
        except Exception as exc:
            exc.add_note(f"framing: {name}")
            raise
        if upstream is client and name in _AS_IT_CAME:
            same(b"".join(reads), served.output, f"{name}: ")
    return len(framings)


_AS_IT_CAME = ("one read", "an event a read", "a byte a read", "split UTF-8")
"""Framings that every SDK reads, so that a relay leaves them as they are."""
