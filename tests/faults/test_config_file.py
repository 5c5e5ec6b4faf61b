"""A configuration file that becomes unusable under a running gateway."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from aigw_asgi.config_store import Loaded, load
from aigw_core.chat import Format
from aigw_core.errors import InvalidConfig
from tests.faults.checks import books_agree, check_success
from tests.faults.world import world

pytestmark = pytest.mark.anyio


def _removed(file: Path) -> None:
    file.unlink()


def _a_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def _a_loop_of_links(file: Path) -> None:
    file.unlink()
    file.symlink_to(file)


def _no_permission(file: Path) -> None:
    file.chmod(0)


def _truncated(file: Path) -> None:
    text = file.read_text()
    file.write_text(text[: text.index("claude-api-key") + 40])


def _empty_bytes(file: Path) -> None:
    file.write_bytes(bytes(100))


def _not_utf_8(file: Path) -> None:
    file.write_bytes(file.read_bytes() + b"# \xff\n")


def _unknown_key(file: Path) -> None:
    file.write_text(file.read_text() + "prot: 1\n")


def _another_host(file: Path) -> None:
    file.write_text(file.read_text() + "allow-anonymous: maybe\n")


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize("format", Format)
@pytest.mark.parametrize(
    "spoil",
    [
        _removed,
        _a_folder,
        _a_loop_of_links,
        pytest.param(
            _no_permission,
            marks=pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything"),
            id="no-permission",
        ),
        _truncated,
        _empty_bytes,
        _not_utf_8,
        _unknown_key,
        _another_host,
    ],
    ids=lambda spoil: spoil.__name__[1:].replace("_", "-"),
)
async def test_the_old_one_stays_in_force(
    spoil: Callable[[Path], None], format: Format, stream: bool, tmp_path: Path
) -> None:
    """For what runs and for what comes; what is wrong is told."""
    async with world(tmp_path) as gateway:
        before = gateway.state.snapshot
        running = asyncio.create_task(gateway.ask(format, "chat-lone/held", stream=stream))
        await gateway.upstream.until(lambda: gateway.upstream.playing == 1)
        spoil(tmp_path / "config.yaml")
        assert gateway.state.reloader is not None
        outcome = await gateway.state.reloader.reload()
        assert outcome.problems
        assert gateway.state.snapshot is before
        gateway.upstream.go_on()
        check_success(await running, format, stream=stream)
        new = await gateway.ask(format, "messages-lone/well", stream=stream)
        check_success(new, format, stream=stream)
        reply = await gateway.request("GET", "/admin/config")
        told = reply.json["reload"]
        assert (told["generation"], told["failures"] >= 1) == (1, True)
        assert told["problems"] == [str(each) for each in outcome.problems]
        await books_agree(gateway)


TEXT = """\
host: 127.0.0.1
allow-anonymous: true # for tests
retry: {max-retries: 2, cooldown-429-secs: 1.5}
openai-compatibility:
  - name: "ä\\u00e9"
    api-key: 'k1'
    base-url: "http://127.0.0.1:1"
    models: [{id: a, alias: b}]
"""


def test_a_partly_written_file_is_a_configuration_or_an_error(tmp_path: Path) -> None:
    """Wherever it was cut."""
    file = tmp_path / "config.yaml"
    whole = TEXT.encode()
    refused = 0
    for cut in range(len(whole)):
        file.write_bytes(whole[:cut])
        try:
            load(str(file), {})
        except InvalidConfig:
            refused += 1
    assert refused
    file.write_bytes(whole)
    assert len(load(str(file), {}).snapshot.credentials) == 1


async def test_it_is_read_in_a_thread(tmp_path: Path) -> None:
    """A long one takes tens of milliseconds."""
    async with world(tmp_path) as gateway:
        reloader = gateway.state.reloader
        assert reloader is not None
        threads: list[int] = []
        read = reloader._read

        def reads() -> Loaded:
            threads.append(threading.get_ident())
            return read()

        reloader._read = reads
        assert not (await reloader.reload()).problems
        assert threads
        assert threading.get_ident() not in threads
