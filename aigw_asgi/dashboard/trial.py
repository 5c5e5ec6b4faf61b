"""Trying a provider out: a short request that really goes there, and the list of its models.

The request takes the way of all requests (the exchange, translation, payload rules, cloak),
pinned to one credential. It is in no log and no count, and what it finds does not bear on
the credential's health: operators may try out what is not in use yet.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote, urlsplit

import anyio
import msgspec
from msgspec.structs import replace

from aigw_asgi.dashboard.operation import Shape
from aigw_asgi.dashboard.problem import invalid
from aigw_asgi.driver import ClientAborted, Driver, Message
from aigw_asgi.echo import MODELS
from aigw_asgi.inference import new_call
from aigw_asgi.redaction import Redactor
from aigw_asgi.state import GatewayState
from aigw_asgi.transports import UpstreamFailed
from aigw_core.access import Caller
from aigw_core.chat import Format
from aigw_core.codec import EncodedRequest, Inbound
from aigw_core.codecs import CODECS
from aigw_core.commands import Send
from aigw_core.config.secret import Secret
from aigw_core.config.snapshot import Credential, RetryPolicy, Snapshot
from aigw_core.errors import ErrorKind, Failure, GatewayError
from aigw_core.exchange import Exchange
from aigw_core.health import Health
from aigw_core.outgoing import wire_request
from aigw_core.routing.balance import Balance
from aigw_core.routing.budget import RetryBudget
from aigw_core.routing.catalogue import Catalogue
from aigw_core.routing.glob import is_glob
from aigw_core.routing.plan import Asked, Router
from aigw_core.routing.route import Route
from aigw_core.routing.target import ECHO
from aigw_core.wire_request import FailureKind, WireRequest

TIME_LIMIT = 60.0
"""Seconds of a trial."""

TEXT_LIMIT = 200
"""Characters that are shown of an answer."""

MAX_TOKENS = 512
"""Of the answer: reasoning models need some before their first word."""

MAX_LISTED = 5000
MAX_PAGES = 20
MAX_LIST_SIZE = 16 << 20
"""Models, pages and bytes of a list."""

_PROMPT = "Reply with the single word OK."

_KEY_HINT = "Check the key; it may belong to another account or have been revoked."
_UNREACHED = "The address could not be reached: check the base URL and the proxy."
_HINTS = {
    ErrorKind.AUTHENTICATION: _KEY_HINT,
    ErrorKind.UPSTREAM_AUTH: _KEY_HINT,
    ErrorKind.PERMISSION: "The key is known, but may not use this model.",
    ErrorKind.BILLING: "The account has no credit, or its plan does not have this model.",
    ErrorKind.NOT_FOUND: "Check the model's name, and that the base URL has no /v1 at its end.",
    ErrorKind.RATE_LIMIT: "The key works; its limit is reached just now.",
    ErrorKind.TIMEOUT: "Nothing came in time: check the base URL, the proxy and firewalls.",
    ErrorKind.UNAVAILABLE: _UNREACHED,
    ErrorKind.OVERLOADED: "The upstream is overloaded; try again in a moment.",
    ErrorKind.UPSTREAM_MALFORMED: "What answers there does not speak this format: check the kind"
    " of provider, and the base URL.",
    ErrorKind.INVALID_REQUEST: "The upstream did not like the request: check the model, and caps.",
}


class TrialError(Shape, frozen=True, kw_only=True):
    """Why a trial failed."""

    kind: str
    message: str
    """The upstream's own words, where it has said some; without secrets."""
    hint: str
    """What to look at."""


class Trial(Shape, frozen=True, kw_only=True):
    """What came of a request to a provider."""

    ok: bool
    status: int | None
    """The upstream's; ``null``: it has not answered."""
    latency_ms: float
    """Of the whole."""
    first_content_ms: float | None
    tls: bool
    """The way there is encrypted."""
    format: str
    """The upstream's wire format."""
    model: str
    """The upstream's name of the model."""
    text: str
    """The beginning of the answer."""
    error: TrialError | None


class ListedModel(Shape, frozen=True, kw_only=True):
    id: str
    name: str | None = None
    """For people, where the upstream has such names."""


class ModelList(Shape, frozen=True, kw_only=True):
    models: tuple[ListedModel, ...]
    complete: bool
    """False: there are more than are listed here."""
    error: str | None = None
    """Why the list could not be had; without secrets."""


async def try_out(
    state: GatewayState, credential: Credential, model: str | None, *, stream: bool
) -> Trial:
    """Send a short request.

    Raises:
        ApiError: the credential does not serve ``model``, or has none to choose.
    """
    credential = replace(credential, disabled=False)
    snapshot = _pinned(state.snapshot, credential)
    router = Router(Catalogue(snapshot), Health(), Balance())
    # Not the upstream's own, so that the request is fitted to what it takes.
    own = credential.format is Format.MESSAGES
    format = Format.CHAT if own or credential.provider == ECHO else Format.MESSAGES
    name = model or _some_model(credential)
    body = {
        "model": name,
        "messages": [{"role": "user", "content": _PROMPT}],
        "max_completion_tokens" if format is Format.CHAT else "max_tokens": MAX_TOKENS,
        "stream": stream,
    }
    inbound = Inbound(msgspec.json.encode(body), {"content-type": "application/json"})
    began = time.monotonic()
    pieces: list[bytes] = []
    try:
        call = new_call(state, CODECS[format], inbound, "trial", Caller())
        plan = router.plan(Asked((name,), format, Caller()), began)
    except GatewayError as exc:
        raise invalid("/model", exc.failure.message) from exc
    route = Route(plan, router, RetryBudget())
    exchange = Exchange(call, route, snapshot, CODECS, state.rng.random)

    async def receive() -> Message:
        await anyio.sleep_forever()
        raise AssertionError("it never wakes up")

    async def send(message: Message) -> None:
        pieces.append(message.get("body", b""))

    driver = Driver(exchange, state.transport, receive, send, 0.0)
    state.running.add(driver)
    try:
        with anyio.move_on_after(TIME_LIMIT) as scope:
            await driver.run()
    except ClientAborted:
        pass  # the answer broke off; the record says why
    finally:
        driver.abandon()
        state.running.discard(driver)
    record = exchange.record
    failure = record.failure
    if scope.cancelled_caught:
        failure = Failure(ErrorKind.TIMEOUT, f"no answer within {TIME_LIMIT:.0f} seconds")
    first = record.first_content
    statuses = [each.status for each in record.attempts]
    status = statuses[-1] if statuses else None
    return Trial(
        ok=failure is None,
        status=status,
        latency_ms=_ms(time.monotonic() - began),
        first_content_ms=None if first is None else _ms(first),
        tls=urlsplit(credential.base_url).scheme == "https",
        format=credential.format.value,
        model=plan.targets[0].model,
        text="" if failure is not None else _text(b"".join(pieces), format, stream=stream),
        error=None if failure is None else _told(failure, status, _redactor(state, credential)),
    )


def _pinned(snapshot: Snapshot, credential: Credential) -> Snapshot:
    """A configuration with nothing but ``credential``, which is tried once."""
    return replace(
        snapshot,
        credentials=(credential,),
        model_rewrites=(),
        fallbacks=(),
        provider_pins=(),
        force_model_prefix=False,
        strategy="fill-first",
        strict_mapping=False,
        retry=RetryPolicy(attempts=1, stream_attempts=1),
        capture=None,
    )


def _some_model(credential: Credential) -> str:
    if credential.provider == ECHO:
        return f"echo@{credential.format.value}"
    for served in credential.models:
        for name in (served.alias, served.id):
            if name is not None and not is_glob(name):
                return credential.prefix + name
    raise invalid("/model", "name a model to try: this provider lists none")


def _told(failure: Failure, status: int | None, redactor: Redactor) -> TrialError:
    hint = _HINTS.get(failure.kind, "The log of the gateway may say more.")
    if failure.kind is ErrorKind.UPSTREAM and status is None:
        hint = _UNREACHED
    return TrialError(kind=failure.kind.value, message=redactor.hide(failure.message), hint=hint)


def _redactor(state: GatewayState, credential: Credential) -> Redactor:
    redactor = Redactor()
    redactor.know(state.snapshot, credential)
    # Values of headers are plain texts in a credential.
    redactor.know([Secret(value) for _, value in credential.headers])
    return redactor


def _text(body: bytes, format: Format, *, stream: bool) -> str:
    """What an answer of ours says, as far as it is shown."""
    if not stream:
        documents = [body]
    else:
        documents = [line[6:] for line in body.splitlines() if line.startswith(b"data: {")]
    text = ""
    for document in documents:
        text += _said(msgspec.json.decode(document), format)
        if len(text) >= TEXT_LIMIT:
            break
    return text[:TEXT_LIMIT]


def _said(document: Any, format: Format) -> str:
    if format is Format.CHAT:
        choices = document.get("choices") or [{}]
        message = choices[0].get("delta") or choices[0].get("message") or {}
        return str(message.get("content") or "")
    if "delta" in document:
        return str(document["delta"].get("text") or "")
    blocks = document.get("content") or ()
    return "".join(str(block.get("text") or "") for block in blocks)


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 1)


# --- lists of models ---------------------------------------------------------


async def list_models(state: GatewayState, credential: Credential) -> ModelList:
    """Ask a provider which models it has."""
    if credential.provider == ECHO:
        return ModelList(models=tuple(ListedModel(id=each) for each in MODELS), complete=True)
    redactor = _redactor(state, credential)
    found: dict[str, ListedModel] = {}
    complete = True
    try:
        with anyio.fail_after(TIME_LIMIT):
            pages = 0
            async for page in _pages(state, credential):
                pages += 1
                for each in page:
                    found.setdefault(each.id, each)
                if pages == MAX_PAGES or len(found) >= MAX_LISTED:
                    complete = False
                    break
    except TimeoutError:
        return _no_list("nothing came in time")
    except (UpstreamFailed, _Unlisted) as exc:
        return _no_list(redactor.hide(str(exc)))
    models = tuple(sorted(found.values(), key=lambda each: each.id)[:MAX_LISTED])
    return ModelList(models=models, complete=complete)


class _Unlisted(Exception):
    """The upstream does not tell."""


def _no_list(why: str) -> ModelList:
    return ModelList(models=(), complete=False, error=f"the list could not be had: {why}")


async def _pages(state: GatewayState, credential: Credential) -> AsyncIterator[list[ListedModel]]:
    """The pages of a list; the paths and fields are those of each vendor's API reference,
    "List models"."""
    gemini = credential.format is Format.GEMINI
    messages = credential.format is Format.MESSAGES
    cursor = ""
    while True:
        if gemini:
            path = "/v1beta/models?pageSize=1000" + (
                f"&pageToken={quote(cursor)}" if cursor else ""
            )
        elif messages:
            path = "/v1/models?limit=1000" + (f"&after_id={quote(cursor)}" if cursor else "")
        else:
            path = "/v1/models"
        document = await _get(state, credential, path)
        items = document.get("models" if gemini else "data")
        if not isinstance(items, list):
            raise _Unlisted("what answers there sends no list of models")
        yield [model for item in items if (model := _listed(item)) is not None]
        following = document.get("nextPageToken") if gemini else document.get("last_id")
        more = bool(following) and (gemini or (messages and document.get("has_more") is True))
        if not more or not isinstance(following, str) or following == cursor:
            return
        cursor = following


def _listed(item: Any) -> ListedModel | None:
    if not isinstance(item, dict):
        return None
    id = item.get("id") or item.get("name")
    if not isinstance(id, str) or not id:
        return None
    name = item.get("display_name") or item.get("displayName")
    return ListedModel(
        id=id.removeprefix("models/"), name=name if isinstance(name, str) and name else None
    )


async def _get(state: GatewayState, credential: Credential, path: str) -> dict[str, Any]:
    codec = CODECS[credential.format]
    wire = wire_request(
        credential,
        codec,
        EncodedRequest(b"", path),
        {},
        relayed=False,
        stream=False,
        request_id="models",
    )
    headers = tuple(each for each in wire.headers if each[0] != "content-type")
    request = WireRequest("GET", wire.url, headers, b"", wire.connect_timeout, wire.proxy_url)
    status, body = await _read(state, request)
    if status != 200:
        failure = codec.decode_error(status, {}, body)
        raise _Unlisted(f"{status}: {failure.message}")
    try:
        document = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise _Unlisted("what answers there is no JSON")
    return document


async def _read(state: GatewayState, request: WireRequest) -> tuple[int, bytes]:
    failed: UpstreamFailed | None = None
    status, pieces = 0, [b""]
    async with anyio.create_task_group() as tasks:
        try:
            stream = await state.transport(Send(1, request, ""), tasks).open(request)
            try:
                status = stream.status
                size = 0
                while data := await stream.read():
                    pieces.append(data)
                    size += len(data)
                    if size > MAX_LIST_SIZE:
                        raise UpstreamFailed(FailureKind.READ, "the list is too large", sent=True)
            finally:
                with anyio.CancelScope(shield=True):
                    await stream.aclose()
        except UpstreamFailed as exc:
            failed = exc  # a task group would wrap it
    if failed is not None:
        raise failed
    return status, b"".join(pieces)
