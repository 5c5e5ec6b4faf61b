"""What a snapshot has beyond its configuration: the built-in echo provider."""

from __future__ import annotations

from msgspec.structs import replace

from aigw_asgi.echo import MODELS
from aigw_core.codecs import CODECS
from aigw_core.config.secret import Secret
from aigw_core.config.snapshot import Credential, ServedModel, Snapshot
from aigw_core.routing.target import ECHO


def with_echo(snapshot: Snapshot, *, loopback_only: bool) -> Snapshot:
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
