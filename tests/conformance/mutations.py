"""Nothing a client says gets lost in silence: the mutation law, over recorded requests.

Each field of a request is taken out, and each value changed, one at a time. What
goes to the upstream (body, path, headers), what the gateway keeps of the request to
write the answer, the ledger or the refusal must then differ from before. Where they
need not, :mod:`.mutation_exceptions` says so, by path and with a reason.
"""

from __future__ import annotations

import copy
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from msgspec import Struct

from aigw_core.chat import Format, Tool
from aigw_core.codec import Caps, Codec, Inbound
from aigw_core.codecs import CODECS
from aigw_core.errors import InvalidRequest
from aigw_core.ledger import LedgerEntry
from aigw_core.translate import translate_request
from tests import corpus
from tests.conformance import mutation_exceptions as exceptions
from tests.corpus_runs.runs import inbound_of

Path = tuple[str | int, ...]

_FREE = frozenset(
    {
        "parameters",
        "parametersJsonSchema",
        "input_schema",
        "schema",
        "responseSchema",
        "responseJsonSchema",
        "args",
        "input",
        "response",
        "metadata",
        "labels",
        "logit_bias",
    }
)
"""Members whose own members are the client's own words, not the format's."""


def pattern(path: Path, document: Any) -> str:
    """The path without numbers and the client's own names; members of lists carry the
    type or role they have: ``/messages[user]/content[text]/text``."""
    steps: list[str] = []
    node = document
    for place, step in enumerate(path):
        node = node[step]
        if isinstance(step, int):
            steps[-1] += f"[{_kind(node)}]"
            continue
        steps.append(step)
        if step in _FREE and isinstance(node, dict) and place + 1 < len(path):
            ordered = {"propertyOrdering", "property_ordering"} & set(path)
            order = "/propertyOrdering" if ordered else ""
            return "/" + "/".join(steps) + "/**" + order
    return "/" + "/".join(steps)


def _kind(node: Any) -> str:
    if not isinstance(node, dict):
        return type(node).__name__
    for name in ("type", "role"):
        if isinstance(node.get(name), str):
            return str(node[name])
    return next(iter(node), "") if len(node) == 1 else "*"


def paths(node: Any, path: Path = ()) -> Iterator[Path]:
    """To every member and entry, at any depth."""
    members: Iterable[tuple[str | int, Any]] = ()
    if isinstance(node, dict):
        members = node.items()
    elif isinstance(node, list):
        members = enumerate(node)
    for step, value in members:
        yield (*path, step)
        yield from paths(value, (*path, step))


class Mutation(Struct, frozen=True):
    document: Any
    what: str
    """``deleted`` or ``changed``."""


def mutations(document: Any, path: Path) -> Iterator[Mutation]:
    *parents, last = path
    for value in (_GONE, _other(_at(document, path))):
        if value is _SAME:
            continue
        copied = _spine(document, path)
        holder = _at(copied, tuple(parents))
        if value is _GONE:
            del holder[last]
            yield Mutation(copied, "deleted")
        else:
            holder[last] = value
            yield Mutation(copied, "changed")


_GONE = object()
_SAME = object()


def _at(node: Any, path: Path) -> Any:
    for step in path:
        node = node[step]
    return node


def _spine(node: Any, path: Path) -> Any:
    """A copy in which what leads to ``path`` is new."""
    if not path:
        return node
    copied = copy.copy(node)
    copied[path[0]] = _spine(node[path[0]], path[1:])
    return copied


def _other(value: Any) -> Any:
    """Another value of the same kind; containers have none of their own."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    if isinstance(value, str):
        return _other_text(value)
    return _SAME


_DATA_URL = re.compile(r"(data:[^,]*,)(.*)", re.DOTALL)


def _other_text(value: str) -> str:
    if match := _DATA_URL.fullmatch(value):
        return match[1] + "AAAA" + match[2]
    # At the front, so that base64 stays base64 and a path a path.
    return "AAAA" + value


class Trace(Struct, frozen=True):
    """Everything that a request leads to."""

    sent: object
    ledger: frozenset[LedgerEntry] = frozenset()
    refused: bool = False


def trace(client: Codec, upstream: Codec, inbound: Inbound) -> Trace:
    try:
        peek = client.peek(inbound)
        request = client.decode_request(inbound)
        done = translate_request(inbound, request, client, upstream, "up-model", Caps())
    except InvalidRequest as exc:
        return Trace(exc.failure, refused=True)
    freeform = [tool.name for tool in request.tools if isinstance(tool, Tool) and tool.freeform]
    encoded = done.encoded
    sent = (
        (peek, freeform, encoded.body, encoded.path, encoded.headers),
        (dict(encoded.tool_names), encoded.wrapped_tools),
    )
    return Trace(sent, frozenset(done.ledger))


class Loss(Struct, frozen=True):
    """A mutation that left no trace, and that no entry of the ledger accounts for."""

    client: Format
    upstream: Format
    pattern: str
    what: str
    value: Any
    case: str
    path: Path


class Search:
    """Goes through recorded requests of one client format.

    ``per_pattern`` bounds how many values of one path pattern are tried for each
    upstream (``None``: all); the first ones are, so the same every time. A request
    that an upstream refuses says nothing of what would be lost, and is passed over.
    """

    def __init__(self, client: Format, per_pattern: int | None) -> None:
        self.client = CODECS[client]
        self.upstreams = [CODECS[name] for name in Format if name is not client]
        self.per_pattern = per_pattern
        self.tried = 0
        self.named = 0
        """Mutations whose only trace is an entry that names what they are a part of."""
        self.requests = 0
        self.patterns: Counter[tuple[str, Format]] = Counter()
        self.excepted: Counter[int] = Counter()
        """Traceless mutations under each entry of the exceptions, by its number; -1:
        what was taken out said nothing."""
        self.losses: list[Loss] = []

    def over(self, cases: Iterable[corpus.Exchange]) -> Search:
        for case in cases:
            inbound = inbound_of(case)
            document = json.loads(inbound.body)
            if isinstance(document, dict):
                for upstream in self.upstreams:
                    self._look(case.id, upstream, inbound, document)
        return self

    def _look(self, case: str, upstream: Codec, inbound: Inbound, document: Any) -> None:
        chosen = []
        for path in paths(document):
            name = pattern(path, document)
            if self.per_pattern is None or self.patterns[name, upstream.format] < self.per_pattern:
                chosen.append((path, name))
        if not chosen:
            return
        request = _Request(self.client, upstream, inbound, document)
        if request.before.refused:
            return
        self.requests += 1
        for path, name in chosen:
            self.patterns[name, upstream.format] += 1
            for mutation in mutations(document, path):
                self.tried += 1
                if request.trace(mutation.document) != request.before:
                    continue
                if request.is_named(path):
                    self.named += 1
                    continue
                value = _at(document, path)
                number = exceptions.which(
                    self.client.format, upstream.format, name, mutation.what, value
                )
                if number is not None:
                    self.excepted[number] += 1
                    continue
                self.losses.append(
                    Loss(
                        self.client.format,
                        upstream.format,
                        name,
                        mutation.what,
                        value,
                        case,
                        path,
                    )
                )


class _Request:
    """One request on its way to one upstream."""

    def __init__(self, client: Codec, upstream: Codec, inbound: Inbound, document: Any) -> None:
        self._client = client
        self._upstream = upstream
        self._inbound = inbound
        self._document = document
        self._named: dict[Path, bool] = {}
        self.before = self.trace(document)
        self._turns: list[tuple[int, str]] = []
        if not self.before.refused:
            for turn in client.decode_request(inbound).turns:
                if match := _INDEX.match(turn.pointer):
                    self._turns.append((int(match[1]), turn.pointer))

    def trace(self, document: Any) -> Trace:
        body = json.dumps(document).encode()
        inbound = self._inbound
        changed = Inbound(body, inbound.headers, inbound.model, inbound.stream)
        return trace(self._client, self._upstream, changed)

    def is_named(self, path: Path) -> bool:
        """The ledger has an entry about ``path``, or about what it is a part of: one
        that is gone when that is, and all of its kind in the same turn. Turns as a
        whole are too much to be accounted for by one entry."""
        for size in range(len(path), 0, -1):
            part = path[:size]
            if size == 2 and part[0] in ("messages", "contents"):
                continue
            known = self._named.get(part)
            if known is None:
                known = self._named[part] = self._goes_with(part)
            if known:
                return True
        return False

    def _goes_with(self, part: Path) -> bool:
        turn = self._turn_of(part)
        pointers = {pointer_to(part[:size]) for size in range(1, len(part) + 1)} | {turn}
        # The ledger spells names as the format's reference does; clients may not.
        pointers = {_spelt(pointer) for pointer in pointers}
        about = {entry for entry in self.before.ledger if _spelt(entry.pointer) in pointers}
        if not about:
            return False
        name = pattern(part, self._document)
        copied = copy.deepcopy(self._document)
        for path in reversed(list(paths(self._document))):
            if path == part or (
                len(path) == len(part)
                and turn
                and self._turn_of(path) == turn
                and pattern(path, self._document) == name
            ):
                del _at(copied, path[:-1])[path[-1]]
        return bool(about - self.trace(copied).ledger)

    def _turn_of(self, path: Path) -> str:
        """The pointer of the turn that has what is at ``path``: formats of items make
        several of them one turn, which is where the first one is."""
        if len(path) < 2 or path[0] not in _TURNS or not isinstance(path[1], int):
            return ""
        return max(
            (turn for turn in self._turns if turn[0] <= path[1]),
            default=(0, ""),
            key=lambda t: t[0],
        )[1]


_INDEX = re.compile(r"/\w+/(\d+)")
_TURNS = ("messages", "contents", "input")


def _spelt(pointer: str) -> str:
    return pointer.replace("_", "").lower()


def pointer_to(path: Path) -> str:
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in path)
