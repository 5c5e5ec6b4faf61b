"""Certificates in files, for a listener whose files change."""

from __future__ import annotations

import ssl
from pathlib import Path

import trustme
from msgspec.structs import replace

from aigw_core.config.schema import Config
from aigw_core.config.settings import ServerSettings, TlsFiles, server_settings


class Pem:
    """An authority, and the files of the certificate that it has issued last."""

    def __init__(self, folder: Path) -> None:
        self.authority = trustme.CA()
        self.files = TlsFiles(str(folder / "cert.pem"), str(folder / "key.pem"))
        self.issue("first.test")

    def issue(self, name: str) -> None:
        """Put another certificate into the files; ``name`` is how tests tell it."""
        issued = self.authority.issue_cert("localhost", name)
        Path(self.files.cert).write_bytes(chain(issued))
        Path(self.files.key).write_bytes(issued.private_key_pem.bytes())

    @property
    def trusting(self) -> ssl.SSLContext:
        """For a client that verifies."""
        context = ssl.create_default_context()
        self.authority.configure_trust(context)
        return context

    @property
    def settings(self) -> ServerSettings:
        return replace(server_settings(Config()), tls=self.files)


def chain(issued: trustme.LeafCert) -> bytes:
    return b"".join(each.bytes() for each in issued.cert_chain_pems)
