"""From a target to an attempt: the client's request, translated for that target and
changed as configuration says."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from aigw_core.attempt import Attempt, Call
from aigw_core.chat import ChatRequest, Format
from aigw_core.cloak.request import is_cloaked, put_on, take_marked_thoughts
from aigw_core.codec import Codec, Headers
from aigw_core.codecs import COMPACTING, COUNTING
from aigw_core.config.snapshot import Cloak, PayloadRules
from aigw_core.errors import ErrorKind, Failure, GatewayError
from aigw_core.outgoing import wire_request
from aigw_core.payload import Facts
from aigw_core.payload import apply as apply_rules
from aigw_core.routing.target import ECHO, Target
from aigw_core.sealing import Sealing
from aigw_core.seals import Provenance
from aigw_core.translate import Translation, translate_request
from aigw_core.wire_request import WireRequest

_NO_RULES = PayloadRules()


class Dispatch:
    """Prepares the attempts of one call. The client's request is decoded at most
    once, and not at all where every target speaks its format.

    ``cloak_headers`` go to targets whose cloak is on.
    """

    def __init__(
        self,
        call: Call,
        codecs: Mapping[Format, Codec],
        rules: PayloadRules = _NO_RULES,
        cloak_headers: Headers = (),
    ) -> None:
        self._call = call
        self._codecs = codecs
        self._rules = rules
        self._cloak_headers = cloak_headers
        self._decoded: ChatRequest | None = None
        # Endpoints beside the usual ones take fewer fields.
        self._beside = codecs is COUNTING or codecs is COMPACTING

    def prepare(self, number: int, target: Target) -> tuple[Attempt, WireRequest]:
        """The ``number``-th attempt, and what to send for it.

        Raises:
            GatewayError: the target's format is not built, or cannot carry what
                the client asks for.
        """
        credential = target.credential
        try:
            upstream = self._codecs[credential.format]
        except KeyError:
            message = f"the wire format {credential.format} is not built yet"
            raise GatewayError(Failure(ErrorKind.UNSUPPORTED, message)) from None
        # The built-in models read the whole request, also in the client's own format.
        relayed = upstream is self._call.codec and credential.provider != ECHO
        request = None if relayed else self._decode()
        call = self._call
        translation = translate_request(
            call.inbound,
            request,
            call.codec,
            upstream,
            target.model,
            credential.caps,
            strict=call.strict,
            sealing=self._sealing(target),
        )
        translation = self._follow_rules(translation, target)
        cloak = credential.cloak
        agent = call.inbound.headers.get("user-agent", "")
        cloaked = cloak is not None and is_cloaked(cloak, agent)
        if cloak is not None and cloaked:
            translation = self._put_on(cloak, translation)
        elif credential.format is Format.MESSAGES:
            translation = _without_marks(translation)
        attempt = Attempt(number, target, upstream, call, translation)
        wire = wire_request(
            credential,
            upstream,
            translation.encoded,
            call.inbound.headers,
            relayed=relayed,
            stream=call.peek.stream,
            request_id=call.context.request_id,
            defaults=self._cloak_headers if cloaked else (),
        )
        return attempt, wire

    def _follow_rules(self, translation: Translation, target: Target) -> Translation:
        if self._rules == _NO_RULES:
            return translation
        call, credential = self._call, target.credential
        facts = Facts(
            target.model,
            call.peek.model,
            credential.provider,
            credential.format,
            call.codec.format,
            call.inbound.headers,
        )
        encoded = translation.encoded
        body, changes = apply_rules(self._rules, encoded.body, facts, grow=not self._beside)
        if not changes:
            return translation
        return replace(translation, encoded=replace(encoded, body=body), changes=changes)

    def _put_on(self, cloak: Cloak, translation: Translation) -> Translation:
        call = self._call
        assert call.pseudonyms is not None, "a cloak needs them"
        cloaked = put_on(
            cloak,
            translation.encoded.body,
            call.pseudonyms,
            call.context.request_id,
            counting=self._beside,
        )
        return replace(
            translation,
            encoded=replace(translation.encoded, body=cloaked.body),
            changes=(*translation.changes, *cloaked.changes),
            ledger=(*translation.ledger, *cloaked.ledger),
            words=cloaked.words,
            # What comes back has to be read, whoever asked.
            relayed=translation.relayed and not cloaked.words,
        )

    def _sealing(self, target: Target) -> Sealing | None:
        sealer, credential = self._call.sealer, target.credential
        if sealer is None:
            return None
        return Sealing(sealer, Provenance(credential.format, target.model, credential.id))

    def _decode(self) -> ChatRequest:
        if self._decoded is None:
            call = self._call
            self._decoded = call.request
            if call.codec.echoes:
                context = replace(call.context, request=self._decoded)
                self._call = replace(call, context=context)
        return self._decoded


def _without_marks(translation: Translation) -> Translation:
    """Without reasoning in which words were put back, for a target that has no cloak."""
    encoded = translation.encoded
    body, ledger = take_marked_thoughts(encoded.body, None)
    if not ledger:
        return translation
    encoded = replace(encoded, body=body)
    return replace(translation, encoded=encoded, ledger=(*translation.ledger, *ledger))
