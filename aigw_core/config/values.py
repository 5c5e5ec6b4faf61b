"""Checks of single values: what a text of the configuration must look like.

A check takes the value and returns what is wrong with it, or ``None``. No
message repeats the value: it may hold a password. Schema types name their
check in ``Meta(extra={"check": ...})``; the decoder runs it.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated

import msgspec
from msgspec import Meta

from aigw_core import egress
from aigw_core.chat import Format
from aigw_core.errors import ConfigError
from aigw_core.outgoing import PROTECTED

_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, 5.6.2
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")  # RFC 9110, 5.5
_KEY = re.compile(r"[\x21-\x7e]*")
_PROXY = re.compile(
    r"(?:http|https|socks5h?)://(?:[^\s/?#@]*@)?(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)"
    r"(?::(\d{1,5}))?/?",
    re.IGNORECASE,
)
_REDIS = re.compile(
    r"rediss?://(?:[^\s/?#@]*@)?(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(\d{1,5}))?(?:/\d*)?"
    r"|unix://(?:[^\s/?#@]*@)?/[^\s?#]+(?:\?db=\d+)?",
    re.IGNORECASE,
)
MAX_BCRYPT_COST = 14
"""Of the hash of a password: a second of a core for each attempt, twice that for each more."""

_BCRYPT = re.compile(r"\$2[abxy]\$(0[4-9]|[12]\d|3[01])\$[./A-Za-z0-9]{53}")
_KEY_HASH = re.compile(r"sha256:[0-9A-Fa-f]{64}")
_POSITION = re.compile(r"0|[1-9][0-9]{0,8}")
_NO_POSITION = re.compile(r"-[0-9]+|0[0-9]+|.*\[-?[0-9]*\]", re.DOTALL)
_ID = re.compile(r"[0-9a-z][0-9a-z-]{7,63}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")

PROVIDER_NAMES = ("openai", "claude", "gemini", "openai-compat")
"""How payload rules and key policies name the four kinds of credentials."""

WIRE_FORMATS = ("chat", "messages", "responses")
"""How payload rules name the wire formats of upstreams, beside gemini."""

CLIENT_FORMATS = {
    "chat": Format.CHAT,
    "messages": Format.MESSAGES,
    "responses": Format.RESPONSES,
    "gemini": Format.GEMINI,
    "openai": Format.CHAT,
    "claude": Format.MESSAGES,
}
"""How payload rules name the wire formats of clients."""

MAX_KEY_PREFIX = 16
"""Characters."""

_NEVER_PASSED = PROTECTED | {"set-cookie", "server", "location", "date"}


def check_host(text: str) -> str | None:
    """A listen address: an IPv4 or IPv6 address without brackets, or a host name."""
    if _HOST.fullmatch(text):
        return None
    return "must be an IP address (IPv6 without brackets) or a host name"


def is_loopback(host: str) -> bool:
    """Whether a listener on ``host`` can be reached from this machine only."""
    if host.lower() in ("localhost", "::1"):
        return True
    parts = host.split(".")
    return parts[0] == "127" and len(parts) == 4 and all(part.isdigit() for part in parts)


def check_base_url(url: str) -> str | None:
    """A provider's address, without what is added to it."""
    problem = _egress_problem(url, allow_insecure=True)
    last = url.rstrip("/").rsplit("/", 1)[-1]
    if problem is None and last in ("v1", "v1beta"):
        return f"must not end in /{last}: that part is added to it"
    return problem


def check_secure(url: str) -> str | None:
    """That plain http stays on loopback and private networks."""
    return _egress_problem(url, allow_insecure=False)


def _egress_problem(url: str, *, allow_insecure: bool) -> str | None:
    try:
        egress.check_base_url(url, allow_insecure)
    except ConfigError as exc:
        return exc.problem
    return None


def check_proxy_url(url: str) -> str | None:
    """``http``, ``https``, ``socks5`` or ``socks5h`` (names are looked up by the proxy
    with both); empty for a direct connection."""
    if not url:
        return None
    match = _PROXY.fullmatch(url)
    if match is None:
        return "must be http://HOST:PORT, https://HOST:PORT or socks5://HOST:PORT, without a path"
    return _check_port(match[1])


def check_redis_url(url: str) -> str | None:
    match = _REDIS.fullmatch(url)
    if match is None:
        return "must be redis://HOST:PORT/DB (rediss:// for TLS), or unix:///PATH?db=DB"
    return _check_port(match[1])


def _check_port(digits: str | None) -> str | None:
    if digits is not None and not 0 < int(digits) < 65536:
        return "the port is not a number from 1 to 65535"
    return None


def check_api_key(text: str) -> str | None:
    """A provider's key, which goes into a header. Empty: the entry is not used."""
    if _KEY.fullmatch(text):
        return None
    return "must hold no spaces, line breaks, control or non-ASCII characters"


def check_token(text: str) -> str | None:
    """A key that others present to aigw."""
    return check_api_key(text) if text else "must not be empty"


def check_key_hash(text: str) -> str | None:
    if _KEY_HASH.fullmatch(text):
        return None
    return 'must be "sha256:" and 64 hex digits'


def check_strong_secret(text: str) -> str | None:
    """A secret that signs or encrypts."""
    if len(text.encode("utf-8", "surrogatepass")) < 32:
        return "is too short: at least 32 bytes are needed (openssl rand -hex 32 makes good ones)"
    return None


def check_password_hash(text: str) -> str | None:
    found = _BCRYPT.fullmatch(text)
    if text and found is None:
        return "is not a bcrypt hash ($2b$12$...); make one with: aigw hash-password"
    if found is not None and int(found[1]) > MAX_BCRYPT_COST:
        return (
            f"has a cost of {int(found[1])}: each sign-in would keep a core busy for seconds to"
            f" hours; at most {MAX_BCRYPT_COST}"
        )
    return None


def check_glob(text: str) -> str | None:
    """A pattern over model or provider names: ``*``, ``?`` and literal characters."""
    if not text:
        return "an empty pattern matches nothing"
    return check_name(text)


def check_name(text: str) -> str | None:
    if not text:
        return "must not be empty"
    if text != text.strip() or _CONTROL.search(text):
        return "must not begin or end with a space, nor hold control characters"
    return None


def check_id(text: str) -> str | None:
    if _ID.fullmatch(text):
        return None
    return "must be 8 to 64 lower-case letters, digits and hyphens"


def check_key_prefix(text: str) -> str | None:
    """The beginning of a client key: enough to know it again, too little to guess it."""
    problem = check_token(text)
    if problem is None and len(text) > MAX_KEY_PREFIX:
        return f"is longer than {MAX_KEY_PREFIX} characters: it must not be the key itself"
    return problem


def check_sensitive_word(text: str) -> str | None:
    """A word that a placeholder stands in for."""
    if len(text) == 1:
        return "is too short: a sensitive word has two characters or more"
    return check_name(text)


def check_prefix(text: str) -> str | None:
    return check_name(text) if text else None


def check_header_name(name: str) -> str | None:
    """A request header that configuration may add."""
    if not _TOKEN.fullmatch(name):
        return "is not a legal header name"
    if name.lower() in PROTECTED:
        return "this header is set by aigw itself"
    return None


def check_header_value(value: str) -> str | None:
    if not _VALUE.fullmatch(value) or value != value.strip(" \t"):
        return "is not a legal header value"
    if value.startswith("$") and value[1:].lower() in PROTECTED:
        return "this header of a client is never passed on"
    return None


def check_passed_header(name: str) -> str | None:
    """A header of an upstream's answer that may go to the client."""
    if not _TOKEN.fullmatch(name):
        return "is not a legal header name"
    if name.lower() in _NEVER_PASSED:
        return "this header is never passed on"
    return None


def check_network(text: str) -> str | None:
    """An address, or a network as ``10.0.0.0/8``."""
    from ipaddress import ip_network

    try:
        ip_network(text)
    except ValueError:
        try:
            meant = ip_network(text, strict=False)
        except ValueError:
            return "is no IP address and no network as 10.0.0.0/8"
        return f"has bits set beyond its prefix (did you mean {meant}?)"
    return None


def check_price(price: Decimal) -> str | None:
    if not price.is_finite() or price < 0:
        return "must be a number, 0 or more"
    return None


def check_protocol(text: str) -> str | None:
    if text.lower() in (*PROVIDER_NAMES, *WIRE_FORMATS):
        return None
    return f"must be one of {', '.join((*PROVIDER_NAMES, *WIRE_FORMATS))}"


def check_client_format(text: str) -> str | None:
    if text.lower() in CLIENT_FORMATS:
        return None
    return f"must be one of {', '.join(CLIENT_FORMATS)}"


def check_seen_header(name: str) -> str | None:
    """A header of a client's request that is looked at."""
    return None if _TOKEN.fullmatch(name) else "is not a legal header name"


def check_json_text(text: str) -> str | None:
    try:
        msgspec.json.decode(text)
        text.encode()
    except (ValueError, RecursionError):
        return "is not JSON"
    return None


def _raw_steps(text: str) -> list[str]:
    steps = re.split(r"(?<!\\)((?:\\\\)*)\.", text)
    # The split keeps the even run of backslashes before each separator.
    return [
        steps[at] + (steps[at + 1] if at + 1 < len(steps) else "") for at in range(0, len(steps), 2)
    ]


def payload_path(text: str) -> tuple[str | int, ...]:
    """The steps of a payload rule's path: ``a.b`` has two, ``a\\.b`` is one. A number
    is a position, unless it is written ``\\0``."""
    return tuple(
        int(step) if _POSITION.fullmatch(step) else re.sub(r"\\(.)", r"\1", step, flags=re.DOTALL)
        for step in _raw_steps(text)
    )


def check_payload_path(text: str) -> str | None:
    for step in _raw_steps(text):
        if not step:
            return "a path needs a name before, between and after its dots"
        if _NO_POSITION.fullmatch(step):
            return (
                f"{step} is no position in a list: 0 is the first, as in tools.0.name"
                " (a name that looks so is written with a backslash in front)"
            )
        if step in ("*", "#"):
            return "a path has no wildcards"
    return None


def check_changed_path(text: str) -> str | None:
    first = payload_path(text)[0]
    if first == "model":
        return "the model is not for payload rules to change: see model-rewrites and models[].alias"
    if first == "stream":
        return "whether an answer streams is the client's choice; payload rules cannot change it"
    return check_payload_path(text)


YEAR = 365 * 86_400

Glob = Annotated[str, Meta(extra={"check": check_glob})]
Name = Annotated[str, Meta(extra={"check": check_name})]
Network = Annotated[str, Meta(extra={"check": check_network})]
Seconds = Annotated[float, Meta(ge=0, le=YEAR)]
