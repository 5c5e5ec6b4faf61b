"""From what was written to what requests run on: defaults filled in, names indexed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from ipaddress import ip_network
from typing import TypeVar

import msgspec
from msgspec import UNSET, Struct

from aigw_core.chat import Format
from aigw_core.codec import Caps, Headers
from aigw_core.config.checks import check_exposure
from aigw_core.config.identity import (
    PROVIDERS,
    credential_id,
    credential_lists,
    credential_name,
    key_digest,
    key_name,
    repeated,
)
from aigw_core.config.report import Report
from aigw_core.config.schema import (
    CapsEntry,
    CloakEntry,
    Config,
    CredentialEntry,
    Dashboard,
    FilterRule,
    KeyEntry,
    ModelMatch,
    Payload,
    RawRule,
    SetRule,
    TimeoutsEntry,
)
from aigw_core.config.schema import Capture as CaptureEntry
from aigw_core.config.schema import Price as PriceEntry
from aigw_core.config.secret import Secret, masked
from aigw_core.config.snapshot import (
    CapturePolicy,
    ClientKey,
    Cloak,
    Credential,
    DashboardAccess,
    Networks,
    PayloadMatch,
    PayloadRule,
    PayloadRules,
    Price,
    RetryPolicy,
    ServedModel,
    Snapshot,
    Steps,
    Timeouts,
)
from aigw_core.config.values import CLIENT_FORMATS, payload_path

_MIB = 1 << 20


class _Vendor(Struct, frozen=True):
    """What holds for a kind of provider when an entry says nothing."""

    format: Format
    base_url: str
    auth_style: str
    native_hosts: tuple[str, ...] = ()
    """Hosts that get ``auth_style``, all others ``bearer``; empty: every host gets it."""
    caps: Caps = Caps()


_VENDORS: Mapping[str, _Vendor] = {
    "claude-api-key": _Vendor(
        Format.MESSAGES, "https://api.anthropic.com", "x-api-key", ("api.anthropic.com",)
    ),
    "openai-api-key": _Vendor(Format.CHAT, "https://api.openai.com", "bearer"),
    "gemini-api-key": _Vendor(
        Format.GEMINI, "https://generativelanguage.googleapis.com", "x-goog-api-key"
    ),
    # No address of its own: the checks demand one.
    "openai-compatibility": _Vendor(Format.CHAT, "", "bearer", caps=Caps(token_field="max_tokens")),
}


def compile_config(config: Config, version: str, *, from_file: bool) -> Snapshot:
    """Compile a configuration that was read and checked.

    ``version`` is what the snapshot calls itself.

    Raises:
        InvalidConfig: the gateway would stand open to other machines. Checked
            here too, so that no way of making a ``Config`` gets around it.
    """
    report = Report()
    check_exposure(config, report)
    report.raise_problems()
    retry = config.retry
    stream_retries = config.streaming.bootstrap_retries
    return Snapshot(
        version=version,
        credentials=tuple(_credentials(config)),
        client_keys={key.digest: key for key in _client_keys(config.api_keys)},
        allow_anonymous=None if config.allow_anonymous == "auto" else config.allow_anonymous,
        from_file=from_file,
        strategy=config.routing.strategy,
        force_model_prefix=config.force_model_prefix,
        retry=RetryPolicy(
            attempts=1 + retry.max_retries,
            stream_attempts=1 + (retry.max_retries if stream_retries is None else stream_retries),
            max_backoff=retry.max_backoff_secs,
            cooldown_429=retry.cooldown_429_secs,
            cooldown_5xx=retry.cooldown_5xx_secs,
            cooldown_network=retry.cooldown_network_secs,
        ),
        keepalive=config.streaming.keepalive_seconds,
        write_timeout=config.write_timeout,
        body_limit=config.body_limit_mb * _MIB,
        strict_mapping=config.strict_mapping,
        echo=config.echo,
        model_rewrites=tuple((rule.from_, rule.to) for rule in config.model_rewrites),
        passthrough_headers=tuple(name.lower() for name in config.passthrough_headers),
        keepalive_expiry=config.keepalive_expiry,
        non_stream_keepalive=config.non_stream_keepalive_secs,
        check_grammar=config.debug.check_grammar,
        timeouts=_timeouts(config, TimeoutsEntry()),
        fallbacks=tuple((rule.model, rule.to) for rule in config.fallbacks),
        provider_pins=tuple((rule.model, rule.providers) for rule in config.provider_pins),
        trusted_proxies=_networks(config.trusted_proxies),
        admin_networks=_networks(config.admin.allow),
        scrape_token=config.admin.scrape_token,
        payload=_payload(config.payload),
        cloak_headers=_headers(config.claude_header_defaults),
        seal_secret=config.seals.secret,
        previous_seal_secret=config.seals.previous,
        prices={model: _price(price) for model, price in config.model_prices.items()},
        capture=_capture(config.capture),
        dashboard=_dashboard(config.dashboard),
        max_requests=config.overload.max_requests,
        memory_limit=_bytes(config.overload.memory_limit_mb),
    )


def _credentials(config: Config) -> Iterator[Credential]:
    lists = tuple(credential_lists(config))
    # What is written counts before what would be made up for others.
    ids = {entry.id: 1 for _, entries in lists for entry in entries if entry.id is not None}
    position = 0
    for kind, entries in lists:
        left_out = repeated(entries)
        for at, entry in enumerate(entries):
            if not entry.api_key or at in left_out:
                continue
            credential = _credential(config, kind, at, entry, position)
            if entry.id is not None:
                yield credential
                position += 1
                continue
            # Two entries that differ only in what the id does not cover, as in their
            # models, still need health of their own.
            count = ids[credential.id] = ids.get(credential.id, 0) + 1
            if count > 1:
                credential = msgspec.structs.replace(credential, id=f"{credential.id}-{count}")
            yield credential
            position += 1


def _credential(
    config: Config, kind: str, at: int, entry: CredentialEntry, position: int
) -> Credential:
    vendor = _VENDORS[kind]
    provider = PROVIDERS[kind]
    base_url = (entry.base_url or vendor.base_url).rstrip("/")
    format = vendor.format
    if format is Format.CHAT and entry.wire_api == "responses":
        format = Format.RESPONSES
    return Credential(
        id=credential_id(provider, base_url, entry),
        provider=provider,
        name=credential_name(kind, at, entry),
        format=format,
        base_url=base_url,
        api_key=entry.api_key,
        auth_style=entry.auth_style or _auth_style(vendor, base_url),
        position=position,
        source=f"{kind}[{at}]",
        models=tuple(ServedModel(model.id, model.alias) for model in entry.models),
        excluded_models=entry.excluded_models,
        prefix=entry.prefix or "",
        headers=_headers(entry.headers),
        proxy_url=_proxy(entry.proxy_url, config.proxy_url),
        timeouts=_timeouts(config, entry.timeouts),
        caps=_caps(vendor.caps, entry.caps),
        weight=entry.weight,
        priority=entry.priority,
        disabled=entry.disabled,
        allow_insecure=entry.allow_insecure,
        cloak=_cloak(entry.cloak) if kind == "claude-api-key" else None,
    )


def _auth_style(vendor: _Vendor, base_url: str) -> str:
    # The whole host counts: a name that merely contains the vendor's is somebody else.
    host = base_url.partition("://")[2].partition("/")[0].partition(":")[0].lower()
    if vendor.native_hosts and host not in vendor.native_hosts:
        return "bearer"
    return vendor.auth_style


def _proxy(own: Secret | None, general: Secret | None) -> Secret | None:
    """An entry's own proxy, which may be none (an empty text), before the general one."""
    chosen = own if own is not None else general
    return chosen or None


def _timeouts(config: Config, own: TimeoutsEntry) -> Timeouts:
    return Timeouts(
        connect=config.connect_timeout if own.connect is None else own.connect,
        first_byte=config.first_byte_timeout if own.first_byte is None else own.first_byte,
        idle=config.idle_timeout if own.idle is None else own.idle,
        total=config.request_timeout,
        stream_total=config.stream_total_timeout,
    )


def _caps(usual: Caps, entry: CapsEntry) -> Caps:
    written = {
        name: value
        for name in entry.__struct_fields__
        if (value := getattr(entry, name)) is not UNSET
    }
    return msgspec.structs.replace(usual, **written) if written else usual


def _cloak(entry: CloakEntry) -> Cloak | None:
    if entry.mode == "never":
        return None
    return Cloak(
        always=entry.mode == "always",
        replace_system=entry.strict_mode,
        system_prompt=entry.system_prompt or "",
        sensitive_words=entry.sensitive_words,
        user_id_per_key=entry.cache_user_id,
        skip_user_agents=entry.skip_user_agents,
        whole_words=entry.whole_words,
    )


def _client_keys(entries: tuple[KeyEntry, ...]) -> Iterator[ClientKey]:
    for at, entry in enumerate(entries):
        digest = key_digest(entry)
        yield ClientKey(
            id=digest.hex()[:8],
            name=key_name(at, entry),
            digest=digest,
            masked=_masked(entry, digest),
            created_at=None if entry.created_at is None else entry.created_at.timestamp(),
            expires_at=None if entry.expires_at is None else entry.expires_at.timestamp(),
            allowed_models=entry.allowed_models,
            allowed_providers=entry.allowed_providers,
            requests_per_minute=entry.requests_per_minute,
            tokens_per_minute=entry.tokens_per_minute,
            max_concurrent=entry.max_concurrent,
        )


def _masked(entry: KeyEntry, digest: bytes) -> str:
    if entry.key is not None:
        return masked(entry.key)
    return f"{entry.key_prefix}..." if entry.key_prefix else f"sha256:{digest.hex()[:8]}..."


def _headers(headers: Mapping[str, Secret]) -> Headers:
    return tuple((name.lower(), value.reveal()) for name, value in headers.items())


def _networks(texts: tuple[str, ...]) -> Networks:
    return tuple(ip_network(text) for text in texts)


def _payload(payload: Payload) -> PayloadRules:
    return PayloadRules(
        default=(
            *_rules("default", payload.default, _set_params),
            *_rules("default-raw", payload.default_raw, _raw_params),
        ),
        override=(
            *_rules("override", payload.override, _set_params),
            *_rules("override-raw", payload.override_raw, _raw_params),
        ),
        filter=_rules("filter", payload.filter, _filter_params),
    )


_Rule = TypeVar("_Rule", SetRule, RawRule, FilterRule)
_Params = tuple[tuple[Steps, bytes | None], ...]


def _rules(
    key: str, rules: tuple[_Rule, ...], params: Callable[[_Rule], _Params]
) -> tuple[PayloadRule, ...]:
    return tuple(
        PayloadRule(f"payload.{key}[{at}]", tuple(map(_match, rule.models)), params(rule))
        for at, rule in enumerate(rules)
    )


def _set_params(rule: SetRule) -> _Params:
    return tuple(
        (payload_path(path), msgspec.json.encode(rule.params[path])) for path in sorted(rule.params)
    )


def _raw_params(rule: RawRule) -> _Params:
    return tuple((payload_path(path), rule.params[path].encode()) for path in sorted(rule.params))


def _filter_params(rule: FilterRule) -> _Params:
    # From behind, so that the positions in front of what goes stay what they were.
    ordered = sorted({payload_path(path) for path in rule.params}, key=_place, reverse=True)
    return tuple((steps, None) for steps in ordered)


def _place(steps: Steps) -> list[tuple[int, str]]:
    return [(step, "") if isinstance(step, int) else (-1, step) for step in steps]


def _match(entry: ModelMatch) -> PayloadMatch:
    return PayloadMatch(
        name=entry.name,
        protocol=entry.protocol and entry.protocol.lower(),
        client=CLIENT_FORMATS[entry.from_protocol.lower()] if entry.from_protocol else None,
        headers=tuple((name.lower(), value) for name, value in entry.headers.items()),
        match=tuple((payload_path(path), value) for path, value in entry.match.items()),
        not_match=tuple((payload_path(path), value) for path, value in entry.not_match.items()),
        exist=tuple(map(payload_path, entry.exist)),
        not_exist=tuple(map(payload_path, entry.not_exist)),
    )


def _price(entry: PriceEntry) -> Price:
    return Price(
        input=entry.input,
        output=entry.output,
        cache_read=entry.input if entry.cache_read is None else entry.cache_read,
        cache_write=entry.input if entry.cache_write is None else entry.cache_write,
        cache_write_long=entry.cache_write_long,
        reasoning=entry.reasoning,
    )


def _capture(entry: CaptureEntry) -> CapturePolicy | None:
    if not entry.enabled:
        return None
    return CapturePolicy(
        keys=entry.keys,
        models=entry.models,
        max_body=entry.max_body_bytes,
        retention=entry.retention_hours * 3600.0,
    )


def _bytes(mib: int | None) -> int | None:
    return None if mib is None else mib * _MIB


def _dashboard(entry: Dashboard) -> DashboardAccess | None:
    if not entry.enabled:
        return None
    return DashboardAccess(
        username=entry.username,
        password_hash=entry.password_hash or None,
        jwt_secret=entry.jwt_secret,
        session=float(entry.jwt_ttl_secs),
        ws_query_token=entry.ws_query_token,
        previous_jwt_secret=entry.previous_jwt_secret,
        session_limit=entry.session_limit_hours * 3600.0,
    )
