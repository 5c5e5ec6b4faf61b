"""What a translation could not carry."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigw_core.errors import InvalidRequest
from aigw_core.ledger import MAX_ENTRIES, Action, Ledger, LedgerEntry, warnings_header


def test_each_action_has_its_entry() -> None:
    ledger = Ledger()
    ledger.dropped("seed_unsupported", "/seed")
    ledger.approximated("effort_clamped", "/reasoning_effort", detail="high for xhigh")
    ledger.defaulted("max_tokens_default", "/max_tokens")
    ledger.carried("seal_wrapped", "/messages/1")
    assert ledger.entries == [
        LedgerEntry(Action.DROPPED, "seed_unsupported", "/seed"),
        LedgerEntry(Action.APPROXIMATED, "effort_clamped", "/reasoning_effort", "high for xhigh"),
        LedgerEntry(Action.DEFAULTED, "max_tokens_default", "/max_tokens", reported=False),
        LedgerEntry(Action.CARRIED, "seal_wrapped", "/messages/1", reported=False),
    ]


def test_the_same_loss_is_not_doubled() -> None:
    ledger = Ledger()
    ledger.dropped("name_dropped", "/messages/0")
    ledger.dropped("name_dropped", "/messages/0")
    ledger.dropped("name_dropped", "/messages/1")
    assert [entry.pointer for entry in ledger.entries] == ["/messages/0", "/messages/1"]
    assert ledger.omitted == 0


def test_entries_are_bounded_and_the_rest_counted() -> None:
    ledger = Ledger()
    for number in range(MAX_ENTRIES + 5):
        ledger.dropped("x", f"/{number}")
    assert len(ledger.entries) == MAX_ENTRIES
    assert ledger.omitted == 5


def test_what_is_not_reported_does_not_crowd_out_what_is() -> None:
    ledger = Ledger()
    for number in range(MAX_ENTRIES + 5):
        ledger.dropped("x", f"/{number}", reported=False)
    ledger.dropped("seed_unsupported", "/seed")
    assert warnings_header(ledger.entries) == "seed_unsupported;/seed"
    assert len(ledger.entries) == MAX_ENTRIES + 1


def test_the_header_names_only_what_is_reported() -> None:
    ledger = Ledger()
    ledger.dropped("seed_unsupported", "/seed")
    ledger.dropped("store", "/store", reported=False)
    ledger.approximated("stop_cut", "/stop")
    assert warnings_header(ledger.entries) == "seed_unsupported;/seed, stop_cut;/stop"
    assert warnings_header([]) == ""


def test_strict_mode_refuses_the_first_that_is_reported() -> None:
    ledger = Ledger()
    ledger.dropped("store", "/store", reported=False)
    ledger.refuse_reported()
    ledger.dropped("seed_unsupported", "/seed")
    ledger.dropped("stop_cut", "/stop")
    with pytest.raises(InvalidRequest, match=r"seed_unsupported.* and 1 more") as caught:
        ledger.refuse_reported()
    assert caught.value.failure.param == "/seed"
    assert caught.value.failure.code == "strict_mapping"


def test_pointers_follow_the_clients_format() -> None:
    ledger = Ledger({"sampling.seed": "/generationConfig/seed"})
    assert ledger.pointer("sampling.seed") == "/generationConfig/seed"
    assert ledger.pointer("sampling.top_k") == "/sampling/top_k"


def test_what_is_reported_is_not_crowded_out_by_what_is_not() -> None:
    # Strict mode looks at the reported entries, so none may get lost for the others.
    ledger = Ledger()
    for number in range(MAX_ENTRIES + 5):
        ledger.dropped("quiet", f"/{number}", reported=False)
    ledger.dropped("loud", "/last")
    assert [entry.code for entry in ledger.entries if entry.reported] == ["loud"]
    assert ledger.omitted == 5
    with pytest.raises(InvalidRequest):
        ledger.refuse_reported()


@given(st.lists(st.integers(0, 60), max_size=30), st.integers(12, 200))
def test_the_header_holds_whole_entries_and_counts_the_others(sizes: list[int], limit: int) -> None:
    entries = [
        LedgerEntry(Action.DROPPED, "code", "/" + str(number) + "x" * size)
        for number, size in enumerate(sizes)
    ]
    header = warnings_header(entries, limit)
    assert len(header) <= limit
    told = header.split(", ") if header else []
    cut = bool(told) and told[-1].startswith("more;")
    missing = int(told.pop().partition(";")[2]) if cut else 0
    assert told == [f"code;{entry.pointer}" for entry in entries[: len(told)]]
    assert len(told) + missing == len(entries)
