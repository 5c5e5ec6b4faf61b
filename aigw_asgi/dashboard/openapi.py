"""The description of the dashboard's API, made from its operations and their types.

Run as a program it prints the document, which is kept as ``web/openapi.json``::

    python -m aigw_asgi.dashboard.openapi > web/openapi.json
"""

from __future__ import annotations

import sys
from functools import cache
from inspect import cleandoc
from typing import Any

import msgspec

from aigw_asgi.dashboard.operation import PREFIX, Operation
from aigw_asgi.dashboard.problem import Problem
from aigw_asgi.version import __version__

_REFERENCE = "#/components/schemas/{name}"

_MEANING = {
    200: "As asked",
    201: "Made",
    202: "Begun",
    204: "Done",
    400: "The request is malformed",
    401: "Nobody is signed in",
    403: "Not from here, or without its CSRF token",
    404: "There is no such thing",
    405: "Not with this method",
    409: "Somebody else has changed it meanwhile, or it cannot be changed",
    413: "The body is too large",
    415: "The body is no JSON",
    422: "A value is not possible",
    429: "Too often",
    500: "The gateway failed",
    503: "Not just now",
    507: "There is no room on the disk; nothing was changed",
}


@cache
def description() -> bytes:
    """The document as JSON."""
    from aigw_asgi.dashboard.resources import OPERATIONS

    return msgspec.json.format(msgspec.json.encode(describe(OPERATIONS)), indent=1)


def describe(operations: tuple[Operation, ...]) -> dict[str, Any]:
    from aigw_asgi.dashboard.changes import Preview

    types = [Problem, Preview]
    for each in operations:
        types += [found for found in (each.answer, each.body, each.query) if _has_schema(found)]
    schemas, components = msgspec.json.schema_components(types, ref_template=_REFERENCE)
    for component in components.values():
        if text := component.get("description"):
            component["description"] = cleandoc(text)  # which Python 3.13 does by itself
    known = dict(zip(map(id, types), schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for each in operations:
        entry = paths.setdefault(PREFIX + each.path, {})
        entry[each.method.lower()] = _operation(each, known, components, Preview)
    for each in operations:
        if each.query is not None:
            components.pop(each.query.__name__, None)  # it is spelled out
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "aigw dashboard",
            "version": __version__,
            "description": "What the dashboard of aigw is made of. Sign in at `auth/login`;"
            " scripts then send the token as a bearer, browsers the cookie, and with changes"
            " the header `x-csrf-token`.",
        },
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
                "cookie": {"type": "apiKey", "in": "cookie", "name": "aigw_session"},
            },
        },
        "security": [{"bearer": []}, {"cookie": []}],
    }


def _has_schema(type: Any) -> bool:
    return type is not None and type is not bytes


def _operation(
    each: Operation,
    known: dict[int, dict[str, Any]],
    components: dict[str, Any],
    preview: Any,
) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": each.id,
        "summary": each.summary,
        "tags": [each.resource],
    }
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        for name in each.names
    ]
    if each.query is not None:
        parameters += _query_parameters(components[each.query.__name__])
    if each.versioned:
        parameters.append(
            {
                "name": "if-match",
                "in": "header",
                "required": False,
                "description": "The version of the configuration that this was thought out for.",
                "schema": {"type": "string", "pattern": "^[0-9a-z]*$"},
            }
        )
    if parameters:
        described["parameters"] = parameters
    if each.body is not None:
        described["requestBody"] = {
            "required": each.body_required,
            "content": {"application/json": {"schema": known[id(each.body)]}},
        }
    if each.public:
        described["security"] = []
    described["responses"] = {str(each.status): _success(each, known)}
    if each.versioned:
        _add_preview(described["responses"], known[id(preview)])
    schema = known[id(Problem)]
    if each.relays:
        schema = {"anyOf": [schema, {"type": "object", "description": "As the format has it."}]}
    problem = {"application/json": {"schema": schema}}
    for status in each.statuses:
        described["responses"][str(status)] = {
            "description": _MEANING.get(status, "As the format has it"),
            "content": problem,
        }
    return described


def _add_preview(responses: dict[str, Any], schema: dict[str, Any]) -> None:
    """What is answered with ``dry_run``."""
    usual = responses.get("200")
    if usual is None:
        content = {"application/json": {"schema": schema}}
        responses["200"] = {"description": "What would be changed", "content": content}
        return
    content = usual["content"]["application/json"]
    content["schema"] = {"anyOf": [content["schema"], schema]}


def _query_parameters(schema: dict[str, Any]) -> list[dict[str, Any]]:
    required = schema.get("required", ())
    found = []
    for name, value in schema["properties"].items():
        value = dict(value)
        text = value.pop("description", None)
        value.pop("default", None)
        if "anyOf" in value:  # ``null`` cannot be said in a query
            options = [option for option in value["anyOf"] if option != {"type": "null"}]
            value = options[0] if len(options) == 1 else {"anyOf": options}
        parameter = {"name": name, "in": "query", "required": name in required, "schema": value}
        found.append({**parameter, "description": text} if text else parameter)
    return found


def _success(each: Operation, known: dict[int, dict[str, Any]]) -> dict[str, Any]:
    said: dict[str, Any] = {"description": _MEANING[each.status]}
    if each.answer is not None:
        schema = known[id(each.answer)] if _has_schema(each.answer) else {"type": "string"}
        said["content"] = {name: {"schema": schema} for name in each.content_types}
    if each.links:
        said["links"] = {
            link.operation: {
                "operationId": link.operation,
                "parameters": {link.parameter: f"$response.body#{link.pointer}"},
            }
            for link in each.links
        }
    return said


if __name__ == "__main__":
    sys.stdout.buffer.write(description() + b"\n")
