"""``aigw run`` as a process."""

from __future__ import annotations

import json
import os
import re
import signal
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest
import trustme

from tests.running import ROOT, Running, free_port, gateway

BODY = json.dumps(
    {"model": "echo", "messages": [{"role": "user", "content": "/wps 0 Hello there"}]}
).encode()


def ask(url: str, context: ssl.SSLContext | None = None) -> dict[str, object]:
    request = urllib.request.Request(
        url + "/v1/chat/completions", BODY, {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=20, context=context) as response:
        answer: dict[str, object] = json.loads(response.read())
    return answer


def test_without_a_file_it_greets_and_answers() -> None:
    with gateway() as running:
        assert ask(running.url)["object"] == "chat.completion"
    assert f"aigw listens on {running.url}" in running.output
    assert "curl -N" in running.output
    assert len(links(running.output, running.url)) == 1
    assert running.process.returncode == 0


def links(output: str, url: str) -> list[str]:
    """The tokens of links to the dashboard in what was printed."""
    return re.findall(
        rf"^  dashboard       {re.escape(url)}/dashboard/login#link=([\w.-]+)$",
        output,
        re.MULTILINE,
    )


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("dashboard: {enabled: true}", True),
        ("dashboard: {enabled: false}", False),
        ("dashboard: {enabled: true}\nhost: 0.0.0.0", False),
        ("dashboard: {enabled: true}\nlog: {format: json}", False),
    ],
)
def test_a_link_to_the_dashboard_is_shown_where_it_would_sign_in(
    tmp_path: Path, text: str, shown: bool
) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(f"api-keys: [sk-1]\n{text}\n" + "host: 127.0.0.1\n" * ("host" not in text))
    with gateway(config=config) as running:
        pass
    assert len(links(running.output, running.url)) == shown
    assert ("link=" in running.output) == shown
    assert "dashboard: has no effect" not in running.output


@pytest.mark.parametrize("file", ["missing.yaml", "broken.yaml"])
def test_a_named_file_that_cannot_be_used_starts_nothing(tmp_path: Path, file: str) -> None:
    path = tmp_path / file
    if file == "broken.yaml":
        path.write_text("prot: 1\n")
    done = subprocess.run(
        [sys.executable, "-m", "aigw_asgi.cli", "run", "-c", str(path)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
        timeout=60,
    )
    assert done.returncode == 4
    assert str(path) in done.stderr
    assert "Traceback" not in done.stderr
    if file == "broken.yaml":
        assert f'{path}:1:1: unknown key "prot" (did you mean "port"?)' in done.stderr


def test_a_taken_port_is_told() -> None:
    with gateway() as running:
        done = subprocess.run(
            [sys.executable, "-m", "aigw_asgi.cli", "run", "--port", str(running.port)],
            capture_output=True,
            text=True,
            cwd=ROOT,
            check=False,
            timeout=60,
        )
    assert done.returncode == 1
    assert "cannot listen on 127.0.0.1" in done.stderr


def test_it_speaks_tls_when_told_to(tmp_path: Path) -> None:
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    issued.private_key_pem.write_to_path(tmp_path / "key.pem")
    for number, blob in enumerate(issued.cert_chain_pems):
        blob.write_to_path(tmp_path / "cert.pem", append=number > 0)
    config = tmp_path / "config.yaml"
    config.write_text(
        "host: 127.0.0.1\nallow-anonymous: true\necho: 'on'\n"
        f"tls: {{enable: true, cert: {tmp_path}/cert.pem, key: {tmp_path}/key.pem}}\n"
    )
    context = ssl.create_default_context()
    authority.configure_trust(context)
    with gateway(config=config) as running:
        url = running.url.replace("http:", "https:")
        assert ask(url, context)["object"] == "chat.completion"
    assert "https://" in running.output


def test_a_running_stream_ends_with_an_error_event_at_shutdown() -> None:
    port = free_port()
    arguments = ["-m", "aigw_asgi.cli", "run", "--port", str(port), "--shutdown-timeout", "0.2"]
    with Running(arguments, port) as running:
        body = {
            "model": "echo-slow",
            "stream": True,
            "messages": [{"role": "user", "content": "word " * 200}],
        }
        request = urllib.request.Request(
            running.url + "/v1/chat/completions", json.dumps(body).encode()
        )
        with urllib.request.urlopen(request, timeout=20) as response:
            first = response.readline()
            running.process.send_signal(signal.SIGTERM)
            rest = response.read()
        assert first.startswith(b"data: ")
        assert b'"error"' in rest
        assert b"[DONE]" not in rest
        assert running.process.wait(10) == 0


def test_limits_and_prices_of_the_file_are_in_force(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(
        "host: 127.0.0.1\n"
        "api-keys: [{key: sk-1, name: ci, requests-per-minute: 1}]\n"
        "model-prices: {echo: {input: 1000000, output: 0}}\n"
    )

    def get(
        path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, bytes]:
        request = urllib.request.Request(running.url + path, body, headers or {})
        try:
            with urllib.request.urlopen(request, timeout=20) as response:
                return response.status, response.read()
        except urllib.error.HTTPError as exc:
            with exc:
                return exc.code, exc.read()

    with gateway(config=config) as running:
        asked = {"authorization": "Bearer sk-1", "content-type": "application/json"}
        statuses = [get("/v1/chat/completions", BODY, asked)[0] for _ in range(2)]
        metrics = json.loads(get("/metrics")[1])
        text = get("/metrics", None, {"accept": "text/plain"})[1]
        shown = json.loads(get("/admin/config")[1])
        forwarded = get("/admin/config", None, {"x-forwarded-for": "127.0.0.1"})[0]
    assert statuses == [200, 429]
    assert metrics["total_cost_usd"] == metrics["total_input_tokens"] > 0
    assert metrics["limits_refused"] == {"requests-per-minute": 1}
    assert b'aigw_limits_refused_total{limit="requests-per-minute"} 1\n' in text
    assert shown["port"] == running.port
    assert forwarded == 403
    assert "no effect" not in running.output


def test_keys_without_effect_are_told(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(
        "host: 127.0.0.1\napi-keys: [sk-1]\n"
        "capture: {enabled: true}\ndebug: {check-grammar: true}\n"
    )
    with gateway(config=config) as running:
        pass
    assert (
        "capture: is kept in the state folder, and nothing shows it in this version"
        in running.output
    )
    assert "check-grammar" not in running.output


def test_a_log_in_json_has_standard_output_for_itself(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(
        "host: 127.0.0.1\napi-keys: [sk-1]\n"
        f"log: {{format: json, dir: {tmp_path}/logs, retention-days: 3}}\n"
    )
    with gateway(config=config) as running:
        pass
    lines = running.output.splitlines()
    assert [json.loads(line)["level"] for line in lines] == ["info"] * len(lines)
    assert json.loads(lines[0])["msg"].startswith(f"aigw listens on {running.url}")
    assert (tmp_path / "logs" / "aigw.log").read_text().splitlines() == lines


def test_a_log_folder_that_cannot_be_used_starts_nothing(tmp_path: Path) -> None:
    (tmp_path / "logs").touch()
    config = tmp_path / "config.yaml"
    config.write_text(f"host: 127.0.0.1\napi-keys: [sk-1]\nlog: {{dir: {tmp_path}/logs}}\n")
    done = subprocess.run(
        [sys.executable, "-m", "aigw_asgi.cli", "run", "--port", "0", "-c", str(config)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
        timeout=60,
    )
    assert done.returncode == 1
    assert f"no log can be kept in {tmp_path}/logs" in done.stderr


def test_a_full_disk_behind_the_log_does_not_touch_requests() -> None:
    port = free_port()
    full = os.open("/dev/full", os.O_WRONLY)
    command = ["-m", "aigw_asgi.cli", "run", "--port", str(port), "--log-level", "debug"]
    with Running(command, port, stdout=full) as running:
        os.close(full)
        assert ask(running.url)["object"] == "chat.completion"
    assert running.process.returncode == 0


def test_each_request_is_a_line_without_its_content(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("host: 127.0.0.1\nallow-anonymous: true\nlog: {format: json}\n")
    body = {"model": "echo", "messages": [{"role": "user", "content": "/wps 0 canary-prompt"}]}
    with gateway(config=config) as running:
        request = urllib.request.Request(
            running.url + "/v1/chat/completions?tag=canary-query",
            json.dumps(body).encode(),
            {"content-type": "application/json", "x-request-id": "of-this-test"},
        )
        with urllib.request.urlopen(request, timeout=20) as response:
            assert b"canary-prompt" in response.read()
    lines = [json.loads(line) for line in running.output.splitlines()]
    (line,) = [line for line in lines if line["msg"] == "request"]
    assert (line["request_id"], line["http.response.status_code"]) == ("of-this-test", 200)
    assert (line["gen_ai.request.model"], line["aigw.attempts"]) == ("echo", 1)
    assert line["gen_ai.usage.output_tokens"] > 0
    assert "canary" not in running.output


def test_a_secret_of_a_reloaded_file_is_known_to_the_log(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    text = "host: 127.0.0.1\nallow-anonymous: true\nlog: {format: json}\n"
    config.write_text(text)
    with gateway(config=config) as running:
        port = free_port()  # where nobody listens
        entry = f"{{api-key: canary-0123456789, base-url: 'http://127.0.0.1:{port}'}}"
        config.write_text(f"{text}openai-compatibility: [{entry}]\n")
        model = "canary-0123456789"  # where a client's mistake may put a key
        while True:
            body = {"model": model, "messages": [{"role": "user", "content": "x"}]}
            request = urllib.request.Request(
                running.url + "/v1/chat/completions", json.dumps(body).encode()
            )
            with pytest.raises(urllib.error.HTTPError) as caught:
                urllib.request.urlopen(request, timeout=20)
            caught.value.close()
            # Nobody serves it before the reload; afterwards the upstream is asked for it.
            if caught.value.code != 404:
                break
    assert '"gen_ai.request.model":"***"' in running.output
