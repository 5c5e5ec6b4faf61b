"""A secret does not show itself, however it is printed, formatted or encoded."""

from __future__ import annotations

import json
import pickle
import traceback
from collections.abc import Callable

import msgspec
import pytest
from msgspec import Struct

from aigw_core.config.secret import HIDDEN, Secret, masked

CANARY = "canary-0123456789"
SECRET = Secret(CANARY)


class Holder(Struct, frozen=True):
    secret: Secret


@pytest.mark.parametrize(
    "show",
    [
        repr,
        str,
        format,
        ascii,
        lambda secret: f"{secret!r:>20}",
        lambda secret: f"{secret:>20}",
        lambda secret: "%s %r" % (secret, secret),  # noqa: UP031 (as logs do)
        lambda secret: "{0} {0!r}".format(secret),  # noqa: UP032
        lambda secret: repr([{"a": (secret,)}]),
        lambda secret: repr(Holder(secret)),
        lambda secret: json.dumps({"a": secret}, default=str),
        lambda secret: msgspec.json.encode(
            Holder(secret),
        ).decode(),
        lambda secret: msgspec.json.encode(Holder(secret), enc_hook=repr).decode(),
        lambda secret: repr(msgspec.to_builtins(Holder(secret), enc_hook=repr)),
        lambda secret: "".join(traceback.format_exception(ValueError(secret))),
    ],
)
def test_it_is_shown_as_asterisks_or_not_at_all(show: Callable[[Secret], str]) -> None:
    try:
        shown = show(SECRET)
    except TypeError as exc:  # it has no way to write it
        shown = f"{HIDDEN} {exc!r}"
    assert HIDDEN in shown
    assert CANARY not in shown


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_it_is_not_pickled(protocol: int) -> None:
    with pytest.raises(TypeError) as caught:
        pickle.dumps(SECRET, protocol)
    assert CANARY not in str(caught.value)


def test_it_has_no_attributes_to_look_into() -> None:
    assert not hasattr(SECRET, "__dict__")
    assert (SECRET.reveal(), Secret(CANARY) == SECRET, SECRET == CANARY) == (CANARY, True, False)
    assert (bool(SECRET), bool(Secret(""))) == (True, False)


@pytest.mark.parametrize(
    ("text", "shown"),
    [("", ""), ("a", "****"), ("a" * 15, "****"), ("sk-1" + "b" * 20 + "wxyz", "sk-1****wxyz")],
)
def test_of_a_long_one_both_ends_may_be_shown(text: str, shown: str) -> None:
    assert masked(Secret(text)) == shown
