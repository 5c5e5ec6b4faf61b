"""Tool loops through clients of other formats: a vendor gets its seals back.

The official SDKs talk to the core in process. What they send back as history is what
they make of their own answer objects; nothing here builds it for them.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import anthropic
import httpx2
import openai
import pytest
from google import genai
from google.genai import types
from msgspec.structs import replace

from aigw_core.attempt import Call
from aigw_core.chat import Format
from aigw_core.codec import AnswerContext, Caps, Inbound
from aigw_core.codecs import CODECS
from aigw_core.dispatch import Dispatch
from aigw_core.routing.plan import Match, Target
from aigw_core.seals import Sealer, SealKeys
from tests.oracles.transport import EVENT_STREAM, JSON, Bytes
from tests.sealed import VENDORS, Vendor
from tests.simulate import credential

KEYS = SealKeys(b"k" * 32)

Body = dict[str, Any]


class Core(httpx2.BaseTransport):
    """The gateway's core between an SDK and a vendor.

    ``asked`` are the bodies that the vendor got. What it is, and for whom the gateway
    works, may be changed between two requests.
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
        self.tamper: Callable[[bytes], bytes] = bytes
        self.read_size: int | None = None
        self.answered = 0

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        codec = CODECS[self.client]
        body = self.tamper(request.read())
        headers = {name.lower(): value for name, value in request.headers.items()}
        inbound = Inbound(body, headers)
        if self.client is Format.GEMINI:
            model, _, method = request.url.path.rpartition("/")[2].partition(":")
            inbound = replace(inbound, model=model, stream=method.startswith("stream"))
        peek = codec.peek(inbound)
        context = AnswerContext(peek.model, f"{self.answered:032}", 1_700_000_000)
        call = Call(codec, inbound, peek, context, False, Sealer(self.keys, self.tenant))
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
        messages.append(message)
        if not message.tool_calls:
            return
        for call in message.tool_calls:
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
        messages.append({"role": "assistant", "content": content})
        results = [
            {"type": "tool_result", "tool_use_id": block.id, "content": "found"}
            for block in content
            if block.type == "tool_use"
        ]
        if not results:
            return
        messages.append({"role": "user", "content": results})


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
        items += output
        calls = [item for item in output if item.type == "function_call"]
        if not calls:
            return
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
        calls = [call for chunk in chunks for call in chunk.function_calls or []]
        if not calls:
            return
        said = [
            types.Part(
                function_response=types.FunctionResponse(
                    id=call.id, name=call.name, response={"output": "found"}
                )
            )
            for call in calls
        ]


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
