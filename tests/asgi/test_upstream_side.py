"""What a configuration says about upstream calls, as the upstream sees it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aigw_asgi import Gateway
from aigw_asgi.transports.memory import Script, ScriptTransport
from aigw_core.wire_request import WireRequest
from tests.asgi.test_routing import whole

pytestmark = pytest.mark.anyio

ANSWERED = (("content-type", "application/json"), ("x-vendor", "seen"), ("x-hidden", "no"))


def upstream(request: WireRequest) -> Script:
    return Script(200, ANSWERED, whole(request).reads)


def refuses(request: WireRequest) -> Script:
    return Script(400, ANSWERED, (b'{"error":{"message":"no","type":"x"}}',))


async def asked(
    folder: Path,
    entry: str,
    rest: str = "",
    *,
    headers: dict[str, str] | None = None,
    script: object = upstream,
) -> tuple[WireRequest, dict[str, str]]:
    """The upstream request of one client request, and the client's answer headers."""
    path = folder / "config.yaml"
    path.write_text(
        "host: 127.0.0.1\nallow-anonymous: true\nopenai-compatibility:\n"
        f'  - {{name: a, api-key: at-a, base-url: "http://127.0.0.1:1", {entry}}}\n{rest}\n'
    )
    transport = ScriptTransport(script)  # type: ignore[arg-type]  # one of the two above
    async with Gateway(str(path), transport=transport) as gateway:
        body = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}
        response = await gateway.handle("chat", json.dumps(body).encode(), headers or {})
        await response.read()
    return transport.requests[0], response.headers


async def test_headers_are_added_and_replaced(tmp_path: Path) -> None:
    request, _ = await asked(tmp_path, "headers: {X-Own: one, User-Agent: mine}")
    sent = dict(request.headers)
    assert len(sent) == len(request.headers)
    assert (sent["x-own"], sent["user-agent"]) == ("one", "mine")


async def test_a_dollar_copies_a_header_of_the_client(tmp_path: Path) -> None:
    entry = 'headers: {x-user: "$x-client-user", x-none: "$x-absent"}'
    request, _ = await asked(tmp_path, entry, headers={"X-Client-User": "ann", "x-other": "z"})
    sent = dict(request.headers)
    assert sent["x-user"] == "ann"
    assert not {"x-none", "x-other", "x-client-user"} & set(sent)


async def test_the_key_goes_the_way_that_is_asked_for(tmp_path: Path) -> None:
    for style, header, value in (
        ("bearer", "authorization", "Bearer at-a"),
        ("x-api-key", "x-api-key", "at-a"),
        ("x-goog-api-key", "x-goog-api-key", "at-a"),
    ):
        request, _ = await asked(
            tmp_path, f"auth-style: {style}", headers={"authorization": "Bearer of-the-client"}
        )
        assert dict(request.headers)[header] == value
        assert "of-the-client" not in str(request.headers)


@pytest.mark.parametrize(
    ("entry", "rest", "proxy"),
    [
        ("", "", None),
        ("", 'proxy-url: "http://general:1"', "http://general:1"),
        ('proxy-url: "socks5://own:1"', 'proxy-url: "http://general:1"', "socks5://own:1"),
        ('proxy-url: "socks5h://own:1"', "", "socks5h://own:1"),
        ('proxy-url: ""', 'proxy-url: "http://general:1"', None),
    ],
)
async def test_the_nearest_proxy_counts(
    tmp_path: Path, entry: str, rest: str, proxy: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://environment:1")
    request, _ = await asked(tmp_path, entry, rest)
    used = request.proxy_url
    assert (used.reveal() if used is not None else None) == proxy


@pytest.mark.parametrize("script", [upstream, refuses])
async def test_clients_see_the_headers_that_are_passed_through(
    tmp_path: Path, script: object
) -> None:
    _, seen = await asked(tmp_path, "", "passthrough-headers: [X-Vendor]", script=script)
    assert seen["x-vendor"] == "seen"
    assert "x-hidden" not in seen
    _, unseen = await asked(tmp_path, "", script=script)
    assert "x-vendor" not in unseen


async def test_times_of_a_credential_count(tmp_path: Path) -> None:
    request, _ = await asked(tmp_path, "timeouts: {connect: 3}", "connect-timeout: 9")
    assert request.connect_timeout == 3.0
