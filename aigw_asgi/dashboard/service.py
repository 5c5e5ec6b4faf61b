"""The dashboard of one process: what its requests and sockets share.

Made when the first of them comes, so that a gateway without watchers pays nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

from aigw_asgi.dashboard.audit import Audit
from aigw_asgi.dashboard.channels import all_channels
from aigw_asgi.dashboard.files import Pages
from aigw_asgi.dashboard.live import Hub
from aigw_asgi.dashboard.sessions import Sessions

if TYPE_CHECKING:
    from aigw_asgi.state import GatewayState


_MAX_EARLIER = 20


class Dashboard:
    def __init__(self, state: GatewayState) -> None:
        """``state`` is that of the process; its ``run`` must be running."""
        self.state = state
        self.sessions = Sessions(state)
        self.hub = Hub(*all_channels(state))
        self.pages = Pages()
        self.audit = Audit(state.folder)
        self.changing = anyio.Lock()
        """Held by whoever changes the configuration."""
        self.earlier: dict[str, str] = {}
        """Texts of the configuration that were replaced here, by version, the newest last:
        what can be undone. With their secrets, so in memory only."""
        self.closing = False
        state.spawn(self.hub.run)

    @property
    def sockets(self) -> int:
        """How many are open."""
        return len(self.hub.readers)

    def remember(self, version: str, text: str) -> None:
        """Keep a text that has been replaced."""
        self.earlier.pop(version, None)
        self.earlier[version] = text
        while len(self.earlier) > _MAX_EARLIER:
            del self.earlier[next(iter(self.earlier))]

    def close(self) -> None:
        """Send everybody away, soon; the gateway is about to end."""
        self.closing = True
        self.hub.wake()
