"""What outlives a request, or is known to more than one process.

Two protocols, and what implements them: :class:`~aigw_asgi.stores.shared_state.SharedState`
and the request log. Nothing in the path of a request waits for a store longer than a
moment, and none that is lost makes a request fail.
"""
