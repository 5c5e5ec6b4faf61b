"""Which certificates an upstream may show.

``SSL_CERT_FILE`` and ``SSL_CERT_DIR`` replace the roots. Otherwise those of the
system count, on macOS and Windows through truststore (which asks the system itself),
elsewhere from the files that OpenSSL and the distributions use. A system without any
gets those of certifi.
"""

from __future__ import annotations

import os
import re
import ssl
import sys
from functools import cache
from pathlib import Path

_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Alpine, Arch
    "/etc/pki/tls/certs/ca-bundle.crt",  # Fedora, RHEL
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",  # newer Fedora
    "/etc/ssl/ca-bundle.pem",  # SUSE
    "/etc/ssl/cert.pem",  # BSD
)
_HASHED_NAME = re.compile(r"[0-9a-f]{8}\.[0-9]+", re.IGNORECASE)


@cache
def client_context() -> ssl.SSLContext:
    """The one context for upstreams; made at the first call, which reads files.

    Certificates and names are checked, TLS 1.2 is the least, HTTP/1.1 is offered.
    """
    return make_context()


def make_context() -> ssl.SSLContext:
    """A context as the environment is now."""
    context = _trusting_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # Older Pythons (3.11.2 of Debian 12) set it, and take a cut connection for a farewell.
    context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF
    context.set_alpn_protocols(["http/1.1"])
    return context


def _trusting_context() -> ssl.SSLContext:
    file, folder = os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")
    if file or folder:
        return ssl.create_default_context(cafile=file or None, capath=folder or None)
    if sys.platform in ("darwin", "win32"):
        import truststore

        return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # On Linux truststore would load the same files, but again for each handshake.
    paths = ssl.get_default_verify_paths()
    for bundle in (paths.openssl_cafile, *_BUNDLES):
        if Path(bundle).is_file():
            return ssl.create_default_context(cafile=bundle)
    if _has_certificates(Path(paths.openssl_capath)):
        return ssl.create_default_context(capath=paths.openssl_capath)
    import certifi

    return ssl.create_default_context(cafile=certifi.where())


def _has_certificates(folder: Path) -> bool:
    # OpenSSL finds certificates in a folder by such names and ignores all others.
    return folder.is_dir() and any(_HASHED_NAME.fullmatch(path.name) for path in folder.iterdir())
