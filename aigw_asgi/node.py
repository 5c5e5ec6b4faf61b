"""This process, as one of those that are a gateway together."""

from __future__ import annotations

import os
import secrets
import socket
import time
from typing import TYPE_CHECKING

from msgspec import Struct

from aigw_asgi.stores.shared_state import NodeReport
from aigw_asgi.version import __version__

if TYPE_CHECKING:
    from aigw_asgi.state import GatewayState


class Node(Struct, frozen=True):
    """Who it is."""

    id: str
    """Of its own for each life of a process."""
    group: str
    """The same for all workers of one supervisor."""
    worker: int
    """Its number among them, from 0."""
    workers: int
    host: str
    pid: int
    started: float
    """Unix seconds."""

    def report(self, state: GatewayState) -> NodeReport:
        return NodeReport(
            self.id,
            self.group,
            self.worker,
            self.pid,
            self.host,
            __version__,
            state.snapshot.label,
            self.started,
            state.draining,
            state.metrics.dump() if self.workers > 1 else b"",
        )


def this_node(worker: int = 0, workers: int = 1) -> Node:
    """The process that calls it, as the ``worker``-th of ``workers``."""
    host, pid = socket.gethostname(), os.getpid()
    id = f"{host}-{pid}-{secrets.token_hex(4)}"
    group = f"{host}-{os.getppid()}" if workers > 1 else id
    return Node(id, group, worker, workers, host, pid, time.time())
