"""Headers towards an upstream: built from what is known, never copied."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from aigw_core.chat import Format
from aigw_core.codec import EncodedRequest
from aigw_core.codecs import CODECS
from aigw_core.config.secret import Secret
from aigw_core.outgoing import PROTECTED, wire_request
from tests.simulate import credential

ENCODED = EncodedRequest(b"{}", "/v1/messages", (("anthropic-beta", "one"),))
NAMES = st.sampled_from(
    ["authorization", "cookie", "x-api-key", "x-custom", "anthropic-beta", "host", "user-agent",
     "x-forwarded-for", "openai-organization", "connection", "Accept-Encoding"]
)  # fmt: skip


def headers_for(
    client: dict[str, str], own: tuple[tuple[str, str], ...] = (), *, relayed: bool = True
) -> dict[str, str]:
    target = replace(
        credential(0, Format.MESSAGES), headers=own, api_key=Secret("key"), auth_style="x-api-key"
    )
    request = wire_request(
        target,
        CODECS[Format.MESSAGES],
        ENCODED,
        client,
        relayed=relayed,
        stream=True,
        request_id="r",
    )
    assert len(dict(request.headers)) == len(request.headers)
    return dict(request.headers)


@settings(max_examples=200, derandomize=True)
@given(
    st.dictionaries(NAMES, st.text("abc", min_size=1, max_size=5)),
    st.dictionaries(NAMES, st.text("abc", min_size=1, max_size=5)),
    st.booleans(),
)
def test_neither_client_nor_configuration_sets_a_protected_header(
    client: dict[str, str], own: dict[str, str], relayed: bool
) -> None:
    made = headers_for(client, tuple(own.items()), relayed=relayed)
    assert made["x-api-key"] == "key"
    assert not (PROTECTED - {"x-api-key", "content-type"}) & set(made)
    assert made["content-type"] == "application/json"
    known = {"user-agent", "content-type", "accept", "x-request-id", "x-api-key"}
    profile = CODECS[Format.MESSAGES].upstream
    allowed = known | set(profile.forwarded) | {name for name, _ in profile.headers}
    assert set(made) <= allowed | {"anthropic-beta"} | {name.lower() for name in own}


def test_lists_are_merged_and_other_headers_replaced() -> None:
    made = headers_for(
        {"anthropic-beta": "two, one", "anthropic-version": "2026-10-21"},
        (("Anthropic-Beta", "three"), ("User-Agent", "mine")),
    )
    assert made["anthropic-beta"] == "one,two,three"
    assert made["anthropic-version"] == "2026-10-21"
    assert made["user-agent"] == "mine"


def test_client_headers_do_not_cross_formats() -> None:
    made = headers_for({"anthropic-version": "2026-10-21"}, relayed=False)
    assert made["anthropic-version"] == "2023-06-01"
