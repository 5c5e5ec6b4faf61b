"""``aigw translate``: the translator by itself, from standard input to standard output.

Deterministic: identifiers that the gateway would invent are zeros, and so is the time.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from aigw_asgi.cli import CONFIG_INVALID, USAGE
from aigw_asgi.config_store import load
from aigw_core.chat import ChatRequest, Format
from aigw_core.codec import AnswerContext, Caps, Codec, EncodedRequest, Inbound
from aigw_core.codecs import CODECS
from aigw_core.config.values import PROVIDER_NAMES
from aigw_core.errors import ErrorKind, Failure, GatewayError, InvalidConfig
from aigw_core.ledger import Ledger, LedgerEntry
from aigw_core.payload import Facts, apply
from aigw_core.translate import Transcoder

READ_SIZE = 64 << 10

_EPILOG = """examples:
  aigw translate request  --from chat --to messages < request.json
  aigw translate stream   --from messages --to chat < stream.sse
  aigw translate error    --from messages --to chat --status 529 < error.json
  aigw translate request  --from chat --to messages -c config.yaml < request.json

With -c each change that a payload rule makes is told on stderr, as RULE POINTER: BEFORE -> AFTER.
--from is the side that the bytes come from: the client for a request, the upstream
for an answer. A stream that lacks its terminal event ends in the client's error event,
and the exit code is 1."""


def add_parser(commands: Any) -> None:
    parser = commands.add_parser(
        "translate",
        help="translate a request, an answer, a stream or an error from stdin to stdout",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    formats = [str(format) for format in Format]
    parser.add_argument("what", choices=("request", "response", "stream", "error"))
    parser.add_argument("--from", dest="source", required=True, choices=formats)
    parser.add_argument("--to", dest="target", required=True, choices=formats)
    parser.add_argument(
        "--model",
        help="request: the upstream's model; answers: the name to bear (default: what they say)",
    )
    parser.add_argument("--stream", action="store_true", help="request: ask for a stream")
    parser.add_argument("--strict", action="store_true", help="refuse what would be approximated")
    parser.add_argument("--ledger", type=Path, help="write what was lost to this file, as JSON")
    parser.add_argument(
        "-c", "--config", metavar="FILE", help="request: apply the payload rules of this file"
    )
    parser.add_argument(
        "--provider",
        choices=PROVIDER_NAMES,
        help="request: the kind of provider that rules see (default: by --to)",
    )
    parser.add_argument(
        "--header",
        action="append",
        default=[],
        metavar="NAME:VALUE",
        help="request: a header of the client that rules see",
    )
    parser.add_argument("--status", type=int, default=500, help="error: its HTTP status")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    try:
        source = _codec(arguments.source)
        target = _codec(arguments.target)
        if arguments.config is not None and arguments.what != "request":
            print("aigw translate: --config is for requests", file=sys.stderr)
            return USAGE
        if arguments.what == "stream":
            return _stream(source, target, arguments)
        body = sys.stdin.buffer.read()
        if arguments.what == "request":
            out = _request(source, target, body, arguments)
        elif arguments.what == "response":
            response = source.decode_response(body)
            out = target.encode_response(response, _context(arguments.model or response.model))
        else:
            failure = source.decode_error(arguments.status, {}, body)
            _, out = target.encode_error(failure, "")
    except InvalidConfig as exc:
        for problem in exc.problems:
            print(problem, file=sys.stderr)
        return CONFIG_INVALID
    except GatewayError as exc:
        print(f"aigw translate: {exc.failure.message}", file=sys.stderr)
        return 1
    sys.stdout.buffer.write(out.rstrip(b"\n") + b"\n")
    return 0


def _codec(name: str) -> Codec:
    codec = CODECS.get(Format(name))
    if codec is None:
        raise GatewayError(
            Failure(ErrorKind.UNSUPPORTED, f"the wire format {name} is not built yet")
        )
    return codec


def _context(model: str) -> AnswerContext:
    return AnswerContext(model=model, id="0" * 32, created=0)


def _request(source: Codec, target: Codec, body: bytes, arguments: argparse.Namespace) -> bytes:
    rules = (
        None if arguments.config is None else load(arguments.config, os.environ).snapshot.payload
    )
    in_path = source.format is Format.GEMINI  # which names model and stream in its path
    request: ChatRequest = source.decode_request(
        Inbound(
            body,
            {},
            model=(arguments.model or "model") if in_path else None,
            stream=arguments.stream if in_path else None,
        )
    )
    if arguments.stream:
        request = replace(request, stream=True)
    ledger = Ledger(source.pointers)
    encoded = target.encode_request(request, arguments.model or request.model, Caps(), ledger)
    _write_ledger(arguments.ledger, ledger.entries)
    if arguments.strict:
        ledger.refuse_reported()
    if rules is None:
        return encoded.body
    facts = Facts(
        model=arguments.model or request.model,
        requested=request.model,
        provider=arguments.provider or _PROVIDERS[target.format],
        upstream=target.format,
        client=source.format,
        headers=dict(_header(text) for text in arguments.header),
    )
    body, changes = apply(rules, encoded.body, facts)
    for change in changes:
        print(change, file=sys.stderr)
    return body


_PROVIDERS = {
    Format.CHAT: "openai",
    Format.RESPONSES: "openai",
    Format.MESSAGES: "claude",
    Format.GEMINI: "gemini",
}


def _header(text: str) -> tuple[str, str]:
    name, _, value = text.partition(":")
    return name.strip().lower(), value.strip()


def _stream(source: Codec, target: Codec, arguments: argparse.Namespace) -> int:
    machine = Transcoder(
        source, target, _context(arguments.model or "model"), EncodedRequest(b"", "")
    )
    out = sys.stdout.buffer
    # os.read gives what has come, so that a live stream passes through live.
    while machine.failure is None and (data := os.read(sys.stdin.fileno(), READ_SIZE)):
        out.write(machine.feed(data))
        out.flush()
    if machine.failure is None:
        out.write(machine.eof())
    _write_ledger(arguments.ledger, [])
    if machine.failure is not None:
        out.write(machine.fail(machine.failure))
        out.flush()
        print(f"aigw translate: {machine.failure.message}", file=sys.stderr)
        return 1
    out.flush()
    return 0


def _write_ledger(path: Path | None, entries: list[LedgerEntry]) -> None:
    if path is not None:
        path.write_bytes(msgspec.json.format(msgspec.json.encode(entries), indent=2) + b"\n")
