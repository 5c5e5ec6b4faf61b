"""How the ASGI application is served: uvicorn, guarded and with a proper end.

:func:`run` is what ``aigw run`` calls; :func:`serve` is the same inside a loop.
Other servers can run the application too, and then bring their own limits.
"""

from aigw_asgi.server.certificates import BadCertificate, Certificates
from aigw_asgi.server.listen import bind
from aigw_asgi.server.serving import Hooks, StartupFailed, quiet_uvicorn, run, serve
from aigw_asgi.server.settings import HttpChoice, Limits, LoopChoice, ServerSettings
from aigw_asgi.server.signals import Control, Signals

__all__ = [
    "BadCertificate",
    "Certificates",
    "Control",
    "Hooks",
    "HttpChoice",
    "Limits",
    "LoopChoice",
    "ServerSettings",
    "Signals",
    "StartupFailed",
    "bind",
    "quiet_uvicorn",
    "run",
    "serve",
]
