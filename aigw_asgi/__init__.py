"""The shell of aigw: sockets, files, clocks and dice around ``aigw_core``.

``app`` is a ready ASGI 3 application that reads the configuration (``AIGW_CONFIG``) when
its lifespan starts; ``create_app`` makes one for a configuration; ``Gateway`` is the
gateway without a listener.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from aigw_asgi.version import __version__

if TYPE_CHECKING:
    from aigw_asgi.asgi import App
    from aigw_asgi.gateway import Gateway, create_app

__all__ = ["Gateway", "__version__", "app", "create_app"]


async def app(scope: Any, receive: Any, send: Any) -> None:
    """The application, for ASGI servers: ``uvicorn aigw_asgi:app``."""
    await _application()(scope, receive, send)


@cache
def _application() -> App:
    from aigw_asgi.gateway import create_app

    return create_app()


def __getattr__(name: str) -> Any:
    # Loaded when asked for: `aigw version` needs none of it.
    if name in ("Gateway", "create_app"):
        from aigw_asgi import gateway

        return getattr(gateway, name)
    raise AttributeError(f"module 'aigw_asgi' has no attribute {name!r}")
