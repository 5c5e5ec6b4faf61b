"""The JSON Schema of the configuration file, for editors and for forms."""

from __future__ import annotations

from typing import Any

import msgspec

from aigw_core.config.aliases import ALIASES, LOG_SWITCH
from aigw_core.config.path import render_path
from aigw_core.config.reference import sections
from aigw_core.config.schema import Config

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema() -> dict[str, Any]:
    """The schema as plain JSON data, made anew at each call.

    Old names are in it, marked as deprecated. References (``${VAR}``) are
    allowed by the reader in place of any value; the schema knows them only
    where the value is a text.
    """
    made = msgspec.json.schema(Config, schema_hook=_secret)
    # Through JSON once: defaults that are tuples become lists.
    schema: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(made))
    definitions = schema["$defs"]
    for section in sections():
        if section.shorthand is not None:
            whole = definitions[section.__name__]
            definitions[section.__name__] = {"anyOf": [{"type": "string"}, whole]}
    top = definitions["Config"]["properties"]
    for old, new in ALIASES.items():
        place = top if len(old) == 1 else definitions["Dashboard"]["properties"]
        section_name = top[str(new[0])]["$ref"].rpartition("/")[2]
        target = definitions[section_name]["properties"][str(new[1])]
        place[str(old[-1])] = {
            **{key: value for key, value in target.items() if key != "default"},
            "description": f"Old name of {render_path(new)}.",
            "deprecated": True,
        }
    top[str(LOG_SWITCH[0])] = {
        "type": "boolean",
        "description": "Replaced by log.dir.",
        "deprecated": True,
    }
    debug = top["debug"]
    top["debug"] = {"description": debug["description"], "anyOf": [debug, {"type": "boolean"}]}
    return {"$schema": DIALECT, "title": "aigw configuration", **schema}


def _secret(_: type) -> dict[str, Any]:
    return {"type": "string", "writeOnly": True}
