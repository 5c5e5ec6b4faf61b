"""Where the gateway may connect to: spellings that have passed such checks elsewhere."""

from __future__ import annotations

import pytest

from aigw_core.egress import check_address, check_base_url
from aigw_core.errors import ConfigError

FINE = [
    "https://api.example.com",
    "https://api.example.com/v1",
    "https://API.Example.com:8443/v1/",
    "HTTPS://api.example.com",
    "https://xn--bcher-kva.example/v1",
    "https://8.8.8.8",
    "https://[2606:4700::1111]/v1",
    "http://localhost:11434/v1",
    "http://127.0.0.1:8000",
    "http://127.8.9.10",
    "http://[::1]:8000",
    "http://10.1.2.3",
    "http://172.16.0.1",
    "http://192.168.1.20:1234/v1",
    "http://[fd12:3456::1]",
    "http://ollama:11434",
    "http://my_service:80",
    "http://host.docker.internal:8000",
    "http://studio.local:1234",
    "https://one.two.three.example/v1/~user/a%20b",
]

REFUSED = [
    # Plain http to the Internet.
    "http://api.example.com/v1",
    "http://8.8.8.8",
    "http://172.32.0.1",
    "http://[2606:4700::1111]",
    "http://127.0.0.1.example.com",
    "http://localhost.example.com",
    # Other schemes, or none.
    "ftp://api.example.com",
    "file:///etc/passwd",
    "api.example.com/v1",
    "//api.example.com",
    "https:/api.example.com",
    "https:api.example.com",
    "https://",
    "https:///v1",
    "",
    # Parts that a base URL has not.
    "https://user@api.example.com",
    "https://user:word@api.example.com/v1",
    "https://api.example.com@169.254.169.254/",
    "https://api.example.com/v1?key=1",
    "https://api.example.com/v1?",
    "https://api.example.com/#x",
    "https://169.254.169.254#@api.example.com",
    "https://api.example.com/v1/../admin",
    "https://api.example.com/v1/%2E%2e/admin",
    # Characters that parsers disagree about.
    "https://api.example.com\\@169.254.169.254",
    "https:\\\\api.example.com",
    "https://api.exa\tmple.com",
    "https://api.example.com/\r\nx",
    " https://api.example.com",
    "https://api.example.com ",
    "https://bücher.example",
    "https://１２７.0.0.1",
    "https://127。0。0。1",
    "https://api.example.com%2f@evil.example",
    "https://%31%32%37.0.0.1",
    # Names and ports.
    "https://api.example.com.",
    "https://localhost.",
    "https://.example.com",
    "https://api..example.com",
    "https://-api.example.com",
    "https://" + "a" * 64 + ".example.com",
    "https://api.example.com:",
    "https://api.example.com:0",
    "https://api.example.com:65536",
    "https://api.example.com:080",
    "https://api.example.com:+80",
    "https://api.example.com:80:81",
    # IPv4 in other clothes.
    "https://2130706433",
    "https://017700000001",
    "https://0x7f000001",
    "https://0x7f.0.0.1",
    "https://0177.0.0.1",
    "https://127.1",
    "https://127.0.0.01",
    "https://127.0.0.1.",
    "https://127.0.0.256",
    "https://1.2.3.4.5",
    # Link-local, metadata, and what is no host.
    "http://169.254.169.254/latest/meta-data",
    "https://169.254.1.1",
    "https://100.100.100.200",
    "https://168.63.129.16",
    "http://metadata.google.internal/computeMetadata/v1",
    "https://METADATA.google.internal",
    "https://0.0.0.0",
    "https://255.255.255.255",
    "https://239.1.2.3",
    # IPv6.
    "https://[fe80::1]",
    "https://[fe80::1%25eth0]",
    "https://[::]",
    "https://[::ffff:169.254.169.254]",
    "https://[::ffff:7f00:1]",
    "https://[::127.0.0.1]",
    "https://[64:ff9b::a9fe:a9fe]",
    "https://[2002:a9fe:a9fe::1]",
    "https://[fd00:ec2::254]",
    "https://[ff02::1]",
    "https://[::1",
    "https://::1",
    "https://[1::2::3]",
    "https://[127.0.0.1]",
]


@pytest.mark.parametrize("url", FINE)
def test_a_plain_url_is_fine(url: str) -> None:
    check_base_url(url, False)


@pytest.mark.parametrize("url", REFUSED)
def test_an_odd_url_is_refused(url: str) -> None:
    with pytest.raises(ConfigError):
        check_base_url(url, False)


def test_plain_http_leaves_the_private_networks_only_when_told_so() -> None:
    check_base_url("http://api.example.com/v1", True)
    check_base_url("http://8.8.8.8", True)
    with pytest.raises(ConfigError):
        check_base_url("http://169.254.169.254", True)


def test_the_complaint_does_not_repeat_the_url() -> None:
    with pytest.raises(ConfigError) as caught:
        check_base_url("https://user:hunter2@api.example.com", False)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "ip",
    [
        "8.8.8.8",
        "127.0.0.1",
        "10.0.0.1",
        "192.168.0.1",
        "100.64.0.1",
        "::1",
        "fd12::1",
        "2606:4700::1111",
        "::ffff:10.0.0.1",
        "64:ff9b::808:808",
    ],
)
def test_an_address_of_a_host_is_fine(ip: str) -> None:
    assert check_address(ip)


@pytest.mark.parametrize(
    "ip",
    [
        "169.254.169.254",
        "169.254.0.1",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "0.0.0.0",
        "0.1.2.3",
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "fe80::1",
        "fe80::1%2",
        "ff02::1",
        "fd00:ec2::254",
        "::ffff:169.254.169.254",
        "::169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::1",
        "2001:0:a9fe:a9fe::1",
        "",
        "localhost",
        "127.1",
    ],
)
def test_an_address_of_the_machine_room_is_refused(ip: str) -> None:
    assert not check_address(ip)
