"""The official OpenAI SDK against a running gateway: Responses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI, OpenAI

TEXT = "/wps 0 All work and no play, 日本語 🙂 too."
SAID = TEXT.removeprefix("/wps 0 ")
TOOLS: list[Any] = [
    {
        "type": "function",
        "name": "look_up",
        "description": "Look a word up.",
        "strict": False,
        "parameters": {
            "type": "object",
            "properties": {"word": {"type": "string"}, "limit": {"type": "integer"}},
            "required": ["word"],
        },
    }
]


@pytest.fixture
def sdk(base_url: str) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{base_url}/v1", api_key="sk-test", max_retries=0) as client:
        yield client


def test_a_whole_answer(sdk: OpenAI, model: str) -> None:
    answer = sdk.responses.create(model=model % "echo", input=TEXT)
    assert answer.output_text == SAID
    assert answer.status == "completed"
    assert answer.usage is not None
    assert answer.usage.output_tokens > 0
    assert answer.usage.total_tokens == answer.usage.input_tokens + answer.usage.output_tokens


def test_raw_events(sdk: OpenAI, model: str) -> None:
    events: list[Any] = list(sdk.responses.create(model=model % "echo", input=TEXT, stream=True))
    assert events[0].type == "response.created"
    assert events[-1].type == "response.completed"
    assert [event.sequence_number for event in events] == list(range(len(events)))
    deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert "".join(deltas) == SAID


def test_the_streaming_helper(sdk: OpenAI, model: str) -> None:
    with sdk.responses.stream(model=model % "echo", input=TEXT) as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_response()
    assert "response.output_text.done" in kinds
    assert final.output_text == SAID
    assert final.usage is not None


def test_reasoning(sdk: OpenAI, model: str) -> None:
    answer = sdk.responses.create(model=model % "echo-reasoning", input=TEXT)
    assert [item.type for item in answer.output][:2] == ["reasoning", "message"]
    with sdk.responses.stream(model=model % "echo-reasoning", input=TEXT) as stream:
        list(stream)
        final = stream.get_final_response()
    # One upstream signs its text: that proof travels as an item of its own.
    assert [item.type for item in final.output] == [item.type for item in answer.output]
    assert final.output_text == SAID


def test_a_conversation_by_previous_response(sdk: OpenAI, model: str) -> None:
    previous: str | None = None
    asked = 0
    for number in range(3):
        extra: dict[str, Any] = {} if previous is None else {"previous_response_id": previous}
        text = f"/wps 0 turn {number}"
        if number % 2:
            with sdk.responses.stream(model=model % "echo", input=text, **extra) as stream:
                list(stream)
                answer: Any = stream.get_final_response()
        else:
            answer = sdk.responses.create(model=model % "echo", input=text, **extra)
        assert answer.output_text == f"turn {number}"
        assert answer.usage.input_tokens > asked  # the conversation grows
        asked, previous = answer.usage.input_tokens, answer.id
        assert sdk.responses.retrieve(answer.id).output_text == f"turn {number}"
    assert previous is not None
    sdk.responses.delete(previous)
    with pytest.raises(openai.NotFoundError):
        sdk.responses.retrieve(previous)
    with pytest.raises(openai.BadRequestError) as caught:
        sdk.responses.create(model=model % "echo", input=TEXT, previous_response_id=previous)
    assert caught.value.param == "previous_response_id"


def test_nothing_is_stored_that_should_not_be(sdk: OpenAI, model: str) -> None:
    answer = sdk.responses.create(model=model % "echo", input=TEXT + " unstored", store=False)
    with pytest.raises(openai.NotFoundError):
        sdk.responses.retrieve(answer.id)


@pytest.mark.parametrize(("name", "count"), [("echo-tools", 1), ("echo-parallel-tools", 2)])
@pytest.mark.parametrize("chained", [True, False])
def test_a_tool_loop(sdk: OpenAI, model: str, name: str, count: int, chained: bool) -> None:
    items: list[Any] = [{"role": "user", "content": TEXT}]
    answer = sdk.responses.create(model=model % name, input=items, tools=TOOLS)
    calls: list[Any] = [item for item in answer.output if item.type == "function_call"]
    assert [call.name for call in calls] == ["look_up"] * count
    assert len({call.call_id for call in calls}) == count
    results: list[Any] = [
        {"type": "function_call_output", "call_id": call.call_id, "output": f"found {SAID}"}
        for call in calls
    ]
    if chained:
        final = sdk.responses.create(
            model=model % name, input=results, tools=TOOLS, previous_response_id=answer.id
        )
    else:
        items += [item.model_dump(exclude_none=True) for item in answer.output]
        final = sdk.responses.create(model=model % name, input=items + results, tools=TOOLS)
    assert final.output_text == "The tool says: " + " ".join([f"found {SAID}"] * count)


@pytest.mark.parametrize("name", ["echo-tools", "echo-parallel-tools"])
def test_streamed_tool_calls_equal_whole_ones(sdk: OpenAI, model: str, name: str) -> None:
    whole: Any = sdk.responses.create(model=model % name, input=TEXT, tools=TOOLS)
    with sdk.responses.stream(model=model % name, input=TEXT, tools=TOOLS) as stream:
        list(stream)
        final: Any = stream.get_final_response()
    assert [(item.type, item.name, item.arguments) for item in final.output] == [
        (item.type, item.name, item.arguments) for item in whole.output
    ]


def test_a_custom_tool(sdk: OpenAI, model: str) -> None:
    tools: list[Any] = [{"type": "custom", "name": "note", "description": "Write it down."}]
    with sdk.responses.stream(model=model % "echo-tools", input=TEXT, tools=tools) as stream:
        list(stream)
        answer = stream.get_final_response()
    (call,) = answer.output
    assert call.type == "custom_tool_call"
    assert call.input == SAID
    result: Any = {
        "type": "custom_tool_call_output",
        "call_id": call.call_id,
        "output": "written",
    }
    final = sdk.responses.create(
        model=model % "echo-tools", input=[result], tools=tools, previous_response_id=answer.id
    )
    assert final.output_text == "The tool says: written"


def test_a_token_count(sdk: OpenAI, model: str, upstream_format: str) -> None:
    count = sdk.responses.input_tokens.with_raw_response.count(
        model=model % "echo", input=TEXT, instructions="Be brief", tools=TOOLS
    )
    answer = sdk.responses.create(
        model=model % "echo", input=TEXT, instructions="Be brief", tools=TOOLS
    )
    assert answer.usage is not None
    if upstream_format == "chat":
        assert count.headers["x-aigw-token-count"] == "estimated"
        assert count.parse().input_tokens > 0
    else:
        assert "x-aigw-token-count" not in count.headers
        assert count.parse().input_tokens == answer.usage.input_tokens


def test_compacting_needs_an_upstream_that_can(sdk: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="shorten"):
        sdk.responses.compact(model="echo", input=TEXT)


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("echo-error-429", openai.RateLimitError),
        ("echo-error-overloaded-first-event", openai.InternalServerError),
        ("echo-truncated", openai.APIError),
        ("echo-malformed", openai.APIError),
        ("echo-cut", openai.APIError),
        ("echo-error-midstream", openai.APIError),
    ],
)
def test_failures_are_never_silent(
    sdk: OpenAI, model: str, name: str, error: type[Exception]
) -> None:
    with pytest.raises(error):
        sdk.responses.create(model=model % name, input=TEXT)
    try:
        last: Any = list(sdk.responses.create(model=model % name, input=TEXT, stream=True))[-1]
    except openai.APIError:
        return
    # The SDK hands the event of a failed answer on.
    assert last.type == "response.failed"


def test_an_unknown_model_is_404(sdk: OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        sdk.responses.create(model="no-such-model", input=TEXT)
    assert caught.value.code == "model_not_found"


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_the_async_client_streams(base_url: str, model: str, anyio_backend: str) -> None:
    async with AsyncOpenAI(base_url=f"{base_url}/v1", api_key="sk-test", max_retries=0) as client:
        async with client.responses.stream(model=model % "echo", input=TEXT) as stream:
            async for _ in stream:
                pass
            final = await stream.get_final_response()
        assert final.output_text == SAID
