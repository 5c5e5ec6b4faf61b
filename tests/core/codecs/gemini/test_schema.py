"""JSON Schema and the vendor's older subset."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aigw_core.codecs.gemini.schema import from_openapi_subset, to_openapi_subset

ALLOWED = {
    "type", "title", "description", "format", "pattern", "minimum", "maximum", "minItems",
    "maxItems", "minLength", "maxLength", "minProperties", "maxProperties", "required", "default",
    "example", "propertyOrdering", "nullable", "properties", "items", "anyOf", "enum",
}  # fmt: skip


def subset(schema: object) -> tuple[Any, list[str]]:
    lost: list[str] = []
    raw = json.dumps(schema).encode()
    return json.loads(to_openapi_subset(raw, lost.append)), lost


def assert_in_subset(schema: Any) -> None:
    assert set(schema) <= ALLOWED
    for inner in schema.get("properties", {}).values():
        assert_in_subset(inner)
    for inner in schema.get("anyOf", []):
        assert_in_subset(inner)
    if "items" in schema:
        assert_in_subset(schema["items"])
    assert schema.get("type", "X").isupper()
    assert all(isinstance(value, str) for value in schema.get("enum", []))


@pytest.mark.parametrize(
    ("schema", "expected", "lost"),
    [
        ({"type": "string"}, {"type": "STRING"}, []),
        ({"type": ["string", "null"]}, {"nullable": True, "type": "STRING"}, []),
        ({"type": ["string", "integer"]}, {"anyOf": [{"type": "STRING"}, {"type": "INTEGER"}]}, []),
        ({"const": "a"}, {"enum": ["a"], "type": "STRING"}, []),
        ({"const": 1}, {}, ["enum"]),
        ({"enum": ["a", None]}, {"nullable": True, "enum": ["a"], "type": "STRING"}, []),
        ({"enum": [1, 2], "type": "integer"}, {"type": "INTEGER"}, ["enum"]),
        ({"oneOf": [{"type": "string"}, {"type": "number"}]},
         {"anyOf": [{"type": "STRING"}, {"type": "NUMBER"}]}, []),
        ({"anyOf": [{"type": "string"}, {"type": "null"}], "description": "d"},
         {"description": "d", "nullable": True, "type": "STRING"}, []),
        ({"anyOf": [{"type": "null"}]}, {"nullable": True}, []),
        ({"allOf": [{"properties": {"a": {"type": "string"}}, "required": ["a"]},
                    {"properties": {"b": {"type": "string"}}, "required": ["b", "a"]}]},
         {"type": "OBJECT", "properties": {"a": {"type": "STRING"}, "b": {"type": "STRING"}},
          "required": ["a", "b"]}, []),
        ({"type": "object", "additionalProperties": False, "$schema": "x", "properties": {}},
         {"type": "OBJECT", "properties": {}}, []),
        ({"type": "string", "not": {}, "exclusiveMinimum": 1}, {"type": "STRING"},
         ["not", "exclusiveMinimum"]),
        ({"items": {"type": "string"}}, {"type": "ARRAY", "items": {"type": "STRING"}}, []),
        ({"prefixItems": [{"type": "string"}], "type": "array"},
         {"type": "ARRAY", "items": {"anyOf": [{"type": "STRING"}]}}, ["prefixItems"]),
        ({"properties": {"a": True, "const": {"type": "string"}}},
         {"type": "OBJECT", "properties": {"a": {}, "const": {"type": "STRING"}}}, []),
        (True, {"type": "OBJECT"}, []),
    ],
)  # fmt: skip
def test_conversions(schema: object, expected: object, lost: list[str]) -> None:
    assert subset(schema) == (expected, lost)


def test_references_are_written_out() -> None:
    found, lost = subset(
        {
            "type": "object",
            "properties": {"p": {"$ref": "#/$defs/P~1x", "description": "mine"}},
            "$defs": {
                "P/x": {"type": "object", "properties": {"q": {"$ref": "#/$defs/Q"}}},
                "Q": {"enum": ["a"]},
            },
        }
    )
    assert found["properties"]["p"] == {
        "type": "OBJECT",
        "properties": {"q": {"enum": ["a"], "type": "STRING"}},
        "description": "mine",
    }
    assert lost == []


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"$ref": "#/$defs/A", "$defs": {"A": {"$ref": "#/$defs/B"}, "B": {"$ref": "#/$defs/A"}}},
        {"properties": {"next": {"$ref": "#"}, "all": {"allOf": [{"$ref": "#"}]}}},
        {"allOf": [{"$ref": "#/$defs/A"}], "$defs": {"A": {"allOf": [{"$ref": "#/$defs/A"}]}}},
        {"$ref": "https://elsewhere.example/schema"},
        {"$ref": "#/nowhere"},
    ],
)
def test_references_that_lead_back_end(schema: object) -> None:
    found, lost = subset(schema)
    assert_in_subset(found)
    assert set(lost) & {"$ref", "allOf"}


def test_references_that_double_each_time_end() -> None:
    definitions = {
        f"d{n}": {"properties": {k: {"$ref": f"#/$defs/d{n + 1}"} for k in "ab"}} for n in range(60)
    }
    found, lost = subset({"$ref": "#/$defs/d0", "$defs": definitions})
    assert_in_subset(found)
    assert "depth" in lost


def test_numbers_keep_their_spelling() -> None:
    raw = b'{"type":"number","minimum":1.0e5,"maximum":9223372036854775808}'
    expected = b'{"type":"NUMBER","minimum":1.0e5,"maximum":9223372036854775808}'
    assert to_openapi_subset(raw, lambda _: None) == expected
    assert from_openapi_subset(expected) == raw


SCHEMAS = st.recursive(
    st.sampled_from(
        [{"type": "string"}, {"type": ["integer", "null"]}, {"$ref": "#/$defs/A"}, {"const": 1},
         True, {}, {"enum": ["a", 1, None]}, None, 7, {"type": "null"}]
    ),
    lambda inner: st.fixed_dictionaries(
        {},
        optional={
            "type": st.sampled_from(["object", "array", ["object"], 5]),
            "properties": st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
            "items": inner,
            "anyOf": st.lists(inner, max_size=2),
            "oneOf": st.lists(inner, max_size=2),
            "allOf": st.lists(inner, max_size=2),
            "prefixItems": st.lists(inner, max_size=2),
            "not": inner,
            "$defs": st.fixed_dictionaries({"A": inner}),
        },
    ),
    max_leaves=12,
)  # fmt: skip


@settings(derandomize=True, max_examples=300)
@given(SCHEMAS)
def test_any_schema_lands_in_the_subset(schema: object) -> None:
    found, _ = subset(schema)
    assert_in_subset(found)


def test_the_subset_becomes_json_schema() -> None:
    found = json.loads(
        from_openapi_subset(
            json.dumps(
                {
                    "type": "OBJECT",
                    "properties": {
                        "b": {"type": "STRING", "nullable": True, "enum": ["x"], "format": "enum"},
                        "a": {"type": "ARRAY", "items": {"type": "INTEGER"}, "minItems": "1"},
                        "c": {"anyOf": [{"type": "NUMBER"}], "nullable": True},
                    },
                    "propertyOrdering": ["a", "b"],
                    "required": ["a"],
                }
            ).encode()
        )
    )
    assert list(found["properties"]) == ["a", "b", "c"]
    assert found == {
        "type": "object",
        "properties": {
            "a": {"type": "array", "items": {"type": "integer"}, "minItems": 1},
            "b": {"type": ["string", "null"], "enum": ["x", None]},
            "c": {"anyOf": [{"type": "number"}, {"type": "null"}]},
        },
        "required": ["a"],
    }


@settings(derandomize=True, max_examples=200)
@given(SCHEMAS, st.sampled_from([None, 7, "a", [["a"], {}, 1, "a"], {}]))
def test_any_schema_is_taken_for_one_of_the_subset(schema: object, odd: object) -> None:
    whole = {"properties": {"a": schema}, "propertyOrdering": odd, "nullable": True, "type": "X",
             "minItems": odd, "anyOf": odd, "enum": odd}  # fmt: skip
    assert isinstance(json.loads(from_openapi_subset(json.dumps(whole).encode())), dict)


def test_json_schema_in_the_place_of_the_subset_stays_what_it_was() -> None:
    schema = {"type": "object", "properties": {"type": {"type": "string"}}, "$schema": "x"}
    assert json.loads(from_openapi_subset(json.dumps(schema).encode())) == schema
