"""The dashboard's API over HTTP: finds the operation, admits, decodes, answers."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote

import msgspec

from aigw_asgi.dashboard.files import ROOT, Visitor
from aigw_asgi.dashboard.operation import PREFIX, Answer, Call, Operation, Relayed
from aigw_asgi.dashboard.problem import ApiError, Problem, invalid, misfit
from aigw_asgi.dashboard.resources import OPERATIONS
from aigw_asgi.dashboard.service import Dashboard
from aigw_asgi.dashboard.sessions import Denied
from aigw_asgi.dashboard.socket import PATH as SOCKET_PATH
from aigw_asgi.driver import ReceiveMessage, SendMessage
from aigw_asgi.http import ClientLeft, HttpRequest, refuse_encoded_body, send_body
from aigw_asgi.state import GatewayState
from aigw_core.errors import GatewayError
from aigw_core.forwarding import origin

MAX_DEPTH = 64
"""Of a JSON body."""

_LOG = logging.getLogger("aigw")

_SAFE = ("GET", "HEAD")

_OFF = "the dashboard is off; dashboard.enabled: true in the configuration turns it on"

_JSON_TYPES = ("application/json", "application/merge-patch+json")


class _Path:
    """The operations of one path."""

    def __init__(self, template: str) -> None:
        pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(template))
        self.matches = re.compile(pattern).fullmatch
        self.operations: dict[str, Operation] = {}

    @property
    def methods(self) -> tuple[str, ...]:
        found = tuple(self.operations)
        return (*found, "HEAD") if "GET" in found else found


_EXACT: dict[str, _Path] = {}
_NAMED: dict[str, _Path] = {}
for _each in OPERATIONS:
    _table = _NAMED if "{" in _each.path else _EXACT
    _table.setdefault(_each.path, _Path(_each.path)).operations[_each.method] = _each


def _is_page(path: str) -> bool:
    return path == ROOT or path.startswith(ROOT + "/")


def _visitor(dashboard: Dashboard, request: HttpRequest) -> Visitor:
    sessions = dashboard.sessions
    try:
        sessions.authenticate(request.headers, {}, method="GET")
    except Denied:
        return Visitor(signed_in=False, password_set=sessions.password_set)
    return Visitor(signed_in=True, password_set=sessions.password_set)


def _find(path: str) -> tuple[_Path, Mapping[str, str]] | None:
    below = path.removeprefix(PREFIX)
    known = _EXACT.get(below)
    if known is not None:
        return known, {}
    for each in _NAMED.values():
        if match := each.matches(below):
            return each, {name: unquote(value) for name, value in match.groupdict().items()}
    return None


async def serve_operator(
    dashboard: Dashboard,
    state: GatewayState,
    request: HttpRequest,
    request_id: str,
    receive: ReceiveMessage,
    send: SendMessage,
) -> int:
    """Answer one request for the dashboard's pages or its API; gives the status.

    Raises:
        ClientLeft: its body never came.
    """
    head = {"x-request-id": request_id, "cache-control": "no-store"}
    try:
        if state.snapshot.dashboard is None:
            raise ApiError(404, "not_found", _OFF)
        if _is_page(request.path):
            if request.method not in _SAFE:
                message = f"{request.method} is not possible here; use GET"
                allowed = {"allow": ", ".join(_SAFE)}
                raise ApiError(405, "method_not_allowed", message, headers=allowed)
            return await dashboard.pages.serve(request, send, _visitor(dashboard, request))
        operation, call = await _read(dashboard, state, request, request_id, receive)
        answer = await operation.handler(call)
    except ApiError as exc:
        return await _refuse(send, exc, head)
    except Denied as exc:
        return await _refuse(send, _denied(exc), head)
    except GatewayError as exc:
        return await _refuse(send, _translated(exc), head)
    except ClientLeft:
        raise
    except Exception:  # noqa: BLE001 - the client is told, the log has it
        _LOG.exception("request %s of the dashboard failed inside the gateway", request_id)
        message = "the gateway failed; its log says why, under this request_id"
        return await _refuse(send, ApiError(500, "internal", message), head)
    if isinstance(answer, Relayed):
        return await answer.respond(receive, send)
    if not isinstance(answer, Answer):
        answer = Answer(answer)
    status = operation.status if answer.status is None else answer.status
    await _send(send, status, answer, head)
    return status


async def _read(
    dashboard: Dashboard,
    state: GatewayState,
    request: HttpRequest,
    request_id: str,
    receive: ReceiveMessage,
) -> tuple[Operation, Call]:
    came = origin(
        request.peer, request.headers, state.snapshot.trusted_proxies, loopback=request.loopback
    )
    found = _find(request.path)
    method = "GET" if request.method == "HEAD" else request.method
    operation = None if found is None else found[0].operations.get(method)
    session = None
    if operation is None or not operation.public:
        # Asked first: who is not signed in learns nothing of what there is.
        session = dashboard.sessions.authenticate(
            request.headers, request.parameters, method=request.method
        )
    if request.path == SOCKET_PATH:
        headers = {"upgrade": "websocket", "connection": "upgrade"}
        raise ApiError(426, "upgrade_required", "this is a WebSocket", headers=headers)
    if found is None:
        raise ApiError(404, "not_found", f"there is nothing at {request.path}")
    if operation is None:
        allowed = ", ".join(found[0].methods)
        message = f"{request.method} is not possible here; use {allowed}"
        raise ApiError(405, "method_not_allowed", message, headers={"allow": allowed})
    call = Call(
        dashboard=dashboard,
        state=state,
        request=request,
        request_id=request_id,
        names=found[1],
        session=session,
        came=came,
        query=read_query(request, operation),
        body=await _body(request, operation, receive),
    )
    return operation, call


def read_query(request: HttpRequest, operation: Operation) -> Any:
    """The query of a request, as ``operation`` has it.

    Raises:
        ApiError: 400 or 422.
        InvalidRequest: there are too many parameters.
    """
    parameters = request.parameters  # which there are not too many of
    if operation.query is None:
        if parameters:
            message = f"this takes no query, and got {', '.join(sorted(parameters))}"
            raise ApiError(400, "unknown_parameter", message)
        return None
    # What is left empty counts as not given; but it has to be something that could be empty.
    given = dict(parse_qsl(request.query.decode("latin-1"), keep_blank_values=True))
    try:
        for asked in (given, parameters) if given.keys() != parameters.keys() else (parameters,):
            found = msgspec.convert(asked, operation.query, strict=False)
    except msgspec.ValidationError as exc:
        raise misfit(exc) from None
    names = zip(found.__struct_fields__, found.__struct_encode_fields__, strict=True)
    for field, name in names:
        if name in parameters and getattr(found, field) is None:
            raise invalid(f"/{name}", f"{parameters[name]!r} is no value; leave it out")
    return found


async def _body(request: HttpRequest, operation: Operation, receive: ReceiveMessage) -> Any:
    refuse_encoded_body(request.headers)
    raw = await request.body(receive, operation.body_limit)
    if operation.body is None:
        if raw.strip() not in (b"", b"{}"):
            raise ApiError(400, "unexpected_body", "this takes no body")
        return None
    if not raw and not operation.body_required:
        return operation.body()
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type not in _JSON_TYPES:
        message = f"send a JSON body with content-type application/json, not {content_type!r}"
        raise ApiError(415, "unsupported_media_type", message)
    try:
        return msgspec.json.decode(raw, type=operation.body)
    except msgspec.ValidationError as exc:
        raise misfit(exc) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise ApiError(400, "malformed_json", f"the body is no JSON: {exc}") from None


def _denied(exc: Denied) -> ApiError:
    return ApiError(
        exc.status,
        exc.error,
        exc.message,
        retry_after=exc.retry_after,
        password_set=exc.password_set,
    )


def _translated(exc: GatewayError) -> ApiError:
    """A refusal that is common to all of the gateway."""
    from aigw_core.errors import STATUS

    failure = exc.failure
    return ApiError(
        STATUS[failure.kind],
        failure.code or failure.kind.value,
        failure.message,
        retry_after=failure.retry_after,
    )


async def _refuse(send: SendMessage, error: ApiError, head: Mapping[str, str]) -> int:
    problem: Problem = msgspec.structs.replace(error.problem, request_id=head["x-request-id"])
    headers = {**head, **error.headers}
    if error.status == 413:
        headers["connection"] = "close"  # the rest of the body is not read
    await _send(send, error.status, Answer(problem, headers), {})
    return error.status


async def _send(send: SendMessage, status: int, answer: Answer, head: Mapping[str, str]) -> None:
    headers = {**head, **answer.headers}
    body = answer.body
    if hasattr(body, "__aiter__"):
        fields = {"content-type": answer.content_type, **headers}
        start = [(name.encode(), value.encode("latin-1")) for name, value in fields.items()]
        await send({"type": "http.response.start", "status": status, "headers": start})
        async for piece in body:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
        return
    if status == 204:
        start = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": status, "headers": start})
        await send({"type": "http.response.body", "body": b""})
        return
    data = body if isinstance(body, bytes) else msgspec.json.encode(body)
    await send_body(send, status, answer.content_type, data, tuple(headers.items()))
