"""What must hold for any body that a client sends."""

from __future__ import annotations

from collections.abc import Callable

from aigw_core.chat import ChatRequest, Format
from aigw_core.codec import Caps, Codec, Inbound
from aigw_core.codecs import CODECS
from aigw_core.errors import InvalidRequest
from aigw_core.translate import Translation, translate_request
from tests import laws_documents
from tests.laws import hold
from tests.laws_documents import raises_only
from tests.seeds import SEEDS


def check_request(client: Format, data: bytes) -> None:
    """It is refused with a status of 4xx, or translated for every upstream; what is passed
    on to one of its own format, is read as what it was."""
    codec = CODECS[client]
    inbound = SEEDS[client].inbound_of(data)
    laws_documents.request_errors_are_declared(codec, CODECS.values(), inbound)
    if not _accepted(codec, lambda: codec.peek(inbound)):
        return
    _translate(inbound, None, codec, codec)
    request = raises_only(InvalidRequest, lambda: codec.decode_request(inbound))
    if request is not None:
        for upstream in CODECS.values():
            _translate(inbound, request, codec, upstream)


def _translate(
    inbound: Inbound, request: ChatRequest | None, client: Codec, upstream: Codec
) -> None:
    def translate(*, strict: bool) -> Translation:
        return translate_request(
            inbound, request, client, upstream, "up-model", Caps(), strict=strict
        )

    if _accepted(client, lambda: translate(strict=True)):
        ledger = translate(strict=False).ledger
        reported = [entry for entry in ledger if entry.reported]
        hold(not reported, f"strict, and yet it was left out: {reported}")
    else:
        _accepted(client, lambda: translate(strict=False))


def _accepted(client: Codec, run: Callable[[], object]) -> bool:
    """Whether ``run`` refuses nothing; what it refuses, is told with a status of 4xx."""
    try:
        run()
    except InvalidRequest as exc:
        status, _ = client.encode_error(exc.failure, "req_1")
        hold(400 <= status <= 499, f"a refusal of status {status}")
        return False
    return True
