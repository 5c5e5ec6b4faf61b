"""The cloak on a request: system prompt, user id, sensitive words.

For a Messages body that is about to be sent. What is not replaced keeps its bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from aigw_core.cloak.prose import Left, Prose, Thought, prose
from aigw_core.cloak.pseudonyms import Pseudonyms
from aigw_core.cloak.words import MARK, Hider, unmarked
from aigw_core.config.snapshot import Cloak
from aigw_core.jsontree import JsonTree, Step, pointer
from aigw_core.ledger import Action, LedgerEntry
from aigw_core.mutation import Change
from aigw_core.rare import holds

_encode = msgspec.json.encode
_decode = msgspec.json.decode
_MARK = MARK.encode()
_RARE_AT = MARK.index("~")


class Cloaked(Struct, frozen=True):
    """A request that may be sent."""

    body: bytes
    changes: tuple[Change, ...] = ()
    words: Mapping[str, str] = {}
    """Tokens that the request has, and the words that they stand for."""
    ledger: tuple[LedgerEntry, ...] = ()


def is_cloaked(cloak: Cloak, user_agent: str) -> bool:
    """Whether the cloak is for a client that calls itself so; empty: it says nothing."""
    return cloak.always or not any(map(user_agent.startswith, cloak.skip_user_agents))


def put_on(
    cloak: Cloak,
    body: bytes,
    pseudonyms: Pseudonyms,
    request_id: str,
    *,
    counting: bool = False,
) -> Cloaked:
    """``body``, a checked Messages request, as the vendor may see it.

    ``counting`` is for requests of token counts, which have no user id. Deterministic:
    the beginning of a conversation becomes the same on every turn.
    """
    hider = Hider(cloak.sensitive_words, pseudonyms, whole=cloak.whole_words)
    body, ledger = take_marked_thoughts(body, hider)
    wearing = _Wearing(body, hider)
    if cloak.sensitive_words:
        wearing.hide_words(cloak.system_prompt)
    wearing.put_system_prompt(cloak.system_prompt, replace=cloak.replace_system)
    if not counting:
        user = pseudonyms.user(None if cloak.user_id_per_key else request_id)
        wearing.put_user(user)
    return Cloaked(
        wearing.tree.render(),
        tuple(wearing.changes),
        hider.spellings,
        (*ledger, *wearing.ledger),
    )


def take_marked_thoughts(body: bytes, hider: Hider | None) -> tuple[bytes, tuple[LedgerEntry, ...]]:
    """``body`` without signed reasoning in which words were put back and which cannot be
    made again what was signed: the vendor would refuse it. Without a ``hider`` nothing
    can be made again."""
    if not holds(body, _MARK, _RARE_AT):
        return body, ()
    # Late, since it loads the codec, and hardly any request gets here.
    from aigw_core.codecs.messages.envelopes import drop_thoughts

    def is_lost(signature: str, text: str) -> bool:
        parts = unmarked(signature)
        return parts is not None and (hider is None or hider.hide_again(text, parts[1]) is None)

    body, pointers = drop_thoughts(body, is_lost)
    return body, tuple(LedgerEntry(Action.DROPPED, "reasoning_reworded", each) for each in pointers)


class _Wearing:
    """A body while the cloak is put on."""

    def __init__(self, body: bytes, hider: Hider) -> None:
        self.tree = JsonTree(body)
        self.changes: list[Change] = []
        self.ledger: list[LedgerEntry] = []
        self._body = body
        self._hider = hider

    def hide_words(self, prompt: str) -> None:
        """In the body; ``prompt`` is what else will be looked at."""
        everything = list(prose(_decode(self._body)))
        self._hider.narrow([prompt, *(found.text for found in everything)])
        for found in everything:
            if isinstance(found, Prose):
                hidden = self._hider.hide(found.text)
                if hidden is not found.text:
                    self._set(found.path, _encode(hidden), "cloak.sensitive-words")
            elif isinstance(found, Thought):
                self._make_again(found)
            elif self._hider.finds(found.text):
                self._leave(found)

    def _make_again(self, thought: Thought) -> None:
        parts = unmarked(thought.signature)
        if parts is None:
            return  # the vendor's own words, and signed
        signature, codes = parts
        hidden = self._hider.hide_again(thought.text, codes)
        assert hidden is not None, "others were taken out before"
        self._set((*thought.path, "thinking"), _encode(hidden), "cloak.sensitive-words")
        self._set((*thought.path, "signature"), _encode(signature), "cloak.sensitive-words")

    def _leave(self, found: Left) -> None:
        place = pointer(found.path)
        self.ledger.append(LedgerEntry(Action.CARRIED, "sensitive_word_left", place))

    def put_system_prompt(self, prompt: str, *, replace: bool) -> None:
        """Put the operator's text in front of the client's, or in its place."""
        text = self._hider.hide(prompt)
        before = self.tree.find(("system",))
        system: Any = None if before is None else _decode(before)
        if _first_text(system) == text and not (replace and _more_than_one(system)):
            return
        cause = "cloak.system-prompt"
        if replace and isinstance(system, list):
            # Up to here the client wants a cache: tools come before the system prompt.
            self._set(("system",), _encode([{**_block(text), **_last_mark(system)}]), cause)
        elif replace or not system:
            self._set(("system",), _encode(text), cause)
        elif isinstance(system, list):
            self.tree.insert_first(("system",), _encode(_block(text)))
            self.changes.append(Change(cause, "/system/0", None, _encode(_block(text))))
        else:
            assert before is not None
            self._set(("system",), b"[%s,%s]" % (_encode(_block(text)), _as_block(before)), cause)

    def put_user(self, user: str) -> None:
        if not isinstance(_decode(self.tree.find(("metadata",)) or b"null"), dict):
            self._set(("metadata",), _encode({"user_id": user}), "cloak.user-id")
        else:
            self._set(("metadata", "user_id"), _encode(user), "cloak.user-id")

    def _set(self, path: tuple[Step, ...], value: bytes, cause: str) -> None:
        before = self.tree.find(path)
        if before != value:
            done = self.tree.set(path, value)
            assert done, "the place was found before"
            self.changes.append(Change(cause, pointer(path), before, value))


def _first_text(system: Any) -> str | None:
    if isinstance(system, list) and system:
        system = system[0].get("text") if isinstance(system[0], dict) else None
    return system if isinstance(system, str) else None


def _more_than_one(system: Any) -> bool:
    return isinstance(system, list) and len(system) > 1


def _block(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def _as_block(text: bytes) -> bytes:
    return b'{"type":"text","text":%s}' % text


def _last_mark(system: list[Any]) -> dict[str, Any]:
    marks = [
        block["cache_control"]
        for block in system
        if isinstance(block, dict) and block.get("cache_control")
    ]
    return {"cache_control": marks[-1]} if marks else {}
