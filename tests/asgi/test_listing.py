"""The models in three shapes, told apart by path and headers; pages of each kind."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from aigw_asgi import Gateway
from aigw_core.chat import Format
from aigw_core.config.secret import Secret
from aigw_core.config.snapshot import ClientKey, Credential, ServedModel, Snapshot
from tests.asgi.clients import LOCAL, error_of, once, send

pytestmark = pytest.mark.anyio

ANTHROPIC = {"anthropic-version": "2026-10-21"}
GOOGLE = {"x-goog-api-key": "k"}
NAMES = [f"model-{number:02}" for number in range(60)]


def serving(*names: str) -> Snapshot:
    credential = Credential(
        id="1",
        provider="test",
        name="up",
        format=Format.CHAT,
        base_url="http://127.0.0.1:1",
        api_key=Secret("upstream-key"),
        auth_style="bearer",
        position=0,
        models=tuple(ServedModel(name) for name in names),
    )
    return Snapshot("test", credentials=(credential,), echo="off")


MANY = serving(*NAMES)


async def pages(path: str, headers: dict[str, str], token: str, found: str) -> list[list[Any]]:
    """Follow a list from page to page."""
    listed: list[list[Any]] = []
    async with Gateway(MANY) as gateway:
        following = path
        while True:
            page = (await send(gateway, "GET", following, None, headers)).json
            listed.append(page.get("data") or page["models"])
            more = page.get("has_more", True) and page.get(found)
            if not more:
                return listed
            following = f"{path}&{token}={more}"


@pytest.mark.parametrize(
    ("path", "headers", "shape"),
    [
        ("/v1/models", {}, Format.CHAT),
        ("/v1/models", {"authorization": "Bearer x"}, Format.CHAT),
        ("/v1/models", ANTHROPIC, Format.MESSAGES),
        ("/v1/models", GOOGLE, Format.GEMINI),
        ("/v1/models", {"x-goog-api-client": "google-genai-sdk/3.4.0"}, Format.GEMINI),
        ("/v1beta/models", {}, Format.GEMINI),
        ("/v1beta/models", ANTHROPIC, Format.GEMINI),
        ("/v1alpha/models", {}, Format.GEMINI),
    ],
)
async def test_the_shape_follows_path_and_headers(
    path: str, headers: dict[str, str], shape: Format
) -> None:
    listed = (await once("GET", path, None, headers)).json
    one = (await once("GET", f"{path}/echo", None, headers)).json
    missing = await once("GET", f"{path}/ecko", None, headers)
    if shape is Format.CHAT:
        assert listed["object"] == "list"
        assert set(one) == {"id", "object", "created", "owned_by"}
        assert one["id"] == "echo"
    elif shape is Format.MESSAGES:
        assert set(listed) == {"data", "has_more", "first_id", "last_id"}
        assert (one["type"], one["id"]) == ("model", "echo")
        assert one["display_name"]
    else:
        assert one["name"] == "models/echo"
        assert "generateContent" in one["supportedGenerationMethods"]
    assert one in (listed.get("data") or listed["models"])
    assert missing.status == 404
    assert "'echo'" in error_of(shape, missing.json)["message"]


async def test_openai_lists_are_whole() -> None:
    listed = (await once("GET", "/v1/models", snapshot=MANY)).json
    assert [model["id"] for model in listed["data"]] == NAMES


async def test_anthropic_pages_forward() -> None:
    listed = await pages("/v1/models?limit=25", ANTHROPIC, "after_id", "last_id")
    assert [len(page) for page in listed] == [25, 25, 10]
    assert [model["id"] for page in listed for model in page] == NAMES


async def test_anthropic_pages_backward() -> None:
    path = f"/v1/models?limit=25&before_id={NAMES[-1]}"
    page = (await once("GET", path, None, ANTHROPIC, snapshot=MANY)).json
    assert [model["id"] for model in page["data"]] == NAMES[34:59]
    assert page["has_more"]
    path = f"/v1/models?before_id={NAMES[3]}"
    page = (await once("GET", path, None, ANTHROPIC, snapshot=MANY)).json
    assert [model["id"] for model in page["data"]] == NAMES[:3]
    assert not page["has_more"]


async def test_the_default_page_of_each() -> None:
    page = (await once("GET", "/v1/models", None, ANTHROPIC, snapshot=MANY)).json
    assert (len(page["data"]), page["has_more"]) == (20, True)
    page = (await once("GET", "/v1beta/models", snapshot=MANY)).json
    assert len(page["models"]) == 50
    page = (await once("GET", "/v1/models", None, ANTHROPIC, snapshot=serving())).json
    assert page == {"data": [], "has_more": False, "first_id": None, "last_id": None}


async def test_gemini_pages() -> None:
    listed = await pages("/v1beta/models?pageSize=7", {}, "pageToken", "nextPageToken")
    assert [len(page) for page in listed] == [7] * 8 + [4]
    assert [model["displayName"] for page in listed for model in page] == NAMES


@pytest.mark.parametrize(
    ("path", "headers", "named"),
    [
        ("/v1/models?limit=0", ANTHROPIC, "limit"),
        ("/v1/models?limit=1001", ANTHROPIC, "limit"),
        ("/v1/models?limit=ten", ANTHROPIC, "limit"),
        ("/v1/models?after_id=nope", ANTHROPIC, "after_id"),
        ("/v1/models?after_id=echo&before_id=echo", ANTHROPIC, "after_id"),
        ("/v1beta/models?pageSize=-1", {}, "pageSize"),
        ("/v1beta/models?pageToken=%ff", {}, "pageToken"),
        ("/v1beta/models?pageToken=_w", {}, "pageToken"),
    ],
)
async def test_pages_that_cannot_be(path: str, headers: dict[str, str], named: str) -> None:
    reply = await once("GET", path, None, headers)
    assert reply.status == 400
    format = Format.MESSAGES if headers else Format.GEMINI
    assert named in error_of(format, reply.json)["message"]


@pytest.mark.parametrize("path", ["/v1/models/", "/v1beta/models/"])
@pytest.mark.parametrize("name", ["group/name:8b", "group/name%3A8b", "echo%40chat"])
async def test_names_in_paths(path: str, name: str) -> None:
    snapshot = serving("group/name:8b") if "group" in name else LOCAL
    one = (await once("GET", path + name, snapshot=snapshot)).json
    assert one.get("id", one.get("displayName")) == name.replace("%3A", ":").replace("%40", "@")


async def test_what_a_request_would_reach_is_there_though_it_is_not_listed() -> None:
    one = (await once("GET", "/v1/models/anything", snapshot=serving())).json
    assert one["id"] == "anything"


async def test_a_key_sees_what_it_may_use() -> None:
    digest = hashlib.sha256(b"sk-1").digest()
    key = ClientKey("1", "ci", digest, allowed_models=("echo", "echo-t*"))
    snapshot = Snapshot("test", client_keys={digest: key}, from_file=True, echo="on")
    headers = {"authorization": "Bearer sk-1"}
    listed = (await once("GET", "/v1/models", None, headers, snapshot=snapshot)).json
    assert [model["id"] for model in listed["data"]] == ["echo", "echo-tools", "echo-truncated"]
    refused = await once("GET", "/v1/models/echo-cut", None, headers, snapshot=snapshot)
    assert refused.status == 403
    assert (await once("GET", "/v1/models", snapshot=snapshot)).status == 401


# --- probes ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["/", "/api/hello", "/health", "/v1/models", "/v1beta/models/echo"]
)
async def test_head_is_get_without_a_body(path: str) -> None:
    head, get = await once("HEAD", path), await once("GET", path)
    assert head.status == get.status == (307 if path == "/" else 200)  # to the dashboard
    assert head.body == b""
    assert head.headers["content-length"] == str(len(get.body))


@pytest.mark.parametrize("path", ["/", "/api/hello", "/health"])
async def test_probes_need_no_key(path: str) -> None:
    closed = Snapshot("test", from_file=True, allow_anonymous=False, echo="on")
    assert (await once("HEAD", path, snapshot=closed)).status == 200
    assert (await once("HEAD", "/v1/models", snapshot=closed)).status == 401
