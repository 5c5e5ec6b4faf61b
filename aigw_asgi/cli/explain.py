"""``aigw explain``: say where a request would go, and why nowhere else."""

from __future__ import annotations

import argparse
import os
import time

from aigw_asgi import config_store
from aigw_asgi.cli import CONFIG_INVALID, FAILED, OK, USAGE
from aigw_asgi.cli.output import add_config, add_json, complain, print_json, show_problems
from aigw_core.chat import Format
from aigw_core.errors import GatewayError, InvalidConfig


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the command line of ``aigw``."""
    parser = subparsers.add_parser(
        "explain",
        help="say where a request would go",
        description="Say where a request for a model would go by the configuration, in which"
        " order, and why the other credentials are passed over. Nothing is sent. Exits with 1"
        " where the request would be refused.",
        epilog="Try: aigw explain --model echo --format chat",
    )
    add_config(parser)
    parser.add_argument("--model", required=True, metavar="NAME", help="as a client asks for it")
    parser.add_argument(
        "--format",
        default="chat",
        choices=[format.value for format in Format],
        help="what the client speaks (default: chat)",
    )
    parser.add_argument("--key", metavar="KEY", help="the client's key (default: all is allowed)")
    parser.add_argument(
        "--header",
        action="append",
        default=[],
        metavar="NAME:VALUE",
        help="a header of the request, for strategies that look at them; may be repeated",
    )
    add_json(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Explain a route; 0 when the request would be served, 1 when refused."""
    from aigw_asgi.builtin import with_builtins
    from aigw_core.access import Caller, authenticate
    from aigw_core.codec import Inbound
    from aigw_core.health import Health
    from aigw_core.routing.affinity import sticky_value
    from aigw_core.routing.balance import Balance
    from aigw_core.routing.catalogue import Catalogue
    from aigw_core.routing.explain import explain, in_words
    from aigw_core.routing.plan import Asked, Router

    headers = {}
    for given in args.header:
        name, colon, value = given.partition(":")
        if not colon:
            complain(f"--header {given!r}: write it as NAME:VALUE")
            return USAGE
        headers[name.strip().lower()] = value.strip()
    try:
        loaded = config_store.load(args.config, os.environ)
    except InvalidConfig as exc:
        show_problems(exc)
        return CONFIG_INVALID
    snapshot = with_builtins(loaded.snapshot, loopback_only=loaded.settings.loopback_only)
    caller = Caller()
    if args.key is not None:
        try:
            caller = authenticate(args.key, snapshot, loopback=True, wall=time.time())
        except GatewayError as exc:
            complain(f"refused: {exc.failure.message}")
            return FAILED
    asked = Asked(
        models=(args.model,),
        format=Format(args.format),
        caller=caller,
        sticky=sticky_value(snapshot.strategy, Inbound(b"{}", headers), caller),
    )
    router = Router(Catalogue(snapshot), Health(), Balance())
    document = explain(router, asked, time.monotonic())
    if args.json:
        print_json(document)
    else:
        print(in_words(document))
    return OK if document["error"] is None else FAILED
