"""What routing speaks of: a place to send a request to, and why another is none."""

from __future__ import annotations

from enum import IntEnum

from msgspec import Struct

from aigw_core.config.snapshot import Credential

ECHO = "echo"
"""The provider of the built-in models."""


class Match(IntEnum):
    """How a name met a credential, best first."""

    EXACT = 0
    ALIAS = 1
    GLOB = 2
    ANY = 3


class Target(Struct, frozen=True):
    """A credential and a model to try there."""

    credential: Credential
    model: str
    """The upstream's name."""
    match: Match
    requested: str = ""
    """The name that led here: the client's, or a fallback for it."""


class Rejection(Struct, frozen=True, gc=False):
    """Why a credential is not a target."""

    credential: str
    """Its name."""
    reason: str
    """``credential_disabled``, ``model_not_supported``, ``model_excluded``,
    ``access_denied``, ``provider_pin_excluded`` or ``cooldown_active``."""
    requested: str = ""
    """The name that was looked for."""
