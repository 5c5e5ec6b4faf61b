"""The official OpenAI SDK against a running gateway: Chat Completions."""

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
        "function": {
            "name": "look_up",
            "description": "Look a word up.",
            "parameters": {
                "type": "object",
                "properties": {"word": {"type": "string"}, "limit": {"type": "integer"}},
                "required": ["word"],
            },
        },
    }
]


def asking(text: str = TEXT) -> list[Any]:
    return [{"role": "user", "content": text}]


@pytest.fixture
def sdk(base_url: str) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{base_url}/v1", api_key="sk-test", max_retries=0) as client:
        yield client


def test_a_whole_answer(sdk: OpenAI, model: str) -> None:
    answer = sdk.chat.completions.create(model=model % "echo", messages=asking())
    assert answer.choices[0].message.content == SAID
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert answer.usage.completion_tokens > 0
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


def test_a_stream(sdk: OpenAI, model: str) -> None:
    chunks = list(sdk.chat.completions.create(model=model % "echo", messages=asking(), stream=True))
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == SAID
    assert len({chunk.id for chunk in chunks}) == 1
    assert all(chunk.usage is None for chunk in chunks)
    assert chunks[-1].choices[0].finish_reason == "stop"


def test_a_stream_with_usage(sdk: OpenAI, model: str) -> None:
    chunks = list(
        sdk.chat.completions.create(
            model=model % "echo",
            messages=asking(),
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens > 0


def test_the_streaming_helper(sdk: OpenAI, model: str) -> None:
    with sdk.chat.completions.stream(model=model % "echo", messages=asking()) as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_completion()
    assert "content.done" in kinds
    assert final.choices[0].message.content == SAID


def test_reasoning(sdk: OpenAI, model: str) -> None:
    answer = sdk.chat.completions.create(model=model % "echo-reasoning", messages=asking())
    message: Any = answer.choices[0].message
    assert message.content == SAID
    assert message.reasoning_content == f"The user says: {SAID}"
    thought = ""
    for chunk in sdk.chat.completions.create(
        model=model % "echo-reasoning", messages=asking(), stream=True
    ):
        delta: Any = chunk.choices[0].delta if chunk.choices else None
        thought += getattr(delta, "reasoning_content", None) or ""
    assert thought == message.reasoning_content


@pytest.mark.parametrize(("name", "count"), [("echo-tools", 1), ("echo-parallel-tools", 2)])
def test_a_tool_loop(sdk: OpenAI, model: str, name: str, count: int) -> None:
    messages = asking()
    answer = sdk.chat.completions.create(model=model % name, messages=messages, tools=TOOLS)
    calls: Any = answer.choices[0].message.tool_calls
    assert answer.choices[0].finish_reason == "tool_calls"
    assert [call.function.name for call in calls] == ["look_up"] * count
    assert len({call.id for call in calls}) == count
    messages.append(answer.choices[0].message.model_dump(exclude_none=True))
    for call in calls:
        messages.append({"role": "tool", "tool_call_id": call.id, "content": f"found {SAID}"})
    final = sdk.chat.completions.create(model=model % name, messages=messages, tools=TOOLS)
    said = " ".join([f"found {SAID}"] * count)
    assert final.choices[0].message.content == f"The tool says: {said}"


@pytest.mark.parametrize(("name", "count"), [("echo-tools", 1), ("echo-parallel-tools", 2)])
def test_streamed_tool_calls_equal_whole_ones(
    sdk: OpenAI, model: str, name: str, count: int
) -> None:
    whole = sdk.chat.completions.create(model=model % name, messages=asking(), tools=TOOLS)
    with sdk.chat.completions.stream(model=model % name, messages=asking(), tools=TOOLS) as stream:
        list(stream)
        final = stream.get_final_completion()
    streamed: Any = final.choices[0].message.tool_calls
    calls: Any = whole.choices[0].message.tool_calls
    assert len(streamed) == count
    assert [(each.id, each.function.name, each.function.arguments) for each in streamed] == [
        (each.id, each.function.name, each.function.arguments) for each in calls
    ]
    assert final.choices[0].finish_reason == "tool_calls"


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
@pytest.mark.parametrize("stream", [True, False])
def test_failures_are_never_silent(
    sdk: OpenAI, model: str, name: str, error: type[Exception], stream: bool
) -> None:
    with pytest.raises(error):  # noqa: PT012 - a stream fails while it is read
        answer: Any = sdk.chat.completions.create(
            model=model % name, messages=asking(), stream=stream
        )
        list(answer)


def test_an_unknown_model_is_404(sdk: OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        sdk.chat.completions.create(model="no-such-model", messages=asking())
    assert caught.value.code == "model_not_found"


def test_a_wrong_key_is_401(base_url: str) -> None:
    with (
        OpenAI(base_url=f"{base_url}/v1", api_key="wrong", max_retries=0) as client,
        pytest.raises(openai.AuthenticationError),
    ):
        client.chat.completions.create(model="echo", messages=asking())


def test_models_are_listed(sdk: OpenAI) -> None:
    listed = [model.id for model in sdk.models.list()]
    assert "echo" in listed
    assert listed == sorted(listed)


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_the_async_client_streams(base_url: str, model: str, anyio_backend: str) -> None:
    async with AsyncOpenAI(base_url=f"{base_url}/v1", api_key="sk-test", max_retries=0) as client:
        text = ""
        async for chunk in await client.chat.completions.create(
            model=model % "echo", messages=asking(), stream=True
        ):
            text += (chunk.choices[0].delta.content or "") if chunk.choices else ""
        assert text == SAID
        async with client.chat.completions.stream(
            model=model % "echo-tools", messages=asking(), tools=TOOLS
        ) as stream:
            async for _ in stream:
                pass
            final = await stream.get_final_completion()
        assert final.choices[0].finish_reason == "tool_calls"
