"""``models``: what clients may ask for, and what they get."""

from __future__ import annotations

from aigw_asgi.dashboard.model_list import ModelRow, model_rows
from aigw_asgi.dashboard.operation import Call, Operation, Shape
from aigw_asgi.stores.request_log import LogUnavailable


class Models(Shape, frozen=True, kw_only=True):
    models: tuple[ModelRow, ...]
    """By name; those of the built-in echo last."""
    prices_date: str
    """When the built-in prices were looked up, ISO 8601."""


async def _list(call: Call) -> Models:
    state = call.state
    used: dict[str, int | None] = {}
    if state.log is not None:
        try:
            used = {each.name: each.last for each in (await state.log.names()).models}
        except LogUnavailable:
            used = {}  # when a model was used last is the least of this
    return Models(
        models=model_rows(state, used),
        prices_date=state.prices.date,
    )


OPERATIONS = (
    Operation(
        method="GET",
        path="/models",
        id="listModels",
        summary="What clients may ask for, and what they get",
        handler=_list,
        answer=Models,
    ),
)
