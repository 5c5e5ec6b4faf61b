"""What the process needs before and beside requests; a change needs a restart."""

from __future__ import annotations

from msgspec import Struct

from aigw_core.config.schema import Config
from aigw_core.config.secret import Secret
from aigw_core.config.values import is_loopback


class ServerSettings(Struct, frozen=True):
    """Listener, processes, log and state."""

    host: str
    port: int
    """0: any free one."""
    tls_cert: str | None
    """File names; both ``None`` for plain HTTP."""
    tls_key: str | None
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

    def differing(self, other: ServerSettings) -> tuple[str, ...]:
        """The keys, as the file has them, whose values are not the same in ``other``."""
        return tuple(
            _KEYS.get(name, name.replace("_", "-"))
            for name in self.__struct_fields__
            if getattr(self, name) != getattr(other, name)
        )

    @property
    def loopback_only(self) -> bool:
        """Only this machine can reach the listener."""
        return is_loopback(self.host)


_KEYS = {
    "tls_cert": "tls.cert",
    "tls_key": "tls.key",
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
}


def server_settings(config: Config) -> ServerSettings:
    """The settings of a configuration that was read and checked."""
    tls = config.tls if config.tls.enable else None
    return ServerSettings(
        host=config.host,
        port=config.port,
        tls_cert=tls.cert if tls else None,
        tls_key=tls.key if tls else None,
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
    )
