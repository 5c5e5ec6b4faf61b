"""Gateways that share a store, in one process: each as a node of its own."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import anyio

from aigw_asgi import Gateway
from aigw_asgi.asgi import App
from aigw_asgi.builtin import with_builtins
from aigw_asgi.node import this_node
from aigw_asgi.state import GatewayState
from aigw_asgi.stores.shared_state import SharedState
from aigw_asgi.stores.sqlite.shared_state import SqliteState
from aigw_asgi.transports import Transport
from aigw_asgi.transports.memory import ScriptTransport
from aigw_core.config.snapshot import Snapshot
from tests.asgi.test_routing import whole


@dataclass
class Kind:
    """A way to keep shared state: ``store`` makes another client of it."""

    name: str
    store: Callable[[], SharedState]


def sqlite(folder: Path) -> Kind:
    return Kind("sqlite", lambda: SqliteState(folder / "shared.db"))


class Node(Gateway):
    """A gateway with a store."""

    def __init__(self, snapshot: Snapshot, transport: Transport, store: SharedState) -> None:
        super().__init__(snapshot)

        async def open_state() -> GatewayState:
            return GatewayState(
                with_builtins(snapshot, loopback_only=True),
                transport,
                own_seal_key=lambda: b"k" * 32,
                node=this_node(0, 2),
                store=store,
            )

        self.app = App(open_state)

    @property
    def state(self) -> GatewayState:
        assert self.app.state is not None
        return self.app.state

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        return self

    async def knows(self, count: int) -> None:
        """Wait until it knows of so many nodes."""
        await until(lambda: len(self.state.sharing.nodes) == count)

    async def has_sent(self) -> None:
        """Wait until the store has all that it was to be told."""
        await until(lambda: not self.state.sharing.unsent)

    async def rests(self, count: int) -> None:
        """Wait until it lets so many targets rest."""
        await until(lambda: len(self.state.health.rests()) == count)


@asynccontextmanager
async def nodes(
    kind: Kind, *snapshots: Snapshot, transports: Sequence[Transport] = (), others: int = 0
) -> AsyncGenerator[list[Node], None]:
    """A gateway for each snapshot, which know of each other, and of ``others``."""
    async with AsyncExitStack() as stack:
        found = []
        for at, snapshot in enumerate(snapshots):
            transport = transports[at] if transports else ScriptTransport(whole)
            node = Node(snapshot, transport, kind.store())
            found.append(await stack.enter_async_context(node))
        for node in found:
            await node.knows(len(snapshots) + others)
        yield found


async def until(condition: Callable[[], bool]) -> None:
    with anyio.fail_after(20):
        while not condition():  # noqa: ASYNC110 - of several processes or threads
            await anyio.sleep(0.01)
