"""Ways to run code, programs or made-up objects: none that a request, the dashboard or the
configuration could reach.

Each place in the two packages that has one stands here, with what it is for; what is not
here fails, and so does what is here and no longer there. That is told from the source, so a
door by another name that nobody has thought of is not seen.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest
import yaml

from aigw_asgi import yaml_document
from tests.test_layers import CORE, SHELL, Module, read_modules

CALLS = {"eval", "exec", "compile", "__import__", "breakpoint", "input"}
"""Built-in."""

MODULES = set(
    """
    code codeop commands ctypes _ctypes cffi dbm dill cloudpickle imp jinja2 joblib marshal
    multiprocessing pdb pickle _pickle popen2 pty runpy shelve subprocess _posixsubprocess
    trace wsgiref xmlrpc zipimport
    """.split()  # noqa: SIM905 (twenty lines otherwise)
)

ATTRIBUTES = {
    "os": {"system", "popen", "fork", "forkpty", "posix_spawn", "posix_spawnp", "startfile"},
    "asyncio": {"create_subprocess_exec", "create_subprocess_shell"},
    "anyio": {"open_process", "run_process", "to_process"},
    "importlib": {"import_module", "reload", "__import__"},
    "sys": {"settrace", "setprofile", "path_hooks", "meta_path"},
    "builtins": CALLS,
    "logging.config": {"dictConfig", "fileConfig", "listen"},
    "yaml": {
        *("load", "load_all", "full_load", "full_load_all", "unsafe_load", "unsafe_load_all"),
        *("safe_load", "safe_load_all", "add_constructor", "add_multi_constructor"),
        *("Loader", "FullLoader", "UnsafeLoader", "SafeLoader", "CLoader", "CSafeLoader"),
        *("CFullLoader", "CUnsafeLoader", "YAMLObject"),
    },
}
"""Of modules. ``os.exec*`` and ``os.spawn*`` are found by their beginnings."""

METHODS = {"subprocess_exec", "subprocess_shell", "__reduce_ex__", "load_module", "exec_module"}
"""Whatever they belong to."""

ALLOWED = {
    ("aigw_asgi.background", "os.fork"): "run --daemon: this very program goes on in the child",
    ("aigw_asgi.supervisor", "os.fork"): "workers: likewise",
    (
        "aigw_asgi.bench.machine",
        "subprocess",
    ): "aigw bench says its commit: git, by a fixed command",
    ("aigw_asgi.bench.processes", "subprocess"): "aigw bench starts gateways, by a fixed command",
    ("aigw_asgi.cli", "importlib.import_module"): "a command of aigw, out of a fixed list",
    ("aigw_asgi.heap", "ctypes"): "malloc_trim of the C library that is loaded, without arguments",
    (
        "aigw_asgi.yaml_document",
        "yaml.SafeLoader",
    ): "composes nodes, constructs nothing; no aliases, anchors and tags; bounded",
}
"""Module and door, and why it may be there."""


def doors(module: Module) -> Iterator[str]:
    """What of the above ``module`` uses, by names of its own as well."""
    tree = ast.parse(module.source)
    names: dict[str, str] = {}  # what a name here stands for
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.partition(".")[0]
                names[alias.asname or top] = alias.name if alias.asname else top
                if top in MODULES:
                    yield top
        elif isinstance(node, ast.ImportFrom) and not node.level:
            top = (node.module or "").partition(".")[0]
            if top in MODULES:
                yield top
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                names[alias.asname or alias.name] = full
                if is_door(full):
                    yield full
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in CALLS and node.id not in names:
            if isinstance(node.ctx, ast.Load):
                yield node.id
        elif isinstance(node, ast.Attribute):
            path = dotted(node, names)
            if path is not None and is_door(path):
                yield path
            elif node.attr in METHODS:
                yield node.attr


def is_door(full: str) -> bool:
    owner, _, name = full.rpartition(".")
    if owner == "os" and name.startswith(("exec", "spawn")):
        return True
    return name in ATTRIBUTES.get(owner, ())


def dotted(node: ast.expr, names: dict[str, str]) -> str | None:
    """``os.system`` for what is spelt so, or by an alias of it."""
    if isinstance(node, ast.Name):
        return names.get(node.id)
    if isinstance(node, ast.Attribute):
        before = dotted(node.value, names)
        return None if before is None else f"{before}.{node.attr}"
    return None


def test_every_door_is_known_and_has_a_reason() -> None:
    modules = read_modules(CORE) | read_modules(SHELL)
    found = {(name, door) for name, module in modules.items() for door in doors(module)}
    assert found == set(ALLOWED)
    assert all(ALLOWED.values())


FILE_CALLS = {
    *("open", "os.open", "os.listdir", "os.scandir", "os.walk", "os.readlink", "io.open"),
    *("sqlite3.connect", "importlib.resources.files", "anyio.open_file", "shutil.copyfile"),
}
FILE_METHODS = {
    *("read_text", "read_bytes", "write_text", "write_bytes", "iterdir", "glob", "rglob"),
    *("open_file", "load_cert_chain", "load_verify_locations"),
}

FILES = {
    "aigw_asgi.background": "/dev/null",
    "aigw_asgi.config_store": "the configuration, and what its file:// references name",
    "aigw_asgi.config_writer": "the configuration, and its lock beside it",
    "aigw_asgi.dashboard.audit": "audit.jsonl of the state folder",
    "aigw_asgi.dashboard.config_check": "the configuration, as it is now",
    "aigw_asgi.dashboard.changes": "likewise",
    "aigw_asgi.dashboard.files": "what was built into static/, listed once: a request picks by name",
    "aigw_asgi.dashboard.process_facts": "/proc/self",
    "aigw_asgi.log_file": "the log, in the configured folder",
    "aigw_asgi.memory_watch": "/proc/self and the cgroup",
    "aigw_asgi.pid_file": "the configured PID file",
    "aigw_asgi.price_table": "prices.json of the package",
    "aigw_asgi.server.certificates": "the configured files of TLS",
    "aigw_asgi.state_folder": "keys in the state folder",
    "aigw_asgi.stores.redis.scripts": "scripts of the package",
    "aigw_asgi.stores.sqlite.database": "the stores in the state folder",
    "aigw_asgi.transports.tls": "certificates of authorities, of the system",
}
"""Modules that open files or list folders while serving, and which."""

NOT_SERVING = ("aigw_asgi.cli", "aigw_asgi.bench", "aigw_asgi.testing")


def opens_files(module: Module) -> bool:
    tree = ast.parse(module.source)
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update({each.asname or each.name: each.name for each in node.names})
        elif isinstance(node, ast.ImportFrom):
            for each in node.names:
                names[each.asname or each.name] = f"{node.module}.{each.name}"
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        function = node.func
        if isinstance(function, ast.Name):
            # Also what others of ours read for it.
            found = names.get(function.id, function.id)
            if found in FILE_CALLS or found.endswith(".config_store.read_bytes"):
                return True
        elif isinstance(function, ast.Attribute) and (
            function.attr in FILE_METHODS or dotted(function, names) in FILE_CALLS
        ):
            return True
    return False


def test_no_request_names_a_file() -> None:
    """Who opens one while serving is listed here, with the file; all names come from the
    configuration, the environment or the package."""
    modules = read_modules(CORE) | read_modules(SHELL)
    found = {
        name
        for name, module in modules.items()
        if not name.startswith(NOT_SERVING) and opens_files(module)
    }
    assert found == set(FILES)


@pytest.mark.parametrize(
    "source",
    [
        "open(name)",
        "import os\nos.open(name, 0)",
        "from os import listdir as names\nnames(x)",
        "path.read_bytes()",
        "from aigw_asgi.config_store import read_bytes\nread_bytes(x)",
        "import sqlite3\nsqlite3.connect(x)",
    ],
)
def test_a_planted_file_is_found(source: str) -> None:
    assert opens_files(Module("aigw_asgi.x", source))
    assert not opens_files(Module("aigw_asgi.x", "stream.read()\nstore.open()"))


PLANTED = {
    "eval('1')": "eval",
    "run = exec": "exec",
    "compile('1', '', 'eval')": "compile",
    "__import__('os')": "__import__",
    "import builtins\nbuiltins.eval('1')": "builtins.eval",
    "import os\nos.system('x')": "os.system",
    "import os as o\no.popen('x')": "os.popen",
    "from os import system as s": "os.system",
    "import os\nos.execvpe('x')": "os.execvpe",
    "from os import spawnl": "os.spawnl",
    "def f():\n    import subprocess": "subprocess",
    "from subprocess import run": "subprocess",
    "import multiprocessing.pool": "multiprocessing",
    "import pickle as p": "pickle",
    "import asyncio\nasyncio.create_subprocess_exec('x')": "asyncio.create_subprocess_exec",
    "from anyio import run_process": "anyio.run_process",
    "loop.subprocess_shell(f, 'x')": "subprocess_shell",
    "import importlib\nimportlib.import_module(x)": "importlib.import_module",
    "import yaml\nyaml.load(text)": "yaml.load",
    "import yaml\nyaml.safe_load(text)": "yaml.safe_load",
    "from yaml import CSafeLoader": "yaml.CSafeLoader",
    "import logging.config\nlogging.config.dictConfig(x)": "logging.config.dictConfig",
}


@pytest.mark.parametrize("source", PLANTED)
def test_a_planted_door_is_found(source: str) -> None:
    assert list(doors(Module("aigw_asgi.x", source))) == [PLANTED[source]]


@pytest.mark.parametrize(
    "source",
    [
        "import re\nre.compile('x')",
        "from os import path",
        "import os\nos.open('x', 0)",
        "state.system('x')",
        "from yaml.nodes import Node",
        "from importlib.util import find_spec",
        "connection.execute('x')",
        "def compile_config(): ...",
    ],
)
def test_what_only_looks_like_one_is_let_be(source: str) -> None:
    assert list(doors(Module("aigw_asgi.x", source))) == []


@pytest.mark.parametrize(
    "text",
    [
        "!!python/object/apply:os.system [true]",
        "a: !!python/name:os.system",
        "a: !!python/object/new:object []",
        "a: &x 1\nb: *x",
        "a: {<<: {b: 1}}",
    ],
)
def test_the_one_reader_of_yaml_constructs_nothing(text: str) -> None:
    loader = yaml_document._Loader(text)
    try:
        node = loader.get_single_node()
    except yaml.YAMLError:
        return
    # What comes through is nodes with the texts that stand there.
    assert type(node) is yaml.MappingNode
