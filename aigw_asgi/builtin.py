"""What a snapshot has beyond its configuration: the built-in echo provider, and a dashboard
where nothing is configured."""

from __future__ import annotations

from msgspec.structs import replace

from aigw_asgi.echo import MODELS
from aigw_core.codecs import CODECS
from aigw_core.config.secret import Secret
from aigw_core.config.snapshot import Credential, DashboardAccess, ServedModel, Snapshot
from aigw_core.routing.target import ECHO

DASHBOARD = DashboardAccess(
    username="admin", password_hash=None, jwt_secret=None, session=3600.0, ws_query_token=True
)
"""Where there is no configuration file: without a password, only a link signs in."""


def with_builtins(snapshot: Snapshot, *, loopback_only: bool) -> Snapshot:
    """``snapshot`` with what it has beyond its configuration. ``loopback_only``: the
    listener is reached from this machine only."""
    if snapshot.dashboard is None and loopback_only and not snapshot.from_file:
        snapshot = replace(snapshot, dashboard=DASHBOARD)
    return _with_echo(snapshot, loopback_only=loopback_only)


def _with_echo(snapshot: Snapshot, *, loopback_only: bool) -> Snapshot:
    """``snapshot`` with one echo credential for each wire format, when ``echo`` is
    ``on``, or ``auto`` and the listener is reached from this machine only."""
    if snapshot.echo == "off" or (snapshot.echo == "auto" and not loopback_only):
        return snapshot
    start = len(snapshot.credentials)
    echoes = tuple(
        Credential(
            id=f"echo-{format}",
            provider=ECHO,
            name=f"echo-{format}",
            format=format,
            base_url="http://echo",
            api_key=Secret(""),
            auth_style="none",
            position=start + number,
            models=tuple(ServedModel(model) for model in MODELS),
        )
        for number, format in enumerate(CODECS)
    )
    return replace(snapshot, credentials=snapshot.credentials + echoes)
