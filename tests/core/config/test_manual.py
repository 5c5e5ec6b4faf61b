"""The example file, the manual and the JSON Schema say what the schema says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from aigw_asgi.config_store import load
from aigw_asgi.yaml_document import YamlDocument
from aigw_core.codec import Caps
from aigw_core.config.json_schema import json_schema
from aigw_core.config.reference import key_paths, reference_tables, sections
from aigw_core.config.schema import CapsEntry, Config, Section
from aigw_core.config.shape import Kind, keys_of

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "config.example.yaml"
MARK = "<!-- Written by aigw_core.config.reference; a test keeps it true. -->\n\n"

NAMES = ("AIGW_CLIENT_KEY", "CI_KEY", "ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GEMINI_API_KEY")
ENV = {name: f"value-of-{name}" for name in (*NAMES, "DEEPSEEK_API_KEY")}

PROVIDERS = ("claude-api-key", "openai-api-key", "gemini-api-key", "openai-compatibility")

NOT_DEFAULTS = {"host"}
"""Keys of one section each whose line in the example is no default."""


def uncommented() -> str:
    lines = EXAMPLE.read_text().splitlines(keepends=True)
    return "".join(line.removeprefix("# ") for line in lines)


def test_the_example_loads_as_it_stands() -> None:
    loaded = load(str(EXAMPLE), {})
    assert loaded.settings.host == "127.0.0.1"
    assert loaded.snapshot.credentials == ()


def test_the_example_loads_with_every_line_in_force(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(uncommented())
    loaded = load(str(file), ENV)
    assert loaded.warnings == ()
    assert [each.provider for each in loaded.snapshot.credentials] == [
        "claude",
        "openai",
        "gemini",
        "openai-compat",
    ]
    assert len(loaded.snapshot.client_keys) == 3


def written(data: Any, place: str) -> Iterator[tuple[str, Any]]:
    """Every path of the data in the form of ``key_paths``, with its value."""
    if isinstance(data, list):
        for item in data:
            yield from written(item, f"{place}[]")
    elif isinstance(data, dict):
        for name, value in data.items():
            path = f"{place}.{name}" if place else name
            yield path, value
            yield from written(value, path)


def in_one_list(path: str) -> str:
    """The path under one name for the four lists of credentials, and for all models."""
    for name in PROVIDERS:
        path = path.replace(f"{name}[]", "PROVIDER[]")
    for name in ("default", "default-raw", "override", "override-raw", "filter"):
        path = path.replace(f"payload.{name}[].models[]", "payload.RULE[].models[]")
    return path.replace("model-prices.my-model", "model-prices.*")


def test_every_key_is_in_the_example() -> None:
    data = YamlDocument(uncommented(), "example").data
    shown = {in_one_list(path) for path, _ in written(data, "")}
    missing = {path for path in key_paths() if in_one_list(path) not in shown}
    assert missing == set()


def plain_keys(section: type[Section], place: str) -> Iterator[tuple[str, object]]:
    """Keys outside lists and maps that take one value, with their defaults."""
    for key in keys_of(section).values():
        path = f"{place}.{key.name}" if place else key.name
        if key.shape.kind is Kind.SECTION:
            yield from plain_keys(key.shape.type, path)
        elif key.shape.kind in (Kind.SCALAR, Kind.SECRET):
            yield path, key.default


def test_the_example_shows_the_defaults() -> None:
    shown = dict(written(YamlDocument(uncommented(), "example").data, ""))
    shown["dashboard.password-hash"] = shown["dashboard.password-hash"] or None
    defaults = dict(plain_keys(Config, ""))
    different = {path for path, default in defaults.items() if shown[path] != default}
    assert different == NOT_DEFAULTS


def test_the_example_shows_the_defaults_of_caps() -> None:
    shown = dict(written(YamlDocument(uncommented(), "example").data, ""))
    usual = msgspec.to_builtins(Caps(token_field="max_tokens"))
    for key in keys_of(CapsEntry).values():
        value = shown[f"openai-compatibility[].caps.{key.name}"]
        default = usual[key.attribute]
        assert value == (list(default) if isinstance(default, tuple) else default), key.name


def test_the_manual_has_the_table_of_the_schema() -> None:
    manual = (ROOT / "docs" / "configuration.md").read_text()
    assert manual.partition(MARK)[2] == reference_tables(), (
        "write the result of reference_tables() behind the mark"
    )


def test_every_key_has_a_description() -> None:
    for section in sections():
        for key in keys_of(section).values():
            assert key.description.endswith((".", "?")), (section, key.name)


def test_the_json_schema_knows_every_key_and_no_other() -> None:
    schema = json_schema()
    definitions = schema["$defs"]
    for section in sections():
        definition = definitions[section.__name__]
        if section.shorthand:
            assert definition["anyOf"][0] == {"type": "string"}
            definition = definition["anyOf"][1]
        properties = {
            name for name, each in definition["properties"].items() if not each.get("deprecated")
        }
        assert properties == set(keys_of(section)), section
        assert definition["additionalProperties"] is False


def test_the_json_schema_marks_old_names() -> None:
    definitions = json_schema()["$defs"]
    top = definitions["Config"]["properties"]
    assert top["log-dir"]["deprecated"]
    assert top["logging-to-file"]["deprecated"]
    assert top["request-retry"]["maximum"] == 20
    assert definitions["Dashboard"]["properties"]["request-log-capacity"]["deprecated"]
    assert msgspec.json.decode(msgspec.json.encode(json_schema())) == json_schema()
