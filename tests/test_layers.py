"""Who may import whom, and what the core may not touch.

The arrows go one way, so that a module can be read with only those below it in
mind:

    errors <- chat, events, sse <- codec <- codecs/* <- translate <- attempt <- exchange <- shell

A module that is not in the table stands as high as the highest that it imports.
"""

from __future__ import annotations

import ast
import graphlib
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from msgspec import Struct

ROOT = Path(__file__).parent.parent
CORE = "aigw_core"
SHELL = "aigw_asgi"

LAYERS = {
    "errors": 0,
    "chat": 1,
    "events": 1,
    "sse": 1,
    "codec": 2,
    "codecs.*": 3,
    "codecs": 4,
    "translate": 5,
    "attempt": 6,
    "exchange": 7,
}

# Standard modules that reach outside, or bring a clock or dice. Whatever else the
# standard library has is pure enough.
OUTSIDE = set(
    """
    asyncio builtins code concurrent ctypes dbm email fcntl fileinput ftplib glob http.client
    http.server imaplib importlib io linecache logging mmap multiprocessing os pathlib pickle
    platform poplib pty pwd queue random readline runpy sched secrets select selectors shelve
    shutil signal smtplib socket socketserver sqlite3 ssl subprocess sys syslog tempfile termios
    threading time tkinter urllib.error urllib.request warnings webbrowser wsgiref xmlrpc
    """.split()  # noqa: SIM905 (forty lines otherwise)
)

# Calls that do the same without an import.
EFFECTS = {"open", "print", "input", "eval", "exec", "compile", "__import__", "breakpoint"}
CLOCKS = {"now", "utcnow", "today", "uuid1", "uuid4", "getnode"}

VENDOR = re.compile(
    r"openai|anthropic|claude|google|vertex|\bgpt|deepseek|mistral|groq|azure|bedrock",
    re.IGNORECASE,
)
VENDORS_MAY_BE_NAMED = ("codecs.", "config", "transforms.cloak")
NAMED_ELSEWHERE = {
    "metadata.google.internal",  # a host that no credential may be sent to
}


class Module(Struct, frozen=True):
    """A module as its source shows it; names are full, as ``aigw_core.codecs.chat``."""

    name: str
    source: str
    package: bool = False

    @property
    def short(self) -> str:
        """Without the distribution's package: ``codecs.chat``."""
        return self.name.partition(".")[2]


def read_modules(package: str) -> dict[str, Module]:
    found: dict[str, Module] = {}
    for path in sorted((ROOT / package).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        is_package = parts[-1] == "__init__"
        name = ".".join(parts[:-1] if is_package else parts)
        found[name] = Module(name, path.read_text(encoding="utf-8"), is_package)
    return found


def imports(module: Module, known: Mapping[str, Module]) -> Iterator[str]:
    """Full names of what ``module`` imports, wherever in it: the most that is a module."""
    for node in ast.walk(ast.parse(module.source)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = module.name.split(".")
                above = above[: len(above) - node.level + module.package]
                base = ".".join([*above, *([base] if base else [])])
            for alias in node.names:
                inner = f"{base}.{alias.name}"
                yield inner if inner in known else base


def format_of(module: Module, known: Mapping[str, Module]) -> str | None:
    """The codec that a module belongs to: a folder under ``codecs``."""
    parts = module.short.split(".")
    if parts[0] != "codecs" or len(parts) < 2:
        return None
    folder = known.get(f"{CORE}.codecs.{parts[1]}")
    return parts[1] if folder is not None and folder.package else None


def layer_problems(known: Mapping[str, Module]) -> list[str]:
    """What in the core's own imports goes against the table."""
    graph = {
        name: sorted({found for found in imports(module, known) if found in known} - {name})
        for name, module in known.items()
    }
    try:
        order = list(graphlib.TopologicalSorter(graph).static_order())
    except graphlib.CycleError as exc:
        return ["cycle: " + " -> ".join(exc.args[1])]
    problems = []
    heights: dict[str, int] = {}
    for name in order:
        own = known[name]
        codec = format_of(own, known)
        listed = LAYERS.get("codecs.*" if codec else own.short)
        for found in graph[name]:
            other = format_of(known[found], known)
            if codec and other and codec != other:
                problems.append(f"{name} imports another codec: {found}")
            elif listed is not None and heights[found] > listed:
                problems.append(f"{name} imports from above: {found}")
        below = max((heights[found] for found in graph[name]), default=0)
        heights[name] = below if listed is None else listed
    return problems


def purity_problems(module: Module, known: Mapping[str, Module]) -> list[str]:
    """What of ``module``, one of the core, is not a function of its inputs."""
    problems = []
    for name in imports(module, known):
        top = name.partition(".")[0]
        if top in (CORE, "msgspec"):
            continue
        if top not in sys.stdlib_module_names:
            problems.append(f"{module.name} imports {name}: not in the standard library")
        elif name in OUTSIDE or top in OUTSIDE:
            problems.append(f"{module.name} imports {name}: reaches outside")
    for node in ast.walk(ast.parse(module.source)):
        if not isinstance(node, ast.Call):
            continue
        if isinstance(node.func, ast.Name) and node.func.id in EFFECTS:
            problems.append(f"{module.name} calls {node.func.id}()")
        elif isinstance(node.func, ast.Attribute) and node.func.attr in CLOCKS:
            problems.append(f"{module.name} calls .{node.func.attr}()")
    return problems


def vendor_problems(module: Module) -> list[str]:
    """Vendors that code outside the codecs names; what prose says is free."""
    if module.short.startswith(VENDORS_MAY_BE_NAMED):
        return []
    tree = ast.parse(module.source)
    prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    problems = []
    for node in ast.walk(tree):
        text = ""
        if isinstance(node, ast.Constant) and id(node) not in prose:
            value = node.value
            text = value.decode("latin-1") if isinstance(value, bytes) else str(value)
        elif isinstance(node, ast.Name):
            text = node.id
        elif isinstance(node, ast.Attribute):
            text = node.attr
        elif isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
            text = node.name
        elif isinstance(node, ast.arg):
            text = node.arg
        found = VENDOR.search(text)
        if found is not None and text not in NAMED_ELSEWHERE:
            problems.append(f"{module.name}: {found[0]!r} in {text[:60]!r}")
    return problems


CORE_MODULES = read_modules(CORE)


def test_imports_in_the_core_go_one_way() -> None:
    assert layer_problems(CORE_MODULES) == []


@pytest.mark.parametrize("name", CORE_MODULES)
def test_the_core_is_pure(name: str) -> None:
    assert purity_problems(CORE_MODULES[name], CORE_MODULES) == []


@pytest.mark.parametrize("name", CORE_MODULES)
def test_vendors_are_named_in_codecs_only(name: str) -> None:
    assert vendor_problems(CORE_MODULES[name]) == []


# What these bring by themselves is not the core's doing.
_ROOM = """
import sys
import msgspec, enum, re, json
before = set(sys.modules)
import {name}
print(*sorted(set(sys.modules) - before))
"""

NETWORK_AND_FILES = {
    "_socket",
    "asyncio",
    "concurrent.futures",
    "email.utils",
    "http.client",
    "logging",
    "multiprocessing",
    "pathlib",
    "random",
    "select",
    "selectors",
    "shutil",
    "signal",
    "socket",
    "sqlite3",
    "ssl",
    "subprocess",
    "tempfile",
    "threading",
    "urllib.request",
}


def _loads(names: str) -> set[str]:
    """The modules that an import adds to a fresh interpreter."""
    done = subprocess.run(
        [sys.executable, "-c", _ROOM.format(name=names)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_importing_the_core_loads_no_way_out() -> None:
    loaded = _loads(", ".join(CORE_MODULES))
    assert set(CORE_MODULES) <= loaded
    assert loaded & NETWORK_AND_FILES == set()
    assert not {name for name in loaded if name.startswith(SHELL)}


@pytest.mark.parametrize(
    "name",
    [
        name
        for name, module in CORE_MODULES.items()
        if format_of(module, CORE_MODULES) and module.package
    ],
)
def test_importing_a_codec_loads_no_way_out(name: str) -> None:
    assert _loads(name) & NETWORK_AND_FILES == set()


# The walker itself: each planted fault must be found.


def _core(**sources: str) -> dict[str, Module]:
    """Modules of a made-up core; ``__`` in a name stands for the dot."""
    names = {f"{CORE}.{name.replace('__', '.')}": source for name, source in sources.items()}
    return {
        name: Module(name, source, any(other.startswith(name + ".") for other in names))
        for name, source in names.items()
    }


PLANTED_LAYERS = {
    "upwards": _core(errors="", codec="import aigw_core.translate", translate=""),
    "upwards by from": _core(sse="from aigw_core import codec", codec=""),
    "upwards inside a function": _core(
        chat="def f():\n    from aigw_core.exchange import X", exchange=""
    ),
    "upwards through one that is not listed": _core(
        events="import aigw_core.helper", helper="import aigw_core.attempt", attempt=""
    ),
    "relative": _core(errors="from .chat import X", chat=""),
    "codec to codec": _core(
        codecs="",
        codecs__a="",
        codecs__a__x="import aigw_core.codecs.b.y",
        codecs__b="",
        codecs__b__y="",
    ),
    "codec to codec, relative": _core(
        codecs="", codecs__a="", codecs__a__x="from ..b import y", codecs__b="", codecs__b__y=""
    ),
    "codec to registry": _core(
        codecs="", codecs__a="", codecs__a__x="from aigw_core.codecs import CODECS"
    ),
    "cycle": _core(one="import aigw_core.two", two="from aigw_core.one import x"),
}


@pytest.mark.parametrize("fault", PLANTED_LAYERS)
def test_the_walker_finds_wrong_imports(fault: str) -> None:
    assert len(layer_problems(PLANTED_LAYERS[fault])) == 1


def test_the_walker_lets_right_imports_be() -> None:
    core = _core(
        errors="",
        chat="from aigw_core.errors import X",
        events="import aigw_core.chat",
        codec="from aigw_core import chat, events",
        codecs="from aigw_core.codecs.a import x",
        codecs__a="from aigw_core.codecs.a.x import X\nfrom .x import Y",
        codecs__a__x="from aigw_core.codec import Codec\nimport aigw_core.helper",
        helper="import json",
        translate="from aigw_core.codecs import CODECS",
    )
    assert layer_problems(core) == []


@pytest.mark.parametrize(
    "source",
    [
        "import socket",
        "import os.path",
        "from asyncio import sleep",
        "import http.client",
        "from urllib.request import urlopen",
        "import email.utils",
        "from time import monotonic",
        "import yaml",
        "import aigw_asgi.app",
        "open('x')",
        "print(1)",
        "datetime.now()",
        "def f():\n    import random",
    ],
)
def test_the_walker_finds_ways_out(source: str) -> None:
    assert len(purity_problems(Module("aigw_core.x", source), {})) == 1


@pytest.mark.parametrize(
    "source", ["import json", "from urllib.parse import quote", "from http import HTTPStatus"]
)
def test_the_walker_lets_pure_modules_be(source: str) -> None:
    assert purity_problems(Module("aigw_core.x", source), {}) == []


@pytest.mark.parametrize(
    "source", ["x = 'claude-3'", "x = b'OpenAI'", "def f(openai_key): ...", "class GptModel: ..."]
)
def test_the_walker_finds_vendors(source: str) -> None:
    assert len(vendor_problems(Module("aigw_core.routing", source))) == 1
    assert vendor_problems(Module("aigw_core.codecs.chat.wire", source)) == []


def test_the_walker_lets_prose_name_vendors() -> None:
    source = '"""As OpenAI says."""\nx = 1  # Anthropic\n"""Of Gemini, by Google."""\n'
    assert vendor_problems(Module("aigw_core.routing", source)) == []
