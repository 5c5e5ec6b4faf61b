"""The dashboard's pages: what the build has put into ``aigw_asgi/static``.

Only files that were there when they were last looked for can be asked for, by a table, so
no path leads anywhere else. Names of assets have a hash of their content in them and may be
kept for ever; the page itself is asked for anew each time, and gets a nonce for the styles
that its libraries make.
"""

from __future__ import annotations

import hashlib
import mimetypes
import secrets
from pathlib import Path

import anyio.to_thread
from msgspec import Struct

from aigw_asgi.driver import SendMessage
from aigw_asgi.http import HttpRequest, send_body
from aigw_core.codec import Headers

ROOT = "/dashboard"
FOLDER = Path(__file__).parent.parent / "static"
INDEX = "index.html"
NONCE_PLACE = b"__AIGW_CSP_NONCE__"
"""Stands in the page where its nonce is to be."""
VISITOR_PLACE = b"__AIGW_VISITOR__"
"""Stands where a :class:`Visitor` is told of, so that the page need not ask in vain."""

_ALWAYS: Headers = (
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
)

_NOT_BUILT = b"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>aigw: the dashboard is not built</title>
<h1>The dashboard is not built</h1>
<p>The gateway is running; this installation has no pages of the dashboard.</p>
<p>In a checkout, <code>make web</code> builds them (it brings its own Node.js where there is
none); then load this page again. Packages of releases have them.</p>
<p>Meanwhile: <code>aigw status</code>, <code>/admin/config</code> and <code>/metrics</code>.</p>
"""

_TYPES = {
    ".js": "text/javascript",
    ".css": "text/css",
    ".html": "text/html",
    ".svg": "image/svg+xml",
}


class Visitor(Struct, frozen=True):
    """What a page is told of who has asked for it."""

    signed_in: bool
    password_set: bool
    """One can sign in by password."""

    def __str__(self) -> str:
        said = {"signed-in": self.signed_in, "password-set": self.password_set}
        return " ".join(word for word, true in said.items() if true)


class _File(Struct, frozen=True):
    path: Path
    content_type: str
    immutable: bool
    gzip: Path | None


class Pages:
    """What there is to serve. ``folder`` may come and go."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._folder = folder
        self._files: dict[str, _File] = {}
        self._seen: int | None = None

    async def serve(self, request: HttpRequest, send: SendMessage, visitor: Visitor) -> int:
        """Answer a GET below ``ROOT``; gives the status."""
        if request.path == ROOT:
            return await _redirect(send, ROOT + "/")
        name = request.path.removeprefix(ROOT + "/")
        self._look()
        file = self._files.get(name or INDEX)
        if file is None and "." not in name.rpartition("/")[2]:
            file = self._files.get(INDEX)  # an address within the page
        if not self._files:
            return await _page(send, 200, _NOT_BUILT, "")
        if file is None:
            text = f"there is no file {name!r}; the page may be of another version: reload it\n"
            headers = (*_ALWAYS, ("cache-control", "no-store"))
            await send_body(send, 404, "text/plain; charset=utf-8", text.encode(), headers)
            return 404
        if file is self._files.get(INDEX):
            nonce = secrets.token_urlsafe(16)
            data = await anyio.to_thread.run_sync(file.path.read_bytes)
            data = data.replace(NONCE_PLACE, nonce.encode())
            data = data.replace(VISITOR_PLACE, str(visitor).encode())
            return await _page(send, 200, data, nonce)
        return await _asset(request, send, file)

    def _look(self) -> None:
        """Take in what is there now, if that may have changed."""
        try:
            seen = (self._folder / INDEX).stat().st_mtime_ns
        except OSError:
            self._files, self._seen = {}, None
            return
        if seen == self._seen:
            return
        self._files = {
            path.relative_to(self._folder).as_posix(): _described(path, self._folder)
            for path in self._folder.rglob("*")
            if path.is_file() and path.suffix != ".gz"
        }
        self._seen = seen


def _described(path: Path, folder: Path) -> _File:
    known = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0]
    packed = path.with_name(path.name + ".gz")
    return _File(
        path,
        known or "application/octet-stream",
        path.relative_to(folder).parts[0] == "assets",
        packed if packed.is_file() else None,
    )


async def _asset(request: HttpRequest, send: SendMessage, file: _File) -> int:
    packed = file.gzip is not None and "gzip" in request.headers.get("accept-encoding", "")
    path = file.gzip if packed and file.gzip is not None else file.path
    data = await anyio.to_thread.run_sync(path.read_bytes)
    tag = f'"{hashlib.sha256(data).hexdigest()[:16]}"'
    kept = "public, max-age=31536000, immutable" if file.immutable else "no-cache"
    headers = (*_ALWAYS, ("cache-control", kept), ("etag", tag), ("vary", "accept-encoding"))
    if request.headers.get("if-none-match") == tag:
        await send_body(send, 304, file.content_type, b"", headers)
        return 304
    if packed:
        headers = (*headers, ("content-encoding", "gzip"))
    await send_body(send, 200, file.content_type, data, headers)
    return 200


async def _page(send: SendMessage, status: int, data: bytes, nonce: str) -> int:
    styles = f"'self' 'nonce-{nonce}'" if nonce else "'self'"
    policy = (
        f"default-src 'self'; style-src {styles}; img-src 'self' data:; object-src 'none';"
        " base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )
    headers = (*_ALWAYS, ("cache-control", "no-store"), ("content-security-policy", policy))
    await send_body(send, status, "text/html; charset=utf-8", data, headers)
    return status


async def _redirect(send: SendMessage, place: str) -> int:
    headers = (("location", place), ("cache-control", "no-store"))
    await send_body(send, 307, "text/plain; charset=utf-8", b"", headers)
    return 307
