"""``openapi.json``: the description of this API."""

from __future__ import annotations

from typing import Any

from aigw_asgi.dashboard.operation import Answer, Call, Operation


async def _describe(call: Call) -> Answer:
    from aigw_asgi.dashboard.openapi import description

    return Answer(description())


OPERATIONS = (
    Operation(
        method="GET",
        path="/openapi.json",
        id="description",
        summary="The description of this API (OpenAPI 3.1)",
        handler=_describe,
        answer=dict[str, Any],
    ),
)
