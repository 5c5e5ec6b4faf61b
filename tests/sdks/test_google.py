"""The official Google SDK against a running gateway: Gemini."""

from __future__ import annotations

from typing import Any

import pytest
from google import genai
from google.genai import errors, types

TEXT = "/wps 0 All work and no play, 日本語 🙂 too."
SAID = TEXT.removeprefix("/wps 0 ")
LOOK_UP = types.FunctionDeclaration(
    name="look_up",
    description="Look a word up.",
    parameters_json_schema={
        "type": "object",
        "properties": {"word": {"type": "string"}, "limit": {"type": "integer"}},
        "required": ["word"],
    },
)
TOOLS = types.GenerateContentConfig(
    tools=[types.Tool(function_declarations=[LOOK_UP])],
    automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
)


def client(base_url: str, version: str | None = None) -> genai.Client:
    options = types.HttpOptions(base_url=base_url, api_version=version)
    return genai.Client(api_key="sk-test", http_options=options, vertexai=False)


@pytest.fixture
def sdk(base_url: str) -> genai.Client:
    return client(base_url)


@pytest.mark.parametrize("version", [None, "v1", "v1beta", "v1alpha"])
def test_a_whole_answer(base_url: str, model: str, version: str | None) -> None:
    sdk = client(base_url, version)
    answer = sdk.models.generate_content(model=model % "echo", contents=TEXT)
    assert answer.text == SAID
    assert answer.candidates is not None
    assert answer.candidates[0].finish_reason == types.FinishReason.STOP
    assert answer.usage_metadata is not None
    assert answer.usage_metadata.candidates_token_count


def test_a_stream(sdk: genai.Client, model: str) -> None:
    chunks = list(sdk.models.generate_content_stream(model=model % "echo", contents=TEXT))
    assert "".join(chunk.text or "" for chunk in chunks) == SAID
    assert len(chunks) > 1
    last = chunks[-1]
    assert last.candidates is not None
    assert last.candidates[0].finish_reason == types.FinishReason.STOP
    assert last.usage_metadata is not None


def test_reasoning(sdk: genai.Client, model: str) -> None:
    answer = sdk.models.generate_content(model=model % "echo-reasoning", contents=TEXT)
    assert answer.candidates is not None
    assert answer.candidates[0].content is not None
    thoughts = [part for part in answer.candidates[0].content.parts or [] if part.thought]
    assert "".join(part.text or "" for part in thoughts) == f"The user says: {SAID}"
    assert answer.text == SAID


@pytest.mark.parametrize(("name", "count"), [("echo-tools", 1), ("echo-parallel-tools", 2)])
@pytest.mark.parametrize("stream", [True, False])
def test_a_tool_loop(sdk: genai.Client, model: str, name: str, count: int, stream: bool) -> None:
    contents: list[Any] = [types.Content(role="user", parts=[types.Part(text=TEXT)])]
    asked: Any = {"model": model % name, "config": TOOLS}
    if stream:
        parts = [
            part
            for chunk in sdk.models.generate_content_stream(contents=contents, **asked)
            for candidate in chunk.candidates or []
            if candidate.content is not None
            for part in candidate.content.parts or []
        ]
    else:
        answer: Any = sdk.models.generate_content(contents=contents, **asked)
        parts = answer.candidates[0].content.parts
    calls = [part.function_call for part in parts if part.function_call is not None]
    assert [call.name for call in calls] == ["look_up"] * count
    assert all(call.args == {"word": SAID, "limit": 1} for call in calls)
    contents.append(types.Content(role="model", parts=parts))
    results = [
        types.Part(
            function_response=types.FunctionResponse(
                id=call.id, name=call.name, response={"output": f"found {SAID}"}
            )
        )
        for call in calls
    ]
    contents.append(types.Content(role="user", parts=results))
    final = sdk.models.generate_content(contents=contents, **asked)
    assert final.text is not None
    assert final.text.startswith("The tool says: ")
    assert final.text.count(f"found {SAID}") == count


def test_automatic_function_calling(sdk: genai.Client, model: str) -> None:
    asked: list[str] = []

    def look_up(word: str) -> str:
        """Look a word up."""
        asked.append(word)
        return "found"

    config = types.GenerateContentConfig(tools=[look_up])
    answer = sdk.models.generate_content(model=model % "echo-tools", contents=TEXT, config=config)
    assert asked == [SAID]
    assert "found" in (answer.text or "")


def test_a_chat(sdk: genai.Client, model: str) -> None:
    chat = sdk.chats.create(model=model % "echo")
    first = chat.send_message("/wps 0 one")
    second = chat.send_message("/wps 0 two")
    assert (first.text, second.text) == ("one", "two")
    assert first.usage_metadata is not None
    assert second.usage_metadata is not None
    counts = [
        each.usage_metadata.prompt_token_count for each in (first, second) if each.usage_metadata
    ]
    assert counts[1] > counts[0]  # type: ignore[operator]  # both are known


def test_a_token_count(sdk: genai.Client, model: str, upstream_format: str) -> None:
    count = sdk.models.count_tokens(model=model % "echo", contents=TEXT)
    answer = sdk.models.generate_content(model=model % "echo", contents=TEXT)
    assert count.total_tokens
    assert answer.usage_metadata is not None
    assert count.sdk_http_response is not None
    headers = count.sdk_http_response.headers or {}
    if upstream_format == "chat":
        assert headers["x-aigw-token-count"] == "estimated"
    else:
        assert "x-aigw-token-count" not in headers
        assert count.total_tokens == answer.usage_metadata.prompt_token_count


def test_models_in_pages(sdk: genai.Client) -> None:
    pager = sdk.models.list(config={"page_size": 3})
    assert len(pager.page) == 3
    names = [model.name for model in pager]
    assert "models/echo" in names
    assert names == [model.name for model in sdk.models.list(config={"page_size": 100})]
    assert sdk.models.get(model="echo").name == "models/echo"
    with pytest.raises(errors.ClientError) as caught:
        sdk.models.get(model="ecko")
    assert caught.value.code == 404


@pytest.mark.parametrize(
    "name",
    [
        "echo-error-429",
        "echo-error-overloaded-first-event",
        "echo-truncated",
        "echo-malformed",
        "echo-cut",
        "echo-error-midstream",
    ],
)
@pytest.mark.parametrize("stream", [True, False])
def test_failures_are_never_silent(sdk: genai.Client, model: str, name: str, stream: bool) -> None:
    with pytest.raises(errors.APIError):  # noqa: PT012 - a stream fails while it is read
        if stream:
            list(sdk.models.generate_content_stream(model=model % name, contents=TEXT))
        else:
            sdk.models.generate_content(model=model % name, contents=TEXT)


def test_an_unknown_model_is_404(sdk: genai.Client) -> None:
    with pytest.raises(errors.ClientError) as caught:
        sdk.models.generate_content(model="no-such-model", contents=TEXT)
    assert (caught.value.code, caught.value.status) == (404, "NOT_FOUND")


def test_a_wrong_key_is_401(base_url: str) -> None:
    options = types.HttpOptions(base_url=base_url)
    wrong = genai.Client(api_key="wrong", http_options=options, vertexai=False)
    with pytest.raises(errors.ClientError) as caught:
        wrong.models.generate_content(model="echo", contents=TEXT)
    assert (caught.value.code, caught.value.status) == (401, "UNAUTHENTICATED")


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_the_async_client_streams(base_url: str, model: str, anyio_backend: str) -> None:
    async with client(base_url).aio as sdk:
        stream = await sdk.models.generate_content_stream(model=model % "echo", contents=TEXT)
        assert "".join([chunk.text or "" async for chunk in stream]) == SAID
