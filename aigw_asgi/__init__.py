"""The shell of aigw: sockets, files, clocks and dice around ``aigw_core``.

``app`` is a ready ASGI 3 application that reads the configuration when its lifespan
starts; ``create_app`` makes one for a configuration; ``Gateway`` is the gateway
without a listener.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aigw_asgi.version import __version__

if TYPE_CHECKING:
    from aigw_asgi.gateway import Gateway, create_app

    app: Any

__all__ = ["Gateway", "__version__", "app", "create_app"]


def __getattr__(name: str) -> Any:
    # Loaded when asked for: `aigw version` and `aigw status` need none of it.
    if name in ("Gateway", "create_app"):
        from aigw_asgi import gateway

        return getattr(gateway, name)
    if name == "app":
        from aigw_asgi.gateway import create_app

        globals()["app"] = made = create_app()
        return made
    raise AttributeError(f"module 'aigw_asgi' has no attribute {name!r}")
