"""Tool loops through clients of other formats: a vendor gets its seals back.

The official SDKs talk to the core in process. What they send back as history is what
they make of their own answer objects; nothing here builds it for them.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Any

import anthropic
import httpx2
import openai
import pytest
from google import genai
from google.genai import types
from msgspec import structs
from msgspec.structs import replace

from aigw_core import sealing as sealing_module
from aigw_core import translate, unsealing
from aigw_core.attempt import Call
from aigw_core.chat import Format, Media, Opaque, Part, Reasoning, Seal, StopReason, Text, ToolCall
from aigw_core.codec import AnswerContext, Caps, EncodedRequest, Inbound
from aigw_core.codecs import CODECS
from aigw_core.collect import collect
from aigw_core.dispatch import Dispatch
from aigw_core.errors import UpstreamError
from aigw_core.events import StreamEvent
from aigw_core.routing.target import Match, Target
from aigw_core.sealing import AnswerSealer, Sealing
from aigw_core.seals import Bind, Opened, Provenance, Sealer, SealKeys, text_hasher
from aigw_core.translate import Transcoder
from tests import laws
from tests.corpus import ABSENT, DEEP, exchanges, root, streams
from tests.laws import feed_all
from tests.oracles.transport import EVENT_STREAM, JSON, Bytes
from tests.sealed import SEALS, VENDORS, Answer, Vendor, seal
from tests.simulate import credential
from tests.streams import CONTEXT

KEYS = SealKeys(b"k" * 32)

Body = dict[str, Any]


class Core(httpx2.BaseTransport):
    """The gateway's core between an SDK and a vendor.

    ``asked`` are the bodies that the vendor got; ``warnings`` the codes that the client
    was told. What the vendor is, and for whom the gateway works, may change between
    two requests.
    """

    def __init__(self, client: Format, vendor: Vendor, *, streamed: bool | None = None) -> None:
        self.client = client
        self.vendor = vendor
        self.tenant = "t1"
        self.keys = KEYS
        self.model = "upstream-model"
        self.credential = 1
        self.caps = Caps(max_output=32_000)
        self.streamed = streamed
        self.asked: list[Body] = []
        self.warnings: list[list[str]] = []
        self.sealer: type[Sealer] = Sealer
        self.before: Callable[[Core, bytes], bytes] = lambda core, body: body
        """Called with each request, to change it or the gateway."""
        self.read_size: int | None = None
        self.answered = 0

    @property
    def finished(self) -> bool:
        return self.answered == len(self.vendor.answers)

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        codec = CODECS[self.client]
        body = self.before(self, request.read())
        headers = {name.lower(): value for name, value in request.headers.items()}
        inbound = Inbound(body, headers)
        if self.client is Format.GEMINI:
            model, _, method = request.url.path.rpartition("/")[2].partition(":")
            inbound = replace(inbound, model=model, stream=method.startswith("stream"))
        peek = codec.peek(inbound)
        context = AnswerContext(peek.model, f"{self.answered:032}", 1_700_000_000)
        call = Call(codec, inbound, peek, context, False, self.sealer(self.keys, self.tenant))
        upstream = replace(credential(self.credential, self.vendor.format), caps=self.caps)
        target = Target(upstream, self.model, Match.EXACT)
        attempt, wire = Dispatch(call, CODECS).prepare(1, target)
        self.asked.append(json.loads(wire.body))
        self.warnings.append([e.code for e in attempt.translation.ledger if e.reported])
        stream = peek.stream if self.streamed is None else self.streamed
        answer = self.vendor.answers[self.answered].body(stream=stream)
        self.answered += 1
        attempt.head(200, {"content-type": EVENT_STREAM if stream else JSON})
        size = self.read_size or len(answer)
        reads = [answer[at : at + size] for at in range(0, len(answer), size)]
        reply = b"".join([attempt.feed(read) for read in reads]) + attempt.eof()
        assert attempt.failure is None
        assert attempt.ended
        return httpx2.Response(
            200,
            headers={"content-type": EVENT_STREAM if peek.stream else JSON},
            stream=Bytes([reply]),
            request=request,
        )


SCHEMA = {"type": "object", "properties": {"word": {"type": "string"}}}


def loop_chat(core: Core, stream: bool) -> None:
    sdk = openai.OpenAI(
        api_key="k",
        base_url="http://gateway.test/v1",
        max_retries=0,
        http_client=httpx2.Client(transport=core),
    )
    function: Any = {"name": "look_up", "parameters": SCHEMA}
    tools: Any = [{"type": "function", "function": function}]
    messages: list[Any] = [{"role": "user", "content": "Look."}]
    while True:
        if stream:
            with sdk.chat.completions.stream(model="m", messages=messages, tools=tools) as events:
                message: Any = events.get_final_completion().choices[0].message
        else:
            created = sdk.chat.completions.create(model="m", messages=messages, tools=tools)
            message = created.choices[0].message
        if core.finished:
            return
        messages.append(message)
        if not message.tool_calls:
            messages.append({"role": "user", "content": "Go on."})
        for call in message.tool_calls or []:
            messages.append({"role": "tool", "tool_call_id": call.id, "content": "found"})


def loop_messages(core: Core, stream: bool) -> None:
    sdk = anthropic.Anthropic(
        api_key="k",
        base_url="http://gateway.test",
        max_retries=0,
        http_client=httpx2.Client(transport=core),
    )
    tools: Any = [{"name": "look_up", "input_schema": SCHEMA}]
    messages: list[Any] = [{"role": "user", "content": "Look."}]
    asked: Any = {"model": "m", "max_tokens": 9000, "messages": messages, "tools": tools}
    while True:
        if stream:
            with sdk.messages.stream(**asked) as events:
                content: Any = events.get_final_message().content
        else:
            content = sdk.messages.create(**asked).content
        if core.finished:
            return
        messages.append({"role": "assistant", "content": content})
        results = [
            {"type": "tool_result", "tool_use_id": block.id, "content": "found"}
            for block in content
            if block.type == "tool_use"
        ]
        messages.append({"role": "user", "content": results or "Go on."})


def loop_responses(core: Core, stream: bool) -> None:
    sdk = openai.OpenAI(
        api_key="k",
        base_url="http://gateway.test/v1",
        max_retries=0,
        http_client=httpx2.Client(transport=core),
    )
    tools: Any = [{"type": "function", "name": "look_up", "parameters": SCHEMA, "strict": False}]
    items: list[Any] = [{"role": "user", "content": "Look."}]
    asked: Any = {"model": "m", "input": items, "tools": tools, "store": False}
    while True:
        if stream:
            with sdk.responses.stream(**asked) as events:
                output: Any = events.get_final_response().output
        else:
            output = sdk.responses.create(**asked).output
        if core.finished:
            return
        items += output
        calls = [item for item in output if item.type == "function_call"]
        if not calls:
            items.append({"role": "user", "content": "Go on."})
        for call in calls:
            items.append(
                {"type": "function_call_output", "call_id": call.call_id, "output": "found"}
            )


def loop_gemini(core: Core, stream: bool) -> None:
    sdk = genai.Client(
        api_key="k",
        http_options=types.HttpOptions(
            base_url="http://gateway.test", httpx_client=httpx2.Client(transport=core)
        ),
    )
    declaration = types.FunctionDeclaration(name="look_up", parameters_json_schema=SCHEMA)
    config = types.GenerateContentConfig(tools=[types.Tool(function_declarations=[declaration])])
    chat = sdk.chats.create(model="m", config=config)
    said: Any = "Look."
    while True:
        chunks = list(chat.send_message_stream(said)) if stream else [chat.send_message(said)]
        if core.finished:
            return
        calls = [call for chunk in chunks for call in chunk.function_calls or []]
        said = (
            "Go on."
            if not calls
            else [
                types.Part(
                    function_response=types.FunctionResponse(
                        id=call.id, name=call.name, response={"output": "found"}
                    )
                )
                for call in calls
            ]
        )


LOOPS: dict[Format, Callable[[Core, bool], None]] = {
    Format.CHAT: loop_chat,
    Format.MESSAGES: loop_messages,
    Format.RESPONSES: loop_responses,
    Format.GEMINI: loop_gemini,
}
PAIRS = [
    pytest.param(client, vendor, id=f"{client}-{vendor.name}")
    for client in Format
    for vendor in VENDORS
    if client is not vendor.format
]
each_pair = pytest.mark.parametrize(("client", "vendor"), PAIRS)
each_stream = pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])


def expect(vendor: Vendor, core: Core) -> None:
    """Each request had all seals so far, byte for byte, at their places."""
    assert len(core.asked) == 3
    wanted = vendor.sealed
    if core.client is Format.CHAT:
        # Its messages have one text, before all calls.
        wanted = [sorted(step, key=lambda part: "functionCall" in part) for step in wanted]
    for steps, body in enumerate(core.asked):
        assert vendor.read(body) == wanted[:steps], f"request {steps}"
    assert core.warnings == [[], [], []]


@each_stream
@each_pair
def test_a_vendor_gets_its_seals_back(client: Format, vendor: Vendor, stream: bool) -> None:
    core = Core(client, vendor)
    LOOPS[client](core, stream)
    expect(vendor, core)


@each_stream
@each_pair
def test_also_where_only_one_side_streams(client: Format, vendor: Vendor, stream: bool) -> None:
    core = Core(client, vendor, streamed=not stream)
    LOOPS[client](core, stream)
    expect(vendor, core)


@each_pair
def test_any_read_size_gives_the_same(client: Format, vendor: Vendor) -> None:
    bodies = []
    for size in (None, 1, 7, 64):
        core = Core(client, vendor)
        core.read_size = size
        LOOPS[client](core, True)
        bodies.append(core.asked)
    assert bodies[1:] == bodies[:1] * 3


@each_pair
def test_a_longer_conversation_begins_like_the_shorter_one(client: Format, vendor: Vendor) -> None:
    core = Core(client, vendor)
    LOOPS[client](core, True)
    name = {"gemini": "contents", "responses": "input"}.get(vendor.format, "messages")
    for shorter, longer in pairwise(core.asked):
        assert longer[name][: len(shorter[name])] == shorter[name]


# --- whom a seal does not belong to -------------------------------------------------------

ENVELOPE = re.compile(rb"QUdXM[A-Za-z0-9+/_-]+=*")


def each_envelope(change: Callable[[bytes], bytes]) -> Callable[[Core, bytes], bytes]:
    """A client that changes the envelopes it sends back."""
    return lambda core, body: ENVELOPE.sub(lambda match: change(match.group()), body)


def later(change: Callable[[Core], None]) -> Callable[[Core, bytes], bytes]:
    """A gateway that is another one from the second request on."""

    def before(core: Core, body: bytes) -> bytes:
        if core.answered:
            change(core)
        return body

    return before


def flip(envelope: bytes) -> bytes:
    at = len(envelope) // 2
    return envelope[:at] + (b"A" if envelope[at : at + 1] != b"A" else b"B") + envelope[at + 1 :]


def other_ids(core: Core, body: bytes) -> bytes:
    return re.sub(rb"(toolu_|call_|fc-)([123])", rb"\g<1>x\2", body)


def other_texts(core: Core, body: bytes) -> bytes:
    for text in (b"Let me think", b"Plan it", b"Let me see", b"Both."):
        body = body.replace(text, b"I thought" + text)
    return body


def set_tenant(core: Core) -> None:
    core.tenant = "t2"


def set_model(core: Core) -> None:
    core.model = "another-model"


def set_credential(core: Core) -> None:
    core.credential = 2


def set_keys(core: Core) -> None:
    core.keys = SealKeys(b"K" * 32)


INVALID, FOREIGN = {"seal_invalid"}, {"seal_foreign"}
TAMPERS: dict[str, tuple[Callable[[Core, bytes], bytes], set[str]]] = {
    "flipped": (each_envelope(flip), INVALID),
    "truncated": (each_envelope(lambda envelope: envelope[:-12]), INVALID),
    "only the magic": (each_envelope(lambda envelope: b"QUdXMQ=="), INVALID),
    "another tenant": (later(set_tenant), INVALID),
    "an unknown key": (later(set_keys), INVALID),
    "another model": (later(set_model), FOREIGN),
    "another credential": (later(set_credential), FOREIGN),
}


def seals_of(body: Body) -> list[str]:
    # One of the SDKs writes the other alphabet, also to its own vendor.
    text = json.dumps(body).replace("-", "+").replace("_", "/")
    return re.findall(re.escape(SEALS) + r"[A-Za-z0-9+/=]+", text)


def refuse_leaks(body: Body) -> None:
    """No envelope, and no empty seal, is in what a vendor gets."""
    text = json.dumps(body)
    assert "QUdXM" not in text
    names = "signature|thoughtSignature|thought_signature|encrypted_content|data"
    assert not re.search(rf'"(?:{names})": (?:""|null)', text)


@pytest.mark.parametrize("tamper", TAMPERS)
@each_pair
def test_what_is_not_for_the_target_is_left_out(
    client: Format, vendor: Vendor, tamper: str
) -> None:
    left_out(client, vendor, tamper, Sealer)


def left_out(client: Format, vendor: Vendor, tamper: str, sealer: type[Sealer]) -> None:
    core = Core(client, vendor)
    core.sealer = sealer
    core.before, codes = TAMPERS[tamper]
    LOOPS[client](core, True)
    _, second, third = core.asked
    refuse_leaks(second)
    refuse_leaks(third)
    assert seals_of(second) == []
    assert set(core.warnings[1]) == codes
    # What was made after the change is fine; the first step's seals are still not.
    made = set(seals_of({"": vendor.sealed[1]}))
    assert set(seals_of(third)) <= made


@pytest.mark.parametrize("change", [other_ids, other_texts])
@each_pair
def test_a_seal_leaves_with_the_part_that_it_was_for(
    client: Format, vendor: Vendor, change: Callable[[Core, bytes], bytes]
) -> None:
    """Calls under other names, or texts with other words, have no proof any more."""
    leaves_with_its_part(client, vendor, change)


def leaves_with_its_part(
    client: Format, vendor: Vendor, change: Callable[[Core, bytes], bytes]
) -> None:
    whole = Core(client, vendor)
    LOOPS[client](whole, False)
    core = Core(client, vendor)
    core.before = change
    LOOPS[client](core, False)
    bound_to_calls = vendor.format is Format.GEMINI or vendor.name == "chat-extra-content"
    affected = bound_to_calls if change is other_ids else vendor.name != "chat-extra-content"
    for changed, plain in zip(core.asked[1:], whole.asked[1:], strict=True):
        refuse_leaks(changed)
        if affected:
            left, had = seals_of(changed), seals_of(plain)
            assert set(left) < set(had)
    assert any("seal_moved" in warnings for warnings in core.warnings) == affected


@each_pair
def test_the_other_alphabet_and_no_padding_are_read(client: Format, vendor: Vendor) -> None:
    def url_safe(envelope: bytes) -> bytes:
        return envelope.rstrip(b"=").translate(bytes.maketrans(b"+/", b"-_"))

    core = Core(client, vendor)
    core.before = each_envelope(url_safe)
    LOOPS[client](core, True)
    expect(vendor, core)


@each_pair
def test_a_model_may_read_the_seals_of_another(client: Format, vendor: Vendor) -> None:
    core = Core(client, vendor)
    core.before = later(set_model)
    core.caps = replace(core.caps, reads_seals_of=("upstream-model",))
    LOOPS[client](core, True)
    assert vendor.read(core.asked[1]) != []
    assert core.warnings[1] == []


@each_pair
def test_the_previous_key_still_opens(client: Format, vendor: Vendor) -> None:
    def rotate(core: Core) -> None:
        core.keys = SealKeys(b"K" * 32, b"k" * 32)

    core = Core(client, vendor)
    core.before = later(rotate)
    LOOPS[client](core, True)
    expect(vendor, core)


SWITCHES = [
    pytest.param(client, first, second, id=f"{client}-{first.name}-{second.name}")
    for client in Format
    for first in VENDORS
    for second in VENDORS
    if first.format is not second.format
]


@pytest.mark.parametrize(("client", "first", "second"), SWITCHES)
def test_each_vendor_gets_only_its_own_seals(client: Format, first: Vendor, second: Vendor) -> None:
    """The second vendor takes the middle step. One of them may speak the client's own
    format, so that its requests are relayed."""
    only_its_own(client, first, second)


def only_its_own(client: Format, first: Vendor, second: Vendor) -> None:

    def change(core: Core, body: bytes) -> bytes:
        core.vendor = second if core.answered == 1 else first
        return body

    core = Core(client, first)
    core.before = change
    LOOPS[client](core, True)
    to_second, back = core.asked[1:]
    refuse_leaks(to_second)
    refuse_leaks(back)
    assert seals_of(to_second) == []
    own = {seal for step in first.sealed[:1] for seal in seals_of({"": step})}
    assert set(seals_of(back)) == own


def test_a_vendors_own_signature_in_another_place_is_left_out() -> None:
    """From a session that went to the vendor itself."""

    def paste(core: Core, body: bytes) -> bytes:
        return ENVELOPE.sub(seal(5).encode(), body)

    for client, vendor in ((Format.MESSAGES, VENDORS[2]), (Format.GEMINI, VENDORS[0])):
        core = Core(client, vendor)
        core.before = paste
        LOOPS[client](core, True)
        assert [seals_of(body) for body in core.asked] == [[], [], []]


# --- recorded answers ----------------------------------------------------------------------


class Recorded(Answer, frozen=True):
    """An answer as it was recorded."""

    bytes_: bytes = b""

    def body(self, *, stream: bool) -> bytes:
        return self.bytes_


_SEALED = (b"ignature", b"encrypted_content", b"reasoning_details", b"redacted_thinking")


def recordings() -> list[Any]:
    """Those with seals on what other formats have places for."""
    found = []
    for vendor in VENDORS[:4]:
        done = vendor.answers[-1]
        cases = []
        for case in exchanges(vendor.format):
            data = case.stream or case.answer
            if (
                case.response_status != 200
                or data is None
                or len(data) > MAX_RECORDED
                or not any(s in data for s in _SEALED)
            ):
                continue
            cases.append(
                pytest.param(
                    Vendor(vendor.format, case.id, [Recorded({}, [], data), done], [], vendor.read),
                    case.stream is not None,
                    id=case.id,
                )
            )
        found += cases if DEEP else cases[:: max(1, len(cases) // 12)]
    return found


MAX_RECORDED = 200_000


@pytest.mark.skipif(root() is None, reason=ABSENT)
@pytest.mark.parametrize(("vendor", "streamed"), recordings())
def test_recorded_seals_come_back(vendor: Vendor, streamed: bool) -> None:
    codec = CODECS[vendor.format]
    data = vendor.answers[0].body(stream=streamed)
    try:
        answer = (
            collect(feed_all(codec.stream_decoder(), [data]))
            if streamed
            else codec.decode_response(data)
        )
    except UpstreamError:
        pytest.skip("the recorded answer is a failure")
    [choice] = answer.choices
    if choice.stop.reason not in (StopReason.END, StopReason.TOOL_USE):
        pytest.skip("the answer was cut, which some SDKs refuse")
    parts = list(choice.parts)
    made = sorted(_seals(parts))
    if vendor.format is Format.RESPONSES:
        # Its vendor refuses reasoning that nothing follows, so it does not get it back.
        while parts and isinstance(parts[-1], Reasoning | Media | Opaque):
            parts.pop()
    expected = sorted(_seals(parts))
    for client in Format:
        if client is vendor.format:
            continue
        core = Core(client, vendor, streamed=streamed)
        core.caps = replace(core.caps, prefill=True)
        LOOPS[client](core, True)
        body = json.dumps(core.asked[1]).encode()
        path = Inbound(body, {}, "m", True) if codec.format is Format.GEMINI else Inbound(body)
        turns = codec.decode_request(path).turns
        dummy = base64.b64encode(b"skip_thought_signature_validator").decode()
        got = [seal for turn in turns for seal in _seals(turn.parts) if seal != dummy]
        assert sorted(got) in (expected, made), client
        assert not [code for code in core.warnings[1] if code.startswith("seal")]
        refuse_leaks(core.asked[1])


def _seals(parts: Iterable[Part]) -> list[str]:
    found = [part.seal for part in parts if isinstance(part, Text | ToolCall | Reasoning)]
    return [_spelled(seal) for seal in found if seal is not None]


def _spelled(seal: Seal) -> str:
    # A list of entries is JSON, whose spelling is the encoder's.
    return json.dumps(json.loads(seal.data)) if seal.kind == "detail" else seal.data


# --- splits ------------------------------------------------------------------------------


def transcode(upstream: Format, client: Format, reads: list[bytes]) -> bytes:
    target = Provenance(upstream, "upstream-model", "c-1")
    sealing = Sealing(Sealer(KEYS, "t1"), target)
    request = EncodedRequest(b"", "/", wrapped_tools=frozenset({"run"}))
    machine = Transcoder(CODECS[upstream], CODECS[client], CONTEXT, request, sealing=sealing)
    output = b"".join([machine.feed(read) for read in reads]) + machine.eof()
    return output + (machine.fail(machine.failure) if machine.failure else b"")


def splits_change_nothing(upstream: Format, client: Format, data: bytes) -> None:
    laws.split_changes_nothing(
        lambda reads: transcode(upstream, client, reads), data, laws.border_cuts(data, 1)
    )
    laws.reads_change_nothing(
        lambda reads: transcode(upstream, client, reads),
        [data[at : at + 1] for at in range(len(data))],
    )


@each_pair
def test_any_split_gives_the_same_bytes_with_envelopes(client: Format, vendor: Vendor) -> None:
    for answer in vendor.answers:
        splits_change_nothing(vendor.format, client, answer.body(stream=True))


def signed_streams() -> list[Any]:
    cases = [
        case
        for case in streams(Format.GEMINI)
        if case.stream and b"thoughtSignature" in case.stream and len(case.stream) < 30_000
    ]
    return [pytest.param(case.stream, id=case.id) for case in (cases if DEEP else cases[::6])]


@pytest.mark.skipif(root() is None, reason=ABSENT)
@pytest.mark.parametrize("data", signed_streams())
def test_any_split_of_a_recorded_stream_gives_the_same_bytes(data: bytes) -> None:
    for client in (Format.MESSAGES, Format.RESPONSES, Format.CHAT):
        splits_change_nothing(Format.GEMINI, client, data)


# --- the laws catch planted bugs -----------------------------------------------------------

_M, _G = VENDORS[0], VENDORS[2]


class Lossy(Sealer):
    def wrap(self, seal: Seal | None, made: Provenance, bind: Bind) -> Seal:
        if seal is not None:
            seal = replace(seal, data=seal.data.rstrip("="))
        return super().wrap(seal, made, bind)


class ForEveryTenant(Sealer):
    def __init__(self, keys: SealKeys, tenant: str) -> None:
        super().__init__(keys, "")


class ForEveryUpstream(Sealer):
    def wrap(self, seal: Seal | None, made: Provenance, bind: Bind) -> Seal:
        return super().wrap(seal, Provenance(made.format, "m", "c"), bind)

    def open(self, text: str) -> Opened | None:
        found = super().open(text)
        return None if found is None else Agreeable(**structs.asdict(found))


class Agreeable(Opened, frozen=True):
    def fits(self, target: Provenance, also_read: tuple[str, ...] = ()) -> bool:
        return self.format is target.format


def test_a_seal_that_is_changed_on_the_way_is_noticed() -> None:
    core = Core(Format.CHAT, _M)
    core.sealer = Lossy
    LOOPS[Format.CHAT](core, True)
    with pytest.raises(AssertionError):
        expect(_M, core)


@pytest.mark.parametrize(
    ("bug", "tamper"),
    [
        (ForEveryTenant, "another tenant"),
        (ForEveryUpstream, "another model"),
        (ForEveryUpstream, "another credential"),
    ],
)
def test_a_seal_in_the_wrong_hands_is_noticed(bug: type[Sealer], tamper: str) -> None:
    with pytest.raises(AssertionError):
        left_out(Format.CHAT, _M, tamper, bug)


def test_a_seal_on_another_call_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    leaves_with_its_part(Format.CHAT, _G, other_ids)
    monkeypatch.setattr(unsealing, "_is_call", lambda call, bind: True)
    with pytest.raises(AssertionError):
        leaves_with_its_part(Format.CHAT, _G, other_ids)


def test_a_relay_that_keeps_envelopes_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    only_its_own(Format.MESSAGES, _G, _M)
    monkeypatch.setattr(translate, "may_hold_envelope", lambda body: False)
    with pytest.raises(AssertionError):
        only_its_own(Format.MESSAGES, _G, _M)


def test_an_envelope_that_depends_on_the_reads_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def forgetful(self: AnswerSealer, events: list[StreamEvent]) -> list[StreamEvent]:
        wrapped = wrap(self, events)
        for part in self._open.values():
            part.hasher = text_hasher()
        return wrapped

    wrap = AnswerSealer.wrap
    data = _M.answers[0].body(stream=True)
    monkeypatch.setattr(AnswerSealer, "wrap", forgetful)
    monkeypatch.setattr(sealing_module, "_PIECES", 1)
    with pytest.raises(laws.LawBroken):
        splits_change_nothing(Format.MESSAGES, Format.CHAT, data)


def test_an_empty_signature_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(AnswerSealer, "_end", lambda self, event: None)
    with pytest.raises(AssertionError):
        only_its_own(Format.MESSAGES, _G, _M)
