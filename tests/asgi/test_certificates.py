"""A gateway whose certificate is renewed while it runs, in each way that this is done."""

from __future__ import annotations

import json
import os
import signal
import socket
import ssl
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme

from tests.asgi.server.pem import Pem, chain
from tests.running import Running, gateway

PATIENCE = 30.0


@contextmanager
def running(pem: Pem, folder: Path, more: str = "") -> Iterator[Running]:
    configure(pem, folder, more)
    with gateway(config=folder / "config.yaml") as process:
        yield process


def configure(pem: Pem, folder: Path, more: str = "") -> None:
    draft = folder / "config.new"
    draft.write_text(
        "host: 127.0.0.1\nallow-anonymous: true\n"
        f"tls:\n  enable: true\n  cert: {pem.files.cert}\n  key: {pem.files.key}\n{more}"
    )
    draft.replace(folder / "config.yaml")


def names(process: Running, context: ssl.SSLContext) -> tuple[str, ...]:
    with (
        socket.create_connection(("127.0.0.1", process.port), PATIENCE) as sock,
        context.wrap_socket(sock, server_hostname="localhost") as secured,
    ):
        found: Any = (secured.getpeercert() or {})["subjectAltName"]
        return tuple(name for _, name in found)


def until(what: Callable[[], bool]) -> None:
    """The gateway looks twice a second; nothing tells when it has."""
    deadline = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def until_shown(process: Running, pem: Pem, name: str) -> None:
    context = pem.trusting
    until(lambda: name in names(process, context))


def administered(process: Running, pem: Pem, part: str = "tls") -> dict[str, Any]:
    url = f"https://localhost:{process.port}/admin/config"
    with urllib.request.urlopen(url, timeout=PATIENCE, context=pem.trusting) as answer:
        found: dict[str, Any] = json.load(answer)[part]
        return found


def by_rename(pem: Pem, folder: Path, name: str) -> None:
    issued = pem.authority.issue_cert("localhost", name)
    for file, content in (
        (pem.files.key, issued.private_key_pem.bytes()),
        (pem.files.cert, chain(issued)),
    ):
        draft = Path(file + ".new")
        draft.write_bytes(content)
        draft.replace(file)


def in_place(pem: Pem, folder: Path, name: str) -> None:
    pem.issue(name)


def by_links(pem: Pem, folder: Path, name: str) -> None:
    """As certbot: ``live/NAME/cert.pem`` leads to the newest of ``archive/NAME``."""
    issued = pem.authority.issue_cert("localhost", name)
    for file, content in (
        (pem.files.cert, chain(issued)),
        (pem.files.key, issued.private_key_pem.bytes()),
    ):
        kept = folder / f"{name}-{Path(file).name}"
        kept.write_bytes(content)
        link = Path(file + ".link")
        link.symlink_to(kept)
        link.replace(file)


def by_folder(pem: Pem, folder: Path, name: str) -> None:
    """As Kubernetes: files lead through ``..data``, a link that is swapped as a whole."""
    issued = pem.authority.issue_cert("localhost", name)
    data = folder / f"..{name}"
    data.mkdir()
    for file, content in (
        (pem.files.cert, chain(issued)),
        (pem.files.key, issued.private_key_pem.bytes()),
    ):
        (data / Path(file).name).write_bytes(content)
        through = Path("..data") / Path(file).name
        if not Path(file).is_symlink() or Path(file).readlink() != through:
            Path(file).unlink()
            Path(file).symlink_to(through)
    link = folder / "..data_tmp"
    link.symlink_to(data.name)
    link.replace(folder / "..data")


def test_every_way_of_renewing_is_seen(tmp_path: Path) -> None:
    pem = Pem(tmp_path)
    ways = (by_rename, in_place, by_links, by_folder, by_folder)
    with running(pem, tmp_path) as process:
        assert administered(process, pem)["names"] == ["localhost", "first.test"]
        for number, renew in enumerate(ways):
            name = f"renewed-{number}.test"
            renew(pem, tmp_path, name)
            until_shown(process, pem, name)
            shown = administered(process, pem)
            assert shown["names"] == ["localhost", name]
            assert shown["problem"] is None
    assert "Traceback" not in process.output


def test_a_broken_pair_is_shown_and_mended(tmp_path: Path) -> None:
    pem = Pem(tmp_path)
    with running(pem, tmp_path) as process:
        before = administered(process, pem)
        stranger = trustme.CA().issue_cert("localhost").private_key_pem.bytes()
        Path(pem.files.key).write_bytes(stranger)
        problem = f"{pem.files.key} does not fit the certificate in {pem.files.cert}"
        until(lambda: administered(process, pem)["problem"] == problem)
        # Read again when asked to, and not said again.
        process.process.send_signal(signal.SIGHUP)
        assert administered(process, pem) == {**before, "problem": problem}
        pem.issue("mended.test")
        until_shown(process, pem, "mended.test")
        until(lambda: administered(process, pem)["problem"] is None)
    assert process.output.count(problem) == 1


def test_what_is_asked_of_clients_changes_without_a_restart(tmp_path: Path) -> None:
    pem = Pem(tmp_path)
    clients = trustme.CA()
    clients.cert_pem.write_to_path(tmp_path / "clients.pem")
    known = pem.trusting
    clients.issue_cert("client.test").configure_cert(known)

    def gets_in(context: ssl.SSLContext) -> bool:
        url = f"https://localhost:{process.port}/health"
        try:
            with urllib.request.urlopen(url, timeout=PATIENCE, context=context) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    with running(pem, tmp_path) as process:
        assert gets_in(pem.trusting)
        configure(pem, tmp_path, f"  client-ca: {tmp_path}/clients.pem\n  client-auth: required\n")
        until(lambda: not gets_in(pem.trusting))
        assert gets_in(known)
    assert "restart" not in process.output


def test_what_is_switched_off_is_followed_until_the_restart(tmp_path: Path) -> None:
    pem = Pem(tmp_path)
    with running(pem, tmp_path) as process:
        (tmp_path / "config.yaml").write_text("host: 127.0.0.1\nallow-anonymous: true\n")
        process.process.send_signal(signal.SIGHUP)
        pem.issue("second.test")
        until_shown(process, pem, "second.test")
        until(lambda: "tls.enable" in administered(process, pem, "reload")["restart"])
    assert "tls.enable has changed, which needs a restart" in process.output


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
def test_all_workers_follow_and_so_does_one_that_starts_later(tmp_path: Path) -> None:
    pem = Pem(tmp_path)
    context = pem.trusting
    configure(pem, tmp_path)
    file = tmp_path / "config.yaml"
    file.write_text(file.read_text() + "workers: 2\n")
    with gateway(config=file) as process:

        def shown() -> set[str]:
            """By connections enough for every worker to take some."""
            return {names(process, context)[-1] for _ in range(40)}

        def workers() -> list[str]:
            at = f"/proc/{process.process.pid}/task/{process.process.pid}/children"
            return Path(at).read_text().split()

        assert shown() == {"first.test"}
        pem.issue("second.test")
        until(lambda: shown() == {"second.test"})
        first, other = workers()
        os.kill(int(first), signal.SIGKILL)
        until(lambda: len(workers()) == 2 and first not in workers())
        assert other in workers()
        assert shown() == {"second.test"}
        # The files are bad when the next one starts: it has what was in force at the start.
        good = Path(pem.files.key).read_bytes()
        Path(pem.files.key).write_bytes(b"")
        os.kill(int(other), signal.SIGKILL)
        until(lambda: len(workers()) == 2 and other not in workers())
        assert shown() <= {"first.test", "second.test"}
        Path(pem.files.key).write_bytes(good)
        until(lambda: shown() == {"second.test"})


def test_tls_that_cannot_be_served_does_not_start(tmp_path: Path) -> None:
    pem = Pem(tmp_path)
    Path(pem.files.key).write_bytes(b"")
    configure(pem, tmp_path)
    with pytest.raises(RuntimeError, match=f"{os.sep}key.pem holds no private key in PEM"):
        gateway(config=tmp_path / "config.yaml")


def test_a_certificate_that_ends_soon_is_told_at_the_start(tmp_path: Path) -> None:
    pem = Pem(tmp_path)
    end = datetime.now(UTC) + timedelta(days=3, hours=1)
    issued = pem.authority.issue_cert("localhost", not_after=end)
    Path(pem.files.cert).write_bytes(chain(issued))
    Path(pem.files.key).write_bytes(issued.private_key_pem.bytes())
    with running(pem, tmp_path) as process:
        shown = administered(process, pem)["not_after"]
        assert shown == end.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert f"the certificate of {pem.files.cert} expires in 3 days: {shown}" in process.output
