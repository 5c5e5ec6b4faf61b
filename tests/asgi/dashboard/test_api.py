"""The whole of the dashboard's API: who may, what is refused, and that it is described."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from aigw_asgi.dashboard.openapi import description
from aigw_asgi.dashboard.operation import PREFIX, Operation
from aigw_asgi.dashboard.problem import misfit
from aigw_asgi.dashboard.resources import OPERATIONS
from aigw_asgi.routes import ROUTES, Auth
from tests.asgi.dashboard.operator import Operator

ROOT = Path(__file__).parents[3]

pytestmark = pytest.mark.anyio

PUBLIC = {"/auth/login", "/auth/link"}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def operator(tmp_path: Path) -> AsyncIterator[Operator]:
    async with Operator(tmp_path) as operator:
        yield operator


def concrete(operation: Operation) -> str:
    path = operation.path
    for name in operation.names:
        path = path.replace(f"{{{name}}}", "0123456789ab")
    return PREFIX + path


async def test_nobody_gets_in_without_a_session(operator: Operator) -> None:
    for operation in OPERATIONS:
        if operation.path in PUBLIC:
            assert operation.public
            continue
        assert not operation.public, operation.id
        for headers in ({}, {"authorization": "Bearer e30.e30.e30"}, {"cookie": "aigw_session=x"}):
            reply = await operator.ask(
                operation.method, concrete(operation), headers=headers, signed_in=False
            )
            assert reply.status == 401, (operation.id, headers, reply.body)
            assert reply.json["error"] in ("missing_token", "invalid_token")


async def test_who_is_not_signed_in_does_not_learn_what_there_is(operator: Operator) -> None:
    for method, path in [
        ("GET", PREFIX + "/unheard-of"),
        ("TRACE", PREFIX + "/providers"),
        ("GET", PREFIX + "/"),
    ]:
        assert (await operator.ask(method, path, signed_in=False)).status == 401
    assert (await operator.ask("GET", PREFIX + "/unheard-of")).status == 404
    reply = await operator.ask("PUT", PREFIX + "/system/health")
    assert (reply.status, reply.headers["allow"]) == (405, "GET, HEAD")


async def test_the_rest_of_the_gateway_is_closed_as_well(operator: Operator) -> None:
    for path, route in ROUTES.items():
        reply = await operator.ask(
            route.methods[0], path, b"{}", signed_in=False, peer="203.0.113.9"
        )
        if route.auth is Auth.PUBLIC:
            assert reply.status in (200, 307), path
        else:
            assert reply.status in (401, 403), path
    for path in ("/v1/models/x", "/v1/responses/x", "/admin/cooldowns/x"):
        reply = await operator.ask("GET", path, signed_in=False, peer="203.0.113.9")
        assert reply.status in (401, 403), path


async def test_the_socket_is_no_page(operator: Operator) -> None:
    reply = await operator.ask("GET", "/ws/dashboard", signed_in=False)
    assert reply.status == 401
    reply = await operator.ask("GET", "/ws/dashboard")
    assert reply.status == 426
    assert reply.json["error"] == "upgrade_required"


@pytest.mark.parametrize(
    ("body", "headers", "status", "error"),
    [
        (b"{", {"content-type": "application/json"}, 400, "malformed_json"),
        (b"\xff", {"content-type": "application/json"}, 400, "malformed_json"),
        (b"[" * 100_000, {"content-type": "application/json"}, 422, "validation_failed"),
        (b"{}", {"content-type": "text/plain"}, 415, "unsupported_media_type"),
        (b"{}", {}, 415, "unsupported_media_type"),
        (b"[]", {"content-type": "application/json"}, 422, "validation_failed"),
        (b'{"x":1}', {"content-type": "application/json"}, 422, "validation_failed"),
        (b" " * (3 << 20), {"content-type": "application/json"}, 413, "request_too_large"),
        (b"{}", {"content-encoding": "gzip"}, 400, "invalid_request"),
    ],
)
async def test_a_body_that_is_none(
    operator: Operator, body: bytes, headers: dict[str, str], status: int, error: str
) -> None:
    reply = await operator.ask("POST", PREFIX + "/auth/login", body, headers)
    assert (reply.status, reply.json["error"]) == (status, error)
    assert reply.json["message"]
    assert reply.json["request_id"] == reply.headers["x-request-id"]


async def test_a_query_that_nobody_reads_is_a_mistake(operator: Operator) -> None:
    reply = await operator.ask("GET", PREFIX + "/system/health?page=1")
    assert (reply.status, reply.json["error"]) == (400, "unknown_parameter")


async def test_the_dashboard_that_is_off_is_not_there(tmp_path: Path) -> None:
    async with Operator(tmp_path) as operator:
        operator.file.write_text("host: 127.0.0.1\napi-keys: [sk-app-key-of-the-tests]\n")
        assert operator.state.reloader is not None
        await operator.state.reloader.reload()
        for path in (PREFIX + "/system/health", "/dashboard/", PREFIX + "/auth/login"):
            reply = await operator.ask("GET", path)
            assert (reply.status, reply.json["error"]) == (404, "not_found")


class Inner(msgspec.Struct, forbid_unknown_fields=True):
    id: int


class Outer(msgspec.Struct):
    inner: list[Inner] = []


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (b'{"inner":[{"id":1},{"id":"x"}]}', "/inner/1/id"),
        (b'{"inner":[{"id":1,"a/b":2}]}', "/inner/0/a~1b"),
        (b'{"inner":[{}]}', "/inner/0/id"),
        (b'{"inner":3}', "/inner"),
        (b"[]", ""),
    ],
)
def test_a_misfit_says_where(body: bytes, path: str) -> None:
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.json.decode(body, type=Outer)
    fields = misfit(caught.value).problem.fields
    assert isinstance(fields, tuple)
    assert fields[0].path.replace("/a/b", "/a~1b") == path


def document() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(description())
    return found


def test_the_description_is_valid() -> None:
    OpenAPIV31SpecValidator(document()).validate()


def test_every_operation_is_described_once() -> None:
    described = [
        (method.upper(), path, operation["operationId"])
        for path, methods in document()["paths"].items()
        for method, operation in methods.items()
    ]
    assert sorted(described) == sorted((x.method, PREFIX + x.path, x.id) for x in OPERATIONS)
    assert len({identifier for _, _, identifier in described}) == len(described)


def test_the_description_that_is_kept_is_the_one_that_is_served() -> None:
    """``python -m aigw_asgi.dashboard.openapi > web/openapi.json`` mends it."""
    assert (ROOT / "web" / "openapi.json").read_bytes() == description() + b"\n"
