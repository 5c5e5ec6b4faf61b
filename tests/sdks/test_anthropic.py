"""The official Anthropic SDK against a running gateway: Messages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import anthropic
import pytest
from anthropic import Anthropic, AsyncAnthropic

TEXT = "/wps 0 All work and no play, 日本語 🙂 too."
SAID = TEXT.removeprefix("/wps 0 ")
TOOLS: list[Any] = [
    {
        "name": "look_up",
        "description": "Look a word up.",
        "input_schema": {
            "type": "object",
            "properties": {"word": {"type": "string"}, "limit": {"type": "integer"}},
            "required": ["word"],
        },
    }
]


def asking(text: str = TEXT) -> list[Any]:
    return [{"role": "user", "content": text}]


@pytest.fixture
def sdk(base_url: str) -> Iterator[Anthropic]:
    with Anthropic(base_url=base_url, api_key="sk-test", max_retries=0) as client:
        yield client


def test_a_whole_answer(sdk: Anthropic, model: str) -> None:
    answer = sdk.messages.create(model=model % "echo", max_tokens=100, messages=asking())
    block: Any = answer.content[0]
    assert block.text == SAID
    assert answer.stop_reason == "end_turn"
    assert answer.usage.output_tokens > 0


def test_a_stream(sdk: Anthropic, model: str) -> None:
    with sdk.messages.stream(model=model % "echo", max_tokens=100, messages=asking()) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert text == SAID
    assert final.stop_reason == "end_turn"
    assert final.usage.output_tokens > 0


def test_raw_events(sdk: Anthropic, model: str) -> None:
    events = list(
        sdk.messages.create(model=model % "echo", max_tokens=100, messages=asking(), stream=True)
    )
    assert events[0].type == "message_start"
    assert events[-1].type == "message_stop"


def test_reasoning_is_thinking(sdk: Anthropic, model: str, upstream_format: str) -> None:
    answer = sdk.messages.create(model=model % "echo-reasoning", max_tokens=100, messages=asking())
    thinking: Any = answer.content[0]
    assert thinking.type == "thinking"
    assert thinking.thinking == f"The user says: {SAID}"
    # The vendor's own signature, or an envelope that tells whose reasoning it was.
    assert thinking.signature
    assert thinking.signature.startswith("QUdXM") is (upstream_format != "messages")
    with sdk.messages.stream(
        model=model % "echo-reasoning", max_tokens=100, messages=asking()
    ) as stream:
        final = stream.get_final_message()
    # An envelope may name the item that it came with, which each answer has its own of.
    keep = set() if upstream_format == "messages" else {"signature"}
    assert [block.model_dump(exclude=keep) for block in final.content] == [
        block.model_dump(exclude=keep) for block in answer.content
    ]


@pytest.mark.parametrize(("name", "count"), [("echo-tools", 1), ("echo-parallel-tools", 2)])
def test_a_tool_loop(sdk: Anthropic, model: str, name: str, count: int) -> None:
    messages = asking()
    answer = sdk.messages.create(model=model % name, max_tokens=100, messages=messages, tools=TOOLS)
    calls: list[Any] = [block for block in answer.content if block.type == "tool_use"]
    assert answer.stop_reason == "tool_use"
    assert [call.name for call in calls] == ["look_up"] * count
    assert all(call.input == {"word": SAID, "limit": 1} for call in calls)
    messages.append({"role": "assistant", "content": answer.content})
    messages.append(
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": call.id, "content": f"found {SAID}"}
                for call in calls
            ],
        }
    )
    final = sdk.messages.create(model=model % name, max_tokens=100, messages=messages, tools=TOOLS)
    block: Any = final.content[0]
    assert block.text == "The tool says: " + " ".join([f"found {SAID}"] * count)


@pytest.mark.parametrize("name", ["echo-tools", "echo-parallel-tools"])
def test_streamed_tool_calls_equal_whole_ones(sdk: Anthropic, model: str, name: str) -> None:
    whole = sdk.messages.create(model=model % name, max_tokens=100, messages=asking(), tools=TOOLS)
    with sdk.messages.stream(
        model=model % name, max_tokens=100, messages=asking(), tools=TOOLS
    ) as stream:
        final = stream.get_final_message()
    assert final.stop_reason == "tool_use"
    assert [block.model_dump() for block in final.content] == [
        block.model_dump() for block in whole.content
    ]


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("echo-error-429", anthropic.RateLimitError),
        ("echo-error-overloaded-first-event", anthropic.APIStatusError),
        ("echo-truncated", anthropic.APIStatusError),
        ("echo-malformed", anthropic.APIStatusError),
        ("echo-cut", anthropic.APIStatusError),
        ("echo-error-midstream", anthropic.APIStatusError),
    ],
)
@pytest.mark.parametrize("stream", [True, False])
def test_failures_are_never_silent(
    sdk: Anthropic, model: str, name: str, error: type[Exception], stream: bool
) -> None:
    with pytest.raises(error):  # noqa: PT012 - a stream fails while it is read
        answer: Any = sdk.messages.create(
            model=model % name, max_tokens=100, messages=asking(), stream=stream
        )
        list(answer)


def test_an_unknown_model_is_404(sdk: Anthropic) -> None:
    with pytest.raises(anthropic.NotFoundError):
        sdk.messages.create(model="no-such-model", max_tokens=9, messages=asking())


def test_a_wrong_key_is_401(base_url: str) -> None:
    with (
        Anthropic(base_url=base_url, api_key="wrong", max_retries=0) as client,
        pytest.raises(anthropic.AuthenticationError),
    ):
        client.messages.create(model="echo", max_tokens=9, messages=asking())


def test_models_are_listed(sdk: Anthropic) -> None:
    assert "echo" in [model.id for model in sdk.models.list()]


@anthropic.beta_tool
def look_up(word: str) -> str:
    """Look a word up."""
    return f"found {word}"


def test_a_tool_runner_goes_on_without_its_thread(sdk: Anthropic, model: str) -> None:
    runner = sdk.beta.messages.tool_runner(
        model=model % "echo-tools", max_tokens=100, messages=asking(), tools=[look_up]
    )
    block: Any = runner.until_done().content[0]
    assert block.text == f"The tool says: found {SAID}"


def test_pages_of_models(sdk: Anthropic) -> None:
    page = sdk.models.list(limit=3)
    assert len(page.data) == 3
    assert page.has_more
    listed = [model.id for model in page]  # all pages
    assert listed == [model.id for model in sdk.models.list(limit=100)]
    assert len(listed) > 3
    before = sdk.models.list(before_id=listed[2], limit=1)
    assert [model.id for model in before.data] == [listed[1]]


def test_one_model(sdk: Anthropic) -> None:
    assert sdk.models.retrieve("echo").id == "echo"
    with pytest.raises(anthropic.NotFoundError, match="echo"):
        sdk.models.retrieve("ecko")


def test_a_token_count(sdk: Anthropic, model: str, upstream_format: str) -> None:
    asked: dict[str, Any] = {"model": model % "echo", "messages": asking(), "tools": TOOLS}
    count = sdk.messages.with_raw_response.count_tokens(**asked)
    answer = sdk.messages.create(max_tokens=100, **asked)
    tokens = count.parse().input_tokens
    if upstream_format == "chat":
        assert count.headers["x-aigw-token-count"] == "estimated"
        assert tokens > 0
    else:
        assert "x-aigw-token-count" not in count.headers
        assert tokens == answer.usage.input_tokens
    beta = sdk.beta.messages.count_tokens(**asked)  # the same, at ?beta=true
    assert beta.input_tokens > 0


@pytest.mark.parametrize("version", ["2023-06-01", "2026-10-21"])
@pytest.mark.parametrize("header", ["authorization", "x-api-key"])
def test_versions_and_styles_of_keys(base_url: str, version: str, header: str) -> None:
    key = "Bearer sk-test" if header == "authorization" else "sk-test"
    sent: dict[str, Any] = {"anthropic-version": version, header: key}
    sent["x-api-key" if header == "authorization" else "authorization"] = anthropic.omit
    with Anthropic(base_url=base_url, api_key="sk-test", max_retries=0) as client:
        asked: dict[str, Any] = {
            "model": "echo",
            "max_tokens": 100,
            "messages": asking(),
            "extra_headers": sent,
            "extra_body": {"temperature": 1},
        }
        if version == "2023-06-01":
            block: Any = client.messages.create(**asked).content[0]
            assert block.text == SAID
        else:
            with pytest.raises(anthropic.BadRequestError, match="temperature"):
                client.messages.create(**asked)


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_the_async_client_streams(base_url: str, model: str, anyio_backend: str) -> None:
    async with AsyncAnthropic(base_url=base_url, api_key="sk-test", max_retries=0) as client:
        async with client.messages.stream(
            model=model % "echo", max_tokens=100, messages=asking()
        ) as stream:
            text = "".join([piece async for piece in stream.text_stream])
        assert text == SAID
        async with client.messages.stream(
            model=model % "echo-tools", max_tokens=100, messages=asking(), tools=TOOLS
        ) as stream:
            final = await stream.get_final_message()
        assert final.stop_reason == "tool_use"
