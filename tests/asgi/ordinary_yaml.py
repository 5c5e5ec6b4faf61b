"""Files as people have them: the gateway's own keys, in every layout, with a seed each.

What they say is put together from sections that a real file may have, so that two seeds
hardly ever give the same file; how it is written is the business of ``commented_yaml``.
"""

from __future__ import annotations

import json
import random
from typing import Any

from tests.asgi.commented_yaml import Written, lay_out

_PROMPT = (
    "You are the assistant of a small company.\n"
    "Answer in the language of the question.\n"
    "\n"
    "Never name: prices, dates # or people.\n"
)
_LONG = "this sentence goes on and on because somebody wanted to say all of it in one line of text"


def ordinary_file(seed: int) -> Written:
    """The file of this seed, always the same one."""
    dice = random.Random(seed)
    # Without two names for one list, which a test would change in both places.
    data = json.loads(json.dumps(ordinary_data(dice)))
    return lay_out(data, lambda *choices: dice.choice(choices))


def ordinary_data(dice: random.Random) -> dict[str, Any]:
    """What one file says; the order of its sections is a matter of taste."""
    makers = [_listener, _keys, _claude, _openai, _compatible, _routing, _payload, _process, _odds]
    sections = [maker(dice) for maker in dice.sample(makers, dice.randint(3, len(makers)))]
    return {name: value for section in sections for name, value in section.items()}


def _some(dice: random.Random, **keys: Any) -> dict[str, Any]:
    """One or more of these, in any order; underscores are dashes."""
    names = dice.sample(sorted(keys), dice.randint(1, len(keys)))
    return {name.replace("_", "-"): keys[name] for name in names}


def _number(dice: random.Random) -> int:
    return dice.randint(1, 9999)


def _listener(dice: random.Random) -> dict[str, Any]:
    return _some(
        dice,
        host=dice.choice(["127.0.0.1", "0.0.0.0", "::1", "${HOST:-127.0.0.1}"]),
        port=_number(dice),
        tls=_some(dice, enable=False, cert="/etc/aigw/cert.pem", key=None, client_auth="none"),
        allow_anonymous=dice.choice([True, False, "auto"]),
        trusted_proxies=dice.choice([[], ["10.0.0.0/8", "fd00::/8"]]),
        admin=_some(dice, allow=["192.168.0.0/16"], scrape_token="${SCRAPE}"),
    )


def _keys(dice: random.Random) -> dict[str, Any]:
    entries: list[Any] = [
        "sk-plain-key",
        "${CI_KEY}",
        {"name": "ci", "key": "sk-ci", **_some(dice, requests_per_minute=60, max_concurrent=8)},
        {"name": "it's hashed", "key-hash": "sha256:" + "0f" * 32, "allowed-models": ["claude-*"]},
        {"name": "ends", "key": "sk-e", "expires-at": "2030-01-01T00:00:00Z"},
        {"name": f"key {_number(dice)}", "key": "a: b", "allowed-providers": []},
    ]
    return {"api-keys": dice.sample(entries, dice.randint(0, len(entries)))}


def _models(dice: random.Random) -> list[dict[str, Any]]:
    names = ("claude-sonnet-4-5", "gpt-4.1*", "o4-mini", "gemini-2.5-pro", "llama3.3:70b")
    picked = dice.sample(names, dice.randint(1, 3))
    return [{"id": name, **_some(dice, alias=f"m{at}")} for at, name in enumerate(picked)]


def _credential(dice: random.Random, name: str) -> dict[str, Any]:
    return {
        "api-key": f"${{{name.upper()}_API_KEY}}",
        **_some(
            dice,
            name=f"{name}-{_number(dice)}",
            base_url=f"https://{name}.example/x?y=1",
            prefix=dice.choice([None, "team-a/"]),
            models=_models(dice),
            excluded_models=["*-preview"],
            headers={"x-team": "a b", "anthropic-beta": "one,two"},
            disabled=dice.choice([True, False]),
            weight=_number(dice),
            timeouts=_some(dice, connect=0.5, idle=None, first_byte=_number(dice)),
        ),
    }


def _claude(dice: random.Random) -> dict[str, Any]:
    entries = [_credential(dice, "anthropic") for _ in range(dice.randint(1, 3))]
    if dice.random() < 0.5:
        entries[0]["cloak"] = {
            "mode": "auto",
            "system-prompt": _PROMPT,
            "sensitive-words": ["naïve", "# odd", "{x}"],
        }
    return {"claude-api-key": entries}


def _openai(dice: random.Random) -> dict[str, Any]:
    return {
        "openai-api-key": [_credential(dice, "openai")],
        **_some(dice, proxy_url="socks5h://user:p%20w@10.1.1.1:1080", connect_timeout=2.5),
    }


def _compatible(dice: random.Random) -> dict[str, Any]:
    entries = [_credential(dice, name) for name in ("deepseek", "local")]
    entries[-1]["caps"] = _some(dice, thinking="effort", budget_min=_number(dice))
    return {"openai-compatibility": entries[: dice.randint(1, 2)]}


def _routing(dice: random.Random) -> dict[str, Any]:
    return _some(
        dice,
        routing={"strategy": dice.choice(["fill-first", "round-robin"])},
        retry=_some(dice, max_retries=_number(dice), max_backoff_secs=30, cooldown_5xx_secs=0),
        model_rewrites=[{"from": "gpt-4o", "to": "claude-sonnet"}, {"from": "x", "to": "y"}],
        fallbacks=[{"model": "gpt-*", "to": ["claude-sonnet", "o4-mini"]}],
        streaming={"keepalive-seconds": _number(dice)},
    )


def _payload(dice: random.Random) -> dict[str, Any]:
    rule = {"models": [{"name": "*", "protocol": "chat"}], "params": {"temperature": 0.2}}
    many = {"models": [{"name": "o4-*"}], "params": {"reasoning.effort": "low", "user": _LONG}}
    return {"payload": _some(dice, default=[rule], override=[many, rule], filter=[])}


def _process(dice: random.Random) -> dict[str, Any]:
    return _some(
        dice,
        log=_some(dice, level="info", dir="/var/log/aigw", format="json", retention_days=14),
        daemon={"pid-file": "./aigw.pid", "shutdown-timeout": _number(dice)},
        state=_some(dice, path="/var/lib/a b", redis=None),
        request_log={"max-rows": _number(dice) * 1000},
        workers=dice.randint(1, 8),
        debug=_some(dice, check_grammar=True),
    )


def _odds(dice: random.Random) -> dict[str, Any]:
    return _some(
        dice,
        model_prices={f"model-{_number(dice)}": {"input": 0.15, "output": 0.6, "cache-read": 0.0}},
        capture=_some(dice, enabled=False, keys=[], models=["*"], max_body_bytes=1048576),
        passthrough_headers=["x-ratelimit-*", "yes", "010"],
        seals={"secret": "file:///run/secrets/seal", "previous": None},
        claude_header_defaults={"user-agent": "é", "on": 'say "so"'},
        fallbacks=None,
        note=_LONG,
    )
