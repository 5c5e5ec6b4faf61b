"""What the process needs before and beside requests; a change needs a restart."""

from __future__ import annotations

from msgspec import Struct

from aigw_core.config.schema import Config, Tls
from aigw_core.config.secret import Secret
from aigw_core.config.values import is_loopback


class TlsFiles(Struct, frozen=True):
    """What HTTPS is served with: names of PEM files, and what clients must show."""

    cert: str
    """The chain, the gateway's own certificate first."""
    key: str
    client_ca: str | None = None
    """Whose signatures on client certificates count."""
    client_auth: str = "none"
    """``none``, ``optional`` or ``required``; only the first goes without ``client_ca``."""


class ServerSettings(Struct, frozen=True):
    """Listener, processes, log and state."""

    host: str
    port: int
    """0: any free one."""
    tls: TlsFiles | None
    """``None``: plain HTTP."""
    workers: int
    log_format: str
    """``text`` or ``json``."""
    log_level: str
    """``debug``, ``info``, ``warning`` or ``error``."""
    log_dir: str | None
    """``None``: standard output only."""
    log_retention_days: int
    pid_file: str
    shutdown_timeout: float
    """Seconds."""
    state_path: str | None
    """Folder; ``None``: the user's own state folder."""
    redis_url: Secret | None
    request_log_rows: int
    request_log_days: int
    newcomers_per_address: int
    """0: any number."""

    def differing(self, other: ServerSettings) -> tuple[str, ...]:
        """The keys, as the file has them, whose values are not the same in ``other``,
        of those that count at the start only."""
        return tuple(
            _KEYS.get(name, name.replace("_", "-"))
            for name in self.__struct_fields__
            if _at_start(name, self) != _at_start(name, other)
        )

    @property
    def loopback_only(self) -> bool:
        """Only this machine can reach the listener."""
        return is_loopback(self.host)


_KEYS = {
    "tls": "tls.enable",
    "log_format": "log.format",
    "log_level": "log.level",
    "log_dir": "log.dir",
    "log_retention_days": "log.retention-days",
    "pid_file": "daemon.pid-file",
    "shutdown_timeout": "daemon.shutdown-timeout",
    "state_path": "state.path",
    "redis_url": "state.redis",
    "request_log_rows": "request-log.max-rows",
    "request_log_days": "request-log.retention-days",
    "newcomers_per_address": "overload.newcomers-per-address",
}


def _at_start(name: str, settings: ServerSettings) -> object:
    # Which files HTTPS is served with may change; whether it is served may not.
    return settings.tls is None if name == "tls" else getattr(settings, name)


def server_settings(config: Config) -> ServerSettings:
    """The settings of a configuration that was read and checked."""
    return ServerSettings(
        host=config.host,
        port=config.port,
        tls=_tls_files(config.tls),
        workers=config.workers,
        log_format=config.log.format,
        log_level=config.log.level,
        log_dir=config.log.dir,
        log_retention_days=config.log.retention_days,
        pid_file=config.daemon.pid_file,
        shutdown_timeout=config.daemon.shutdown_timeout,
        state_path=config.state.path,
        redis_url=config.state.redis,
        request_log_rows=config.request_log.max_rows,
        request_log_days=config.request_log.retention_days,
        newcomers_per_address=config.overload.newcomers_per_address,
    )


def _tls_files(tls: Tls) -> TlsFiles | None:
    if not tls.enable:
        return None
    assert tls.cert is not None  # both are required then, see checks.py
    assert tls.key is not None
    return TlsFiles(tls.cert, tls.key, tls.client_ca, tls.client_auth)
