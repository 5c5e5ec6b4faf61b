"""Every input that fuzzing starts from, and every one that it found, with mutations of each.

So what a fuzzer can find close to them is found without one, and nothing that it found comes
back. The mutations are always the same; ``AIGW_DEEP=1`` makes twenty times as many.
"""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import pytest

from tests.corpus import DEEP
from tests.fuzz.mutators import json_mutator
from tests.fuzz.targets import CORPUS, TARGETS, Target, load
from tests.mutate import damaged_bytes

MUTATIONS = 200 * (20 if DEEP else 1)
SLOW = {"stream": 4, "request": 2, "answer": 4, "config": 4}
"""Where one check takes some milliseconds there are so many times fewer."""

INPUTS = [(name, path.name) for name in TARGETS for path in sorted((CORPUS / name).iterdir())]


def test_every_target_has_inputs_and_no_others_are_there() -> None:
    assert sorted(path.name for path in CORPUS.iterdir()) == sorted(TARGETS)
    assert {name for name, _ in INPUTS} == set(TARGETS)
    modules = {path.stem for path in (Path(__file__).parent / "targets").glob("*.py")}
    assert modules == {*TARGETS, "__init__"}


@pytest.mark.parametrize(("name", "file"), INPUTS, ids=["/".join(each) for each in INPUTS])
def test_inputs_and_their_mutations(name: str, file: str) -> None:
    target = load(name)
    data = (target.corpus / file).read_bytes()
    target.check(data)
    count = MUTATIONS // SLOW.get(name.partition("_")[0], 1)
    for mutated in damaged_bytes(data, count // 2 if target.json else count):
        check(target, mutated)
    if target.json:
        dice = Random(len(data))
        mutate = json_mutator(lambda same, _: same)
        for number in range(count // 2):
            check(target, mutate(data, 1 << 20, dice.getrandbits(32) + number))


def check(target: Target, data: bytes) -> None:
    try:
        target.check(data)
    except Exception as exc:
        exc.add_note(f"the input was {data!r}")
        raise


def test_documents_are_changed_in_place_and_stay_documents() -> None:
    before = b'event: a\ndata: {"a":[1,{"b":"c"}]}\n\ndata: [DONE]\n\n'
    mutate = json_mutator(lambda same, _: same)
    found = {mutate(before, 1000, seed) for seed in range(200)}
    assert len(found) > 20
    for each in found:
        start, line, *rest = each.split(b"\n")
        assert (start, rest) == (b"event: a", [b"", b"data: [DONE]", b"", b""])
        json.loads(line.removeprefix(b"data: "))
