"""Sessions from their beginning to their end, through several processes and reloads."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import bcrypt
import pytest
from msgspec.structs import replace

from aigw_asgi import Gateway
from aigw_asgi.builtin import DASHBOARD, with_builtins
from aigw_asgi.config_store import load
from aigw_asgi.dashboard import sessions as module
from aigw_asgi.dashboard.sessions import (
    COOKIE,
    Denied,
    Sessions,
    SignedIn,
    link_for,
    no_cookie,
)
from aigw_asgi.dashboard.tokens import TICKET_LIFETIME, Session
from aigw_asgi.gateway import state_of
from aigw_asgi.state import GatewayState
from aigw_asgi.state_folder import session_key
from aigw_asgi.store_link import RELEARN
from aigw_asgi.stores.redis.state import RedisState
from aigw_asgi.stores.sqlite.shared_state import SqliteState
from aigw_asgi.transports.memory import ScriptTransport
from aigw_core.config.secret import Secret
from aigw_core.config.snapshot import DashboardAccess, Snapshot
from tests.asgi.stores.sharing_nodes import Kind, Node, nodes, sqlite, until
from tests.asgi.test_routing import whole
from tests.redis_server import RedisServer, running_redis

pytestmark = pytest.mark.anyio

HASH = bcrypt.hashpw(b"right", bcrypt.gensalt(4)).decode()
OTHER_HASH = bcrypt.hashpw(b"other", bcrypt.gensalt(4)).decode()
ACCESS = DashboardAccess(
    username="admin",
    password_hash=Secret(HASH),
    jwt_secret=Secret("s" * 32),
    session=3600.0,
    ws_query_token=True,
)
HOME = "127.0.0.1"


class Clock:
    """The time of day, and a way to have some of it pass."""

    ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


def state_with(access: DashboardAccess | None = ACCESS, **more: Any) -> GatewayState:
    return GatewayState(
        Snapshot("test", dashboard=access), ScriptTransport(whole), own_seal_key=bytes, **more
    )


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def state() -> GatewayState:
    return state_with()


@pytest.fixture
def sessions(state: GatewayState, clock: Clock) -> Sessions:
    return Sessions(state, clock=clock)


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    with running_redis(tmp_path) as server:
        yield server


@pytest.fixture(params=["sqlite", "redis"])
def kind(request: pytest.FixtureRequest, tmp_path: Path) -> Kind:
    if request.param == "sqlite":
        return sqlite(tmp_path)
    server: RedisServer = request.getfixturevalue("redis_server")
    return Kind("redis", lambda: RedisState(server.url))


@asynccontextmanager
async def both(kind: Kind) -> AsyncGenerator[tuple[Sessions, Sessions], None]:
    """Those of two processes that share a store."""
    snapshot = Snapshot("test", dashboard=ACCESS)
    async with nodes(kind, snapshot, snapshot) as (one, two):
        yield Sessions(one.state), Sessions(two.state)


def refused(action: Callable[[], object]) -> tuple[int, str]:
    with pytest.raises(Denied) as caught:
        action()
    return caught.value.status, caught.value.error


async def refusal(action: Any) -> tuple[int, str]:
    with pytest.raises(Denied) as caught:
        await action
    return caught.value.status, caught.value.error


def by_bearer(token: str) -> Mapping[str, str]:
    return {"authorization": f"Bearer {token}"}


def by_cookie(token: str, **more: str) -> Mapping[str, str]:
    return {
        "cookie": f"theme=dark; {COOKIE}={token}",
        **{name.replace("_", "-"): value for name, value in more.items()},
    }


GONE = (401, "invalid_token")


# --- a request shows its session ---------------------------------------------


async def test_a_sign_in_gives_what_later_requests_show(sessions: Sessions) -> None:
    found = await sessions.sign_in("admin", "right", HOME)
    assert found.session.subject == "admin"
    assert 3598 <= found.expires_in <= 3600
    show = sessions.authenticate
    assert show(by_bearer(found.token), {}, method="GET") == found.session
    assert show(by_bearer(found.token), {}, method="DELETE") == found.session
    assert show(by_cookie(found.token), {}, method="GET") == found.session
    assert show(by_cookie(found.token), {}, method="HEAD") == found.session
    both = {**by_cookie(found.token), **by_bearer(found.token)}
    assert show(both, {}, method="POST") == found.session
    assert show({"authorization": f"bearer  {found.token} "}, {}, method="PUT") == found.session
    twice = {"cookie": f"{COOKIE}={found.token}, a=b; {COOKIE}={found.token}"}
    assert show(twice, {}, method="GET") == found.session


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "get", "QUERY"])
async def test_a_change_by_cookie_needs_the_csrf_token_of_its_session(
    sessions: Sessions, method: str
) -> None:
    mine, other = [await sessions.sign_in("admin", "right", HOME) for _ in range(2)]
    show = sessions.authenticate
    good = by_cookie(mine.token, x_csrf_token=mine.csrf_token)
    assert show(good, {}, method=method) == mine.session
    for wrong in ({}, {"x_csrf_token": ""}, {"x_csrf_token": other.csrf_token}):
        headers = by_cookie(mine.token, **wrong)
        assert refused(lambda headers=headers: show(headers, {}, method=method)) == (  # type: ignore[misc]
            403,
            "csrf_failed",
        )


async def test_what_shows_no_session_is_refused(sessions: Sessions) -> None:
    found = await sessions.sign_in("admin", "right", HOME)
    other = await sessions.sign_in("admin", "right", HOME)
    cases: list[tuple[Mapping[str, str], Mapping[str, str], tuple[int, str]]] = [
        ({}, {}, (401, "missing_token")),
        ({"authorization": ""}, {}, (401, "missing_token")),
        ({"authorization": f"Basic {found.token}"}, {}, (401, "missing_token")),
        ({"authorization": found.token}, {}, (401, "missing_token")),
        ({"cookie": f"other={found.token}"}, {}, (401, "missing_token")),
        ({"cookie": f"{COOKIE}="}, {}, (401, "missing_token")),
        ({"cookie": COOKIE}, {}, (401, "missing_token")),
        ({"cookie": f"{COOKIE.upper()}={found.token}"}, {}, (401, "missing_token")),
        (by_bearer("x"), {}, GONE),
        (by_bearer(f"{found.token}, Bearer {found.token}"), {}, GONE),
        (by_cookie("x"), {}, GONE),
        ({}, {"token": found.token}, (400, "token_in_url")),
        (by_bearer(found.token), {"token": ""}, (400, "token_in_url")),
        (
            {**by_cookie(found.token), **by_bearer(other.token)},
            {},
            (400, "two_sessions"),
        ),
        (
            {"cookie": f"{COOKIE}={found.token}; {COOKIE}={other.token}"},
            {},
            (400, "two_sessions"),
        ),
        (by_bearer(sessions.ticket(found.session)), {}, GONE),
    ]
    for headers, parameters, expected in cases:
        assert (
            refused(lambda h=headers, p=parameters: sessions.authenticate(h, p, method="GET"))  # type: ignore[misc]
            == expected
        ), headers


async def test_who_is_not_signed_in_is_told_how_one_can_be() -> None:
    for access, expected in ((ACCESS, True), (DASHBOARD, False)):
        sessions = Sessions(state_with(access))
        with pytest.raises(Denied) as caught:
            sessions.authenticate({}, {}, method="GET")
        assert caught.value.password_set is expected
        assert sessions.password_set is expected


async def test_a_dashboard_that_is_off_is_nowhere(state: GatewayState, sessions: Sessions) -> None:
    found = await sessions.sign_in("admin", "right", HOME)
    ticket = sessions.ticket(found.session)
    state.use(Snapshot("off"))
    assert refused(lambda: sessions.authenticate({}, {}, method="GET")) == (404, "not_found")
    assert refused(lambda: sessions.read(found.token)) == (404, "not_found")
    assert await refusal(sessions.open_ticket(ticket)) == (404, "not_found")
    assert await refusal(sessions.sign_in("admin", "right", HOME)) == (404, "not_found")
    assert not sessions.alive(found.session)


def test_cookies_say_what_browsers_must_do() -> None:
    session = Session("admin", "i" * 22, "f" * 22, 0, 60, 0, "stamp", "key")
    found = SignedIn(session, "a.b.c", "csrf", 60)
    text = "aigw_session=a.b.c; Path=/; Max-Age=60; HttpOnly; SameSite=Strict"
    assert found.cookie(secure=False) == text
    assert found.cookie(secure=True) == text + "; Secure"
    assert no_cookie(secure=True) == (
        "aigw_session=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict; Secure"
    )


# --- renewal and the end -----------------------------------------------------


async def test_a_session_ends_with_its_token(sessions: Sessions, clock: Clock) -> None:
    found = await sessions.sign_in("admin", "right", HOME)
    clock.ahead = 3598
    assert sessions.alive(sessions.read(found.token))
    clock.ahead = 3600
    assert not sessions.alive(found.session)
    assert refused(lambda: sessions.read(found.token)) == (401, "token_expired")


async def test_a_session_goes_on_by_renewal_up_to_its_limit(
    sessions: Sessions, clock: Clock
) -> None:
    first = found = await sessions.sign_in("admin", "right", HOME)
    for hours in range(1, 24):
        clock.ahead = hours * 3600 - 10
        found = await sessions.refresh(found.session)
        assert found.session.family == first.session.family
        assert found.csrf_token == first.csrf_token
    clock.ahead = 23.5 * 3600
    last = await sessions.refresh(found.session)
    assert 1795 <= last.expires_in <= 1800
    clock.ahead = 24 * 3600 + 1
    assert refused(lambda: sessions.read(last.token))[0] == 401
    assert await refusal(sessions.refresh(last.session)) == (401, "session_limit")


async def test_a_lower_limit_ends_what_has_lasted_longer(
    state: GatewayState, sessions: Sessions, clock: Clock
) -> None:
    found = await sessions.sign_in("admin", "right", HOME)
    clock.ahead = 1900
    state.use(Snapshot("new", dashboard=replace(ACCESS, session_limit=1800.0)))
    assert refused(lambda: sessions.read(found.token)) == GONE


async def test_a_renewed_token_is_good_for_a_while_and_then_no_more(
    sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "GRACE", 0.5)
    old = await sessions.sign_in("admin", "right", HOME)
    new = await sessions.refresh(old.session)
    again = await sessions.refresh(sessions.read(old.token))
    assert sessions.read(old.token) == old.session

    def over() -> bool:
        try:
            sessions.read(old.token)
        except Denied as exc:
            return (exc.status, exc.error) == GONE
        return False

    await until(over)
    assert sessions.read(new.token) == new.session
    assert sessions.read(again.token) == again.session
    # What is open keeps its right until the token's own end.
    assert sessions.alive(old.session)


async def test_signing_out_ends_the_whole_family_and_no_other(sessions: Sessions) -> None:
    first, other = [await sessions.sign_in("admin", "right", HOME) for _ in range(2)]
    second = await sessions.refresh(first.session)
    ticket = sessions.ticket(first.session)
    await sessions.sign_out(second.session)
    for each in (first, second):
        assert refused(lambda each=each: sessions.read(each.token)) == GONE  # type: ignore[misc]
        assert not sessions.alive(each.session)
    assert await refusal(sessions.open_ticket(ticket)) == GONE
    assert sessions.read(other.token) == other.session


async def test_a_session_is_good_and_ends_in_all_processes(kind: Kind) -> None:
    async with both(kind) as (one, two):
        found = await one.sign_in("admin", "right", HOME)
        assert two.read(found.token) == found.session
        renewed = await two.refresh(found.session)
        assert one.read(renewed.token) == renewed.session
        told = time.monotonic()
        await two.sign_out(renewed.session)
        assert refused(lambda: two.read(found.token)) == GONE
        await until(lambda: not one.alive(found.session))
        assert time.monotonic() - told < RELEARN / 2
        assert refused(lambda: one.read(renewed.token)) == GONE


async def test_a_session_that_was_ended_stays_so_after_a_restart(tmp_path: Path) -> None:
    def life() -> Node:
        store = SqliteState(tmp_path / "shared.db", alone=True)
        return Node(Snapshot("test", dashboard=ACCESS), ScriptTransport(whole), store)

    async with life() as node:
        found = await Sessions(node.state).sign_in("admin", "right", HOME)
        await Sessions(node.state).sign_out(found.session)
    async with life() as node:
        assert refused(lambda: Sessions(node.state).read(found.token)) == GONE


# --- the configuration changes -----------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"password_hash": Secret(OTHER_HASH)},
        {"password_hash": None},
        {"username": "operator"},
        {"jwt_secret": Secret("n" * 32)},
        {"jwt_secret": None},
    ],
    ids=lambda change: str(next(iter(change))),
)
async def test_another_password_name_or_secret_ends_all_sessions_at_once(
    state: GatewayState, sessions: Sessions, change: dict[str, Any]
) -> None:
    found = await sessions.sign_in("admin", "right", HOME)
    ticket = sessions.ticket(found.session)
    state.use(Snapshot("new", dashboard=replace(ACCESS, **change)))
    assert refused(lambda: sessions.read(found.token)) == GONE
    assert await refusal(sessions.open_ticket(ticket)) == GONE
    assert not sessions.alive(found.session)


async def test_the_previous_secret_keeps_sessions(state: GatewayState, sessions: Sessions) -> None:
    found = await sessions.sign_in("admin", "right", HOME)
    rotated = replace(ACCESS, jwt_secret=Secret("n" * 32), previous_jwt_secret=ACCESS.jwt_secret)
    state.use(Snapshot("rotated", dashboard=rotated))
    assert sessions.read(found.token) == found.session
    headers = by_cookie(found.token, x_csrf_token=found.csrf_token)
    assert sessions.authenticate(headers, {}, method="POST") == found.session
    renewed = await sessions.refresh(found.session)
    state.use(Snapshot("done", dashboard=replace(rotated, previous_jwt_secret=None)))
    assert refused(lambda: sessions.read(found.token)) == GONE
    assert sessions.read(renewed.token) == renewed.session


async def test_the_old_password_is_refused_and_the_new_one_taken_at_once(
    state: GatewayState, sessions: Sessions
) -> None:
    state.use(Snapshot("new", dashboard=replace(ACCESS, password_hash=Secret(OTHER_HASH))))
    assert (await refusal(sessions.sign_in("admin", "right", HOME)))[0] == 401
    assert (await sessions.sign_in("admin", "other", HOME)).session.subject == "admin"


async def test_without_a_secret_the_gateway_has_one_of_its_own(tmp_path: Path) -> None:
    own = replace(ACCESS, jwt_secret=None)
    asked: list[int] = []

    def key() -> bytes:
        asked.append(1)
        return b"k" * 32

    made = [Sessions(state_with(own, own_session_key=key)) for _ in range(2)]
    found = await made[0].sign_in("admin", "right", HOME)
    assert made[1].read(found.token) == found.session
    assert len(asked) == 2  # once each
    stranger = Sessions(state_with(own))
    assert refused(lambda: stranger.read(found.token)) == GONE


# --- passwords and links -----------------------------------------------------


async def test_without_a_password_there_is_nothing_to_try() -> None:
    sessions = Sessions(state_with(DASHBOARD))
    for _ in range(20):
        assert await refusal(sessions.sign_in("admin", "", HOME)) == (403, "no_password")


async def test_a_link_signs_in_once(sessions: Sessions) -> None:
    link = sessions.new_link()
    found = await sessions.sign_in_by_link(link, loopback=True)
    assert found.session.subject == "admin"
    assert await refusal(sessions.sign_in_by_link(link, loopback=True)) == (401, "used_link")
    other = await sessions.sign_in_by_link(sessions.new_link(), loopback=True)
    assert other.session.family != found.session.family


async def test_a_link_works_on_any_worker_and_only_on_one(kind: Kind) -> None:
    async with both(kind) as (one, two):
        # Printed by a process that serves nobody itself.
        link = link_for(ACCESS, bytes, time.time())
        assert await two.sign_in_by_link(link, loopback=True)
        assert await refusal(one.sign_in_by_link(link, loopback=True)) == (401, "used_link")
        assert await refusal(two.sign_in_by_link(link, loopback=True)) == (401, "used_link")


async def test_a_link_is_for_this_machine_and_for_a_while(
    state: GatewayState, sessions: Sessions, clock: Clock
) -> None:
    link = sessions.new_link()
    assert await refusal(sessions.sign_in_by_link(link, loopback=False)) == (403, "not_here")
    for wrong in (
        "",
        "x",
        sessions.ticket((await sessions.sign_in("admin", "right", HOME)).session),
    ):
        found = await refusal(sessions.sign_in_by_link(wrong, loopback=True))
        assert found == (401, "invalid_link")
    clock.ahead = 601
    assert await refusal(sessions.sign_in_by_link(link, loopback=True)) == (401, "invalid_link")
    clock.ahead = 0
    state.use(Snapshot("new", dashboard=replace(ACCESS, username="root")))
    assert await refusal(sessions.sign_in_by_link(link, loopback=True)) == (401, "invalid_link")


@pytest.mark.parametrize(("host", "here"), [("127.0.0.1", True), ("0.0.0.0", False)])
async def test_links_are_for_listeners_that_only_this_machine_reaches(
    host: str, here: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIGW_STATE_DIR", str(tmp_path))
    file = tmp_path / "aigw.yaml"
    file.write_text(f"host: {host}\ndashboard: {{enabled: true}}\napi-keys: [k-0123456789abcdef]\n")
    loaded = load(str(file), {})
    sessions = Sessions(state_of(loaded, lambda: loaded, transport=ScriptTransport(whole)))
    if here:
        assert await sessions.sign_in_by_link(sessions.new_link(), loopback=True)
    else:
        assert refused(sessions.new_link) == (403, "not_here")
        access = loaded.snapshot.dashboard
        assert access is not None
        link = link_for(access, lambda: session_key(tmp_path), time.time())
        assert await refusal(sessions.sign_in_by_link(link, loopback=True)) == (403, "not_here")


def test_without_a_file_this_machine_has_a_dashboard() -> None:
    bare, filed = Snapshot("builtin"), Snapshot("file", from_file=True)
    assert with_builtins(bare, loopback_only=True).dashboard == DASHBOARD
    assert with_builtins(bare, loopback_only=False).dashboard is None
    assert with_builtins(filed, loopback_only=True).dashboard is None
    given = replace(filed, dashboard=ACCESS)
    assert with_builtins(given, loopback_only=False).dashboard == ACCESS


# --- tickets -----------------------------------------------------------------


async def test_a_ticket_opens_one_socket_for_its_session(sessions: Sessions, clock: Clock) -> None:
    found = await sessions.sign_in("admin", "right", HOME)
    ticket = sessions.ticket(found.session)
    assert await sessions.open_ticket(ticket) == found.session
    assert await refusal(sessions.open_ticket(ticket)) == GONE
    late = sessions.ticket(found.session)
    clock.ahead = TICKET_LIFETIME + 1
    assert await refusal(sessions.open_ticket(late)) == (401, "token_expired")
    assert await refusal(sessions.open_ticket("")) == (401, "missing_token")
    assert await refusal(sessions.open_ticket(found.token)) == GONE


async def test_a_ticket_is_used_up_for_all_processes(kind: Kind) -> None:
    async with both(kind) as (one, two):
        found = await one.sign_in("admin", "right", HOME)
        ticket = one.ticket(found.session)
        assert await two.open_ticket(ticket) == found.session
        assert await refusal(one.open_ticket(ticket)) == GONE


async def test_no_secret_is_in_what_is_shown(sessions: Sessions) -> None:
    found = await sessions.sign_in("admin", "right", HOME)
    shown = [repr(sessions), repr(found.session), found.csrf_token]
    assert not any("s" * 32 in each or HASH in each for each in shown)


async def test_the_gateway_object_has_a_dashboard_of_this_machine() -> None:
    async with Gateway(Snapshot("builtin")) as gateway:
        assert gateway.app.state is not None
        sessions = Sessions(gateway.app.state)
        assert await sessions.sign_in_by_link(sessions.new_link(), loopback=True)
