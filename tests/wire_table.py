"""What becomes of every feature in every pair of formats, found by trying it.

``python -m tests.wire_table`` writes the tables of ``docs/wire-formats.md`` anew.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from aigw_core.chat import Format
from aigw_core.codec import Caps, Inbound
from aigw_core.codecs import CODECS
from aigw_core.errors import InvalidRequest
from aigw_core.ledger import Action, Ledger, LedgerEntry
from tests.wire_features import BASE, FEATURES, TURNS, USER, Json, Sample

DOCUMENT = Path(__file__).parent.parent / "docs" / "wire-formats.md"
BEGIN, END = "<!-- the tables, by python -m tests.wire_table -->\n", "<!-- end of the tables -->\n"

CARRIED = "carried"
SILENT = "as it is"
"""The target does so without being told."""

_CAPTIONS = {
    Format.CHAT: "A Chat Completions client",
    Format.MESSAGES: "A Messages client",
    Format.RESPONSES: "A Responses client",
    Format.GEMINI: "A Gemini client",
}
_WORDS = {
    Action.DROPPED: "dropped",
    Action.APPROXIMATED: "mapped",
    Action.DEFAULTED: "defaulted",
    Action.CARRIED: "carried",
}


def body_of(format: Format, sample: Sample) -> Json:
    """The request that a sample makes."""
    below = FEATURES[format][sample.on] if sample.on is not None else None
    body = json.loads(json.dumps(BASE[format] if below is None else body_of(format, below)))
    turns = body.setdefault(TURNS[format], [json.loads(json.dumps(USER[format]))])
    turns[0]["parts" if format is Format.GEMINI else "content"] += sample.content
    turns[:0] = sample.before
    turns += sample.after
    return _merge(body, sample.fields)


def _merge(into: Json, fields: Json) -> Json:
    for name, value in fields.items():
        if isinstance(value, dict) and isinstance(into.get(name), dict):
            _merge(into[name], value)
        else:
            into[name] = value
    return into


def translate(source: Format, target: Format, body: Json) -> tuple[Any, list[LedgerEntry]]:
    """The upstream's body and what the ledger says; raises ``InvalidRequest``."""
    client = CODECS[source]
    model = "m" if source is Format.GEMINI else None
    request = client.decode_request(Inbound(json.dumps(body).encode(), model=model, stream=True))
    ledger = Ledger(client.pointers)
    encoded = CODECS[target].encode_request(request, "m", Caps(), ledger)
    return json.loads(encoded.body), ledger.entries


def outcome(source: Format, target: Format, feature: str) -> str:
    """What becomes of a feature, as a cell of the table has it."""
    sample = FEATURES[source][feature]
    base = sample.on or sample.than
    without = Sample() if base is None else FEATURES[source][base]
    try:
        body, entries = translate(source, target, body_of(source, sample))
    except InvalidRequest as exc:
        return "refused: " + _reason(exc)
    plain, known = translate(source, target, body_of(source, without))
    new = [entry for entry in entries if entry not in known]
    said = list(dict.fromkeys(map(_words, new)))
    if body != plain and all(entry.action is Action.DROPPED for entry in new):
        said.insert(0, CARRIED if not new else "carried in part")
    return "; ".join(said) or SILENT


def _reason(exc: InvalidRequest) -> str:
    text = exc.failure.message
    return text.removeprefix(f"{exc.failure.param}: ").replace("|", "\\|")


def _words(entry: LedgerEntry) -> str:
    warned = ", warned" if entry.reported else ""
    return f"{_WORDS[entry.action]}{warned} (`{entry.code}`)"


def table(source: Format) -> str:
    """What becomes of a client's request, by feature and target."""
    targets = list(CODECS)
    rows = [
        [feature, *(outcome(source, target, feature) for target in targets)]
        for feature in FEATURES[source]
    ]
    lines = [f"### {_CAPTIONS[source]}", "", _row(["", *(f"to {target}" for target in targets)])]
    lines.append(_row(["---"] * (len(targets) + 1)))
    return "\n".join([*lines, *map(_row, rows)]) + "\n"


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def tables() -> str:
    return "\n".join(table(source) for source in CODECS)


def renewed(document: str) -> str:
    """The document with its tables written anew."""
    head, _, rest = document.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return f"{head}{BEGIN}\n{tables()}\n{END}{tail}"


if __name__ == "__main__":
    DOCUMENT.write_text(renewed(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
    sys.stderr.write(f"{DOCUMENT} is up to date\n")
