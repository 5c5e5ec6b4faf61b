"""The cloak on requests: what goes to the vendor, and what stays as it was."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from aigw_core.cloak.request import Cloaked, is_cloaked, put_on, take_marked_thoughts
from aigw_core.cloak.words import Hider, code_of, marked
from aigw_core.config.snapshot import Cloak
from tests.core.cloak.texts import CLOAK, PSEUDONYMS, WORDS, holds_word, strings, texts

PROMPT = {"type": "text", "text": "Be kind."}
PLAIN = replace(CLOAK, sensitive_words=())
STRICT = replace(PLAIN, replace_system=True)
MARK = {"type": "ephemeral"}


def worn(request: Any, cloak: Cloak = CLOAK, **more: Any) -> Cloaked:
    body = request if isinstance(request, bytes) else json.dumps(request).encode()
    return put_on(cloak, body, PSEUDONYMS, "r-1", **more)


def sent(request: Any, cloak: Cloak = CLOAK, **more: Any) -> Any:
    return json.loads(worn(request, cloak, **more).body)


def asking(*content: Any, **more: Any) -> dict[str, Any]:
    return {"model": "m", "messages": [{"role": "user", "content": list(content)}], **more}


# --- the system prompt -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("system", "in_front", "in_place"),
    [
        (..., "Be kind.", "Be kind."),
        (None, "Be kind.", "Be kind."),
        ("", "Be kind.", "Be kind."),
        ([], "Be kind.", [PROMPT]),
        ("Own.", [PROMPT, {"type": "text", "text": "Own."}], "Be kind."),
        (
            [{"type": "text", "text": "Own.", "cache_control": MARK}],
            [PROMPT, {"type": "text", "text": "Own.", "cache_control": MARK}],
            [{**PROMPT, "cache_control": MARK}],
        ),
        ("Be kind.", "Be kind.", "Be kind."),
        ([PROMPT], [PROMPT], [PROMPT]),
        ([PROMPT, PROMPT], [PROMPT, PROMPT], [PROMPT]),
    ],
)
def test_the_system_prompt(system: Any, in_front: Any, in_place: Any) -> None:
    request = asking("hi") if system is ... else asking("hi", system=system)
    assert sent(request, PLAIN)["system"] == in_front
    assert sent(request, STRICT)["system"] == in_place


@pytest.mark.parametrize("cloak", [PLAIN, STRICT, CLOAK])
@pytest.mark.parametrize("system", [..., "Own Acme.", [{"type": "text", "text": "Acme"}]])
def test_putting_it_on_twice_is_putting_it_on_once(cloak: Cloak, system: Any) -> None:
    request = asking("hi Acme") if system is ... else asking("hi Acme", system=system)
    once = worn(request, cloak)
    again = worn(once.body, cloak)
    assert again.body is once.body
    assert again.changes == ()
    assert again.words == {}


def test_a_word_in_the_operators_prompt_is_hidden_as_well() -> None:
    cloak = replace(CLOAK, system_prompt="We are Acme.")
    once = worn(asking("hi"), cloak)
    assert not any(map(holds_word, strings(json.loads(once.body))))
    assert "Acme" in once.words.values()
    assert worn(once.body, cloak).body is once.body


# --- the user id ---------------------------------------------------------------------------


@pytest.mark.parametrize("metadata", [..., None, {}, {"user_id": "mail@example.com", "x": 1}])
def test_the_user_id(metadata: Any) -> None:
    request = asking("hi") if metadata is ... else asking("hi", metadata=metadata)
    made = sent(request)["metadata"]
    assert made.pop("user_id") == PSEUDONYMS.user("r-1")
    assert made == ({"x": 1} if isinstance(metadata, dict) and metadata else {})
    per_key = replace(CLOAK, user_id_per_key=True)
    assert sent(request, per_key)["metadata"]["user_id"] == PSEUDONYMS.user(None)


def test_a_count_has_no_user_id() -> None:
    made = sent(asking("Acme"), counting=True)
    assert "metadata" not in made
    assert made["system"] == "Be kind."
    assert not any(map(holds_word, strings(made)))


# --- words ---------------------------------------------------------------------------------

EVERYWHERE = {
    "model": "m",
    "max_tokens": 1.0e2,
    "stop_sequences": ["Acme"],
    "system": [{"type": "text", "text": "of Acme"}],
    "tools": [
        {
            "name": "f",
            "description": "asks Acme",
            "input_schema": {
                "type": "object",
                "properties": {
                    "type": {"type": "string", "enum": ["Acme", "b"], "description": "Acme?"}
                },
            },
        }
    ],
    "messages": [
        {"role": "user", "content": "from Acme"},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "Acme", "signature": ""},
                {
                    "type": "text",
                    "text": "ACME",
                    "citations": [{"type": "x", "cited_text": "acme"}],
                },
                {
                    "type": "tool_use",
                    "id": "1",
                    "name": "f",
                    "input": {"type": "Acme", "a": ["acme"]},
                },
            ],
        },
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "1",
                    "content": [
                        {"type": "text", "text": "acme"},
                        {
                            "type": "image",
                            "source": {"type": "base64", "media_type": "a/b", "data": "x"},
                        },
                    ],
                },
                {"type": "tool_result", "tool_use_id": "2", "content": "acme"},
                {
                    "type": "document",
                    "title": "Acme",
                    "source": {"type": "text", "media_type": "text/plain", "data": "Acme"},
                },
                {
                    "type": "document",
                    "source": {"type": "content", "content": [{"type": "text", "text": "Acme"}]},
                },
                {"type": "search_result", "source": "Acme", "title": "Acme", "content": []},
            ],
        },
    ],
    "output_config": {"format": {"type": "json_schema", "schema": {"const": {"x": "Acme"}}}},
}


def test_words_are_hidden_wherever_there_is_text() -> None:
    made = worn(EVERYWHERE)
    assert not any(map(holds_word, strings(json.loads(made.body))))
    assert set(made.words.values()) == {"Acme", "ACME", "acme"}
    assert made.ledger == ()


def test_all_else_keeps_its_bytes() -> None:
    body = (
        b'{ "max_tokens": 1e2, "system":"Be kind." ,"metadata" : {"user_id":"%s"},'
        b'"messages":[ {"content":[{"text":"\\u0041cme \\u00e9","type":"text" , "x":1.50}],"role":"user"},\n'
        b'{"role":"user","content":"\\u00e9"}]}' % PSEUDONYMS.user("r-1").encode()
    )
    token = PSEUDONYMS.token("Acme").encode()
    expected = body.replace(b"\\u0041cme \\u00e9", token + " é".encode())
    assert worn(body).body == expected


LEFT: list[tuple[Any, str]] = [
    (asking({"type": "image", "source": {"type": "url", "url": "https://acme/x"}}), "/messages/0/content/0/source/url"),
    (asking("x", tools=[{"name": "acme", "input_schema": {}}]), "/tools/0/name"),
    (
        asking("x", tools=[{"name": "f", "input_schema": {"properties": {"acme": {}}}}]),
        "/tools/0/input_schema/properties/acme",
    ),
    (asking({"type": "tool_use", "id": "1", "name": "f", "input": {"acme": 1}}), "/messages/0/content/0/input/acme"),
    (asking("x", mcp_servers=[{"name": "acme"}]), "/mcp_servers/0/name"),
]  # fmt: skip


@pytest.mark.parametrize(("request_", "place"), LEFT)
def test_names_and_addresses_stay_and_are_told(request_: Any, place: str) -> None:
    made = worn(request_)
    assert [(entry.code, entry.pointer) for entry in made.ledger] == [
        ("sensitive_word_left", place)
    ]
    assert made.words == {}


@pytest.mark.parametrize(
    "block",
    [
        {"type": "thinking", "thinking": "Acme", "signature": "c2ln"},
        {"type": "redacted_thinking", "data": "Acme"},
        {"type": "web_search_tool_result", "tool_use_id": "1", "content": [{"title": "Acme"}]},
        {"type": "image", "source": {"type": "base64", "media_type": "a/b", "data": "a/acme/b"}},
    ],
)
def test_what_the_vendor_wrote_and_media_stay(block: Any) -> None:
    made = worn(asking(block))
    assert json.loads(made.body)["messages"][0]["content"] == [block]
    assert made.ledger == ()


def conversation(signature: str) -> dict[str, Any]:
    thought = {"type": "thinking", "thinking": "Acme, ACME", "signature": signature}
    return {
        "model": "m",
        "messages": [
            {"role": "user", "content": "hi Acme"},
            {"role": "assistant", "content": [thought, {"type": "text", "text": "x"}]},
            {"role": "user", "content": "go"},
        ],
    }


def test_thinking_with_words_put_back_becomes_what_was_signed() -> None:
    token = PSEUDONYMS.token("Acme")
    made = worn(conversation(marked("c2ln", {code_of(token)})))
    block = json.loads(made.body)["messages"][1]["content"][0]
    # ACME stood there in the model's own words.
    assert block == {"type": "thinking", "thinking": f"{token}, ACME", "signature": "c2ln"}
    assert made.words[token] == "Acme"


def test_thinking_that_cannot_be_made_again_goes() -> None:
    lost = conversation(marked("c2ln", {"ABCDEFGH"}))
    for made in (worn(lost), worn(lost, PLAIN)):
        assert json.loads(made.body)["messages"][1]["content"] == [{"type": "text", "text": "x"}]
        assert [(entry.code, entry.pointer) for entry in made.ledger] == [
            ("reasoning_reworded", "/messages/1/content/0")
        ]
    # A target without a cloak cannot make it again, either.
    body = json.dumps(conversation(marked("c2ln", {code_of(PSEUDONYMS.token("Acme"))}))).encode()
    left, ledger = take_marked_thoughts(body, None)
    assert b"Acme, ACME" not in left
    assert len(ledger) == 1


def test_talk_of_marks_changes_nothing() -> None:
    body = json.dumps(asking({"type": "text", "text": "~w:ABCDEFGH"})).encode()
    assert take_marked_thoughts(body, None) == (body, ())
    assert take_marked_thoughts(body, Hider(WORDS, PSEUDONYMS, whole=True)) == (body, ())


def test_changes_are_told() -> None:
    made = worn(asking({"type": "text", "text": "Acme"}))
    assert [(change.cause, change.pointer) for change in made.changes] == [
        ("cloak.sensitive-words", "/messages/0/content/0/text"),
        ("cloak.system-prompt", "/system"),
        ("cloak.user-id", "/metadata"),
    ]


@pytest.mark.parametrize(
    ("always", "agent", "cloaked"),
    [
        (True, "tool/1", True),
        (False, "tool/1", False),
        (False, "Tool/1", True),
        (False, "other tool/1", True),
        (False, "", True),
    ],
)
def test_clients_that_are_left_alone(always: bool, agent: str, cloaked: bool) -> None:
    cloak = replace(CLOAK, always=always, skip_user_agents=("tool/",))
    assert is_cloaked(cloak, agent) is cloaked


# --- laws ------------------------------------------------------------------------------------

blocks = st.one_of(
    texts,
    st.builds(lambda text: [{"type": "text", "text": text}], texts),
    st.builds(
        lambda text, more: [{"type": "tool_use", "id": "1", "name": "f", "input": {"a": [text], "b": more}}],
        texts,
        texts,
    ),
    st.builds(
        lambda text: [{"type": "tool_result", "tool_use_id": "1", "content": [{"type": "text", "text": text}]}],
        texts,
    ),
    st.builds(lambda text: [{"type": "thinking", "thinking": text, "signature": ""}], texts),
    st.builds(
        lambda text: [{"type": "document", "title": text, "source": {"type": "text", "data": text}}],
        texts,
    ),
)  # fmt: skip
turns = st.lists(
    st.builds(lambda role, content: {"role": role, "content": content},
              st.sampled_from(["user", "assistant"]), blocks),
    min_size=1, max_size=5,
)  # fmt: skip


def requests(messages: Any, system: Any) -> bytes:
    escaped = len(json.dumps(messages)) % 2 == 0
    request = {"model": "m", "system": system, "messages": messages}
    return json.dumps(request, ensure_ascii=escaped).encode()


@given(turns, texts, st.sampled_from([True, False]))
def test_no_sensitive_word_goes_upstream(messages: Any, system: str, whole: bool) -> None:
    made = worn(requests(messages, system), replace(CLOAK, whole_words=whole))
    assert not [text for text in strings(json.loads(made.body)) if holds_word(text, whole=whole)]


@given(turns, texts)
def test_the_cloak_is_idempotent(messages: Any, system: str) -> None:
    once = worn(requests(messages, system))
    assert worn(once.body).body is once.body


@given(turns, turns, texts)
def test_a_conversation_that_grows_keeps_its_beginning(first: Any, more: Any, system: str) -> None:
    before = sent(requests(first, system))
    after = sent(requests(first + more, system))
    assert after["system"] == before["system"]
    assert after["messages"][: len(first)] == before["messages"]


@given(turns, texts)
def test_what_was_hidden_can_be_put_back(messages: Any, system: str) -> None:
    body = requests(messages, system)
    made = worn(body)

    def back(value: Any) -> Any:
        if isinstance(value, str):
            for token, word in made.words.items():
                value = value.replace(token, word)
            return value
        if isinstance(value, list):
            return [back(each) for each in value]
        if isinstance(value, dict):
            return {key: back(each) for key, each in value.items()}
        return value

    assert back(json.loads(made.body)["messages"]) == messages
