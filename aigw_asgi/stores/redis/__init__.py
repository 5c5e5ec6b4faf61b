"""Shared state in Redis or Valkey, for gateways on several machines.

Needs the extra ``redis``. Import :mod:`aigw_asgi.stores.redis.state` only where such a
server is configured: the client library behind it takes a while to load.
"""
