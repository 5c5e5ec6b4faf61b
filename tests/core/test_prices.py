"""What answers cost."""

from __future__ import annotations

import json
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from aigw_asgi.price_table import FILE, bundled_prices
from aigw_core.chat import Usage
from aigw_core.codecs import CODECS
from aigw_core.config.snapshot import Price
from aigw_core.prices import PriceBook, PriceTable, cost, read_table
from tests.usage_documents import ANSWERS

PRICE = Price(
    input=Decimal("3"),
    output=Decimal("15"),
    cache_read=Decimal("0.30"),
    cache_write=Decimal("3.75"),
    cache_write_long=Decimal("6"),
)
FREE = Price(Decimal(0), Decimal(0), Decimal(0), Decimal(0))
ONE = Price(Decimal(1), Decimal(1), Decimal(1), Decimal(1))

counts = st.none() | st.integers(0, 10**9)
usages = st.builds(
    Usage,
    input=counts,
    cache_read=counts,
    cache_write=counts,
    cache_write_long=counts,
    tool_prompt=counts,
    output=counts,
    reasoning=counts,
)


def test_each_kind_has_its_price() -> None:
    usage = Usage(
        input=1000, cache_read=2000, cache_write=300, cache_write_long=40, output=500, reasoning=60
    )
    # 1000*3 + 2000*0.3 + 300*3.75 + 40*6 + 560*15, by a million
    assert cost(usage, PRICE) == Decimal("0.013365")


def test_reasoning_may_have_a_price_of_its_own() -> None:
    price = replace(PRICE, reasoning=Decimal("60"))
    assert cost(Usage(output=100, reasoning=100), price) == Decimal("0.0075")


def test_longer_writes_cost_as_others_where_no_price_is_known() -> None:
    price = replace(PRICE, cache_write_long=None)
    assert cost(Usage(cache_write_long=1000), price) == Decimal("0.00375")


def test_a_long_prompt_is_charged_by_its_own_list() -> None:
    dear = replace(PRICE, input=Decimal("6"), output=Decimal("22.5"))
    price = replace(PRICE, long=dear, long_above=200_000)
    assert cost(Usage(input=200_000, output=0), price) == Decimal("0.6")
    assert cost(Usage(input=200_001, output=0), price) == Decimal("1.200006")
    assert cost(Usage(input=1, cache_read=200_000, output=10**6), price) == Decimal("22.560006")


def test_audio_has_its_own_price_where_there_is_one() -> None:
    price = replace(PRICE, audio_input=Decimal("40"), audio_output=Decimal("80"))
    usage = Usage(input=1000, output=1000, audio_input=400, audio_output=100)
    assert cost(usage, price) == Decimal("0.0393")
    assert cost(usage, PRICE) == Decimal("0.018")


@pytest.mark.parametrize("tier", ["flex", "priority", "batch", "scale"])
def test_other_service_tiers_are_unpriced(tier: str) -> None:
    assert cost(Usage(input=1, output=1, tier=tier), PRICE) is None


@pytest.mark.parametrize("tier", [None, "default", "standard", "auto", "on_demand", "ON_DEMAND"])
def test_the_standard_tier_is_priced(tier: str | None) -> None:
    assert cost(Usage(input=1, output=1, tier=tier), PRICE) is not None


def test_unknown_usage_has_an_unknown_cost() -> None:
    assert cost(Usage(), FREE) is None
    assert cost(Usage(input=0, output=0), PRICE) == 0


@settings(max_examples=200, derandomize=True)
@given(usages)
def test_costs_add_up_exactly_and_nothing_is_charged_twice(usage: Usage) -> None:
    """The whole costs as much as each kind alone; at one price, as all tokens."""
    kinds = ("input", "cache_read", "cache_write", "cache_write_long", "tool_prompt")
    parts = [
        cost(Usage(**{kind: getattr(usage, kind)}), PRICE)
        for kind in (*kinds, "output", "reasoning")
    ]
    known = [part for part in parts if part is not None]
    assert cost(usage, PRICE) == (sum(known, Decimal(0)) if known else None)
    flat = cost(usage, ONE)
    assert (flat or 0) * 10**6 == (usage.input_total or 0) + (usage.output_total or 0)


def test_cached_tokens_inside_the_prompt_count_are_charged_once() -> None:
    """Two formats count cached tokens in the prompt, one beside it."""
    for format, answer in ANSWERS.items():
        usage = CODECS[format].decode_response(answer).usage
        assert cost(usage, PRICE) == Decimal("0.00234"), format  # 200*3 + 800*.3 + 100*15


# --- finding -----------------------------------------------------------------


def book(*own: str) -> PriceBook:
    prices = {name: replace(FREE, input=Decimal(at)) for at, name in enumerate(own, 1)}
    table = {
        name: replace(FREE, output=Decimal(at))
        for at, name in enumerate(("model-a", "model-a-2024-05-13", "vendor/model-b"), 1)
    }
    return PriceBook(prices, PriceTable("2026-01-01", table))


@pytest.mark.parametrize(
    ("model", "output"),
    [
        ("model-a", 1),
        ("model-a-20250514", 1),
        ("model-a@20250514", 1),
        ("model-a-2024-08-06", 1),
        ("model-a-2024-05-13", 2),
        ("reseller/vendor/model-a", 1),
        ("reseller/model-a-2024-05-13", 2),
        ("reseller/model-a-20250514", 1),
        ("vendor/model-b", 3),
    ],
)
def test_exact_then_the_tail_then_without_a_date(model: str, output: int) -> None:
    found = book().find(model)
    assert found is not None
    assert found.output == output


@pytest.mark.parametrize(
    "model",
    ["", "model", "model-a-mini", "model-b", "model-a-20250514-x", "model-a-1234", "MODEL-A", "/"],
)
def test_what_is_not_known_has_no_price(model: str) -> None:
    assert book().find(model) is None


@pytest.mark.parametrize(
    ("own", "model"),
    [
        ("model-a", "model-a"),
        ("model-a", "model-a-2024-05-13"),
        ("model-a", "reseller/model-a-20250514"),
        ("reseller/model-a", "reseller/model-a"),
    ],
)
def test_the_operators_prices_go_first(own: str, model: str) -> None:
    found = book(own).find(model)
    assert found is not None
    assert found.input == 1


# --- the bundled table -------------------------------------------------------


def test_the_bundled_table_is_sound() -> None:
    table = bundled_prices()
    assert len(table.models) > 60
    assert len(json.loads(FILE.read_bytes())["models"]) == len(table.models)
    for name, price in table.models.items():
        for each in (price, price.long or price):
            assert 0 < each.cache_read <= each.input <= each.cache_write, name
            assert each.input <= each.output, name
            assert each.cache_write <= (each.cache_write_long or each.cache_write), name
        assert (price.long is None) == (price.long_above == 0), name
        if price.long is not None:
            assert price.input <= price.long.input, name


def test_a_key_twice_in_the_table_would_be_seen() -> None:
    text = FILE.read_text()
    pairs: list[str] = []
    json.loads(text, object_pairs_hook=lambda items: pairs.extend(name for name, _ in items))
    models = [name for name in pairs if name in bundled_prices().models]
    assert len(models) == len(set(models))


def test_a_damaged_table_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError):
        read_table(b'{"date":"x","about":"","models":{"m":{"input":"1","outptu":"2"}}}')


@pytest.mark.parametrize(
    ("model", "input", "output"),
    [
        ("claude-sonnet-4-5-20250929", "3", "15"),
        ("anthropic/claude-3-5-haiku-20241022", "0.80", "4"),
        ("gpt-4o-2024-08-06", "2.50", "10"),
        ("openai/o3-2025-04-16", "2", "8"),
        ("gemini-2.5-flash", "0.30", "2.50"),
    ],
)
def test_well_known_models_are_priced(model: str, input: str, output: str) -> None:
    price = PriceBook({}, bundled_prices()).find(model)
    assert price is not None
    assert (price.input, price.output) == (Decimal(input), Decimal(output))
