"""The path of a request, as it came."""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes, urljoin, urlsplit

from aigw_asgi.http import checked_path
from tests.laws import hold


def check(data: bytes) -> None:
    """A path that passes means the same to whoever decodes, joins or cuts it."""
    path = checked_path({"raw_path": data, "path": ""})
    if not path:
        return
    target = data.partition(b"?")[0]
    hold(path.encode() == target, f"{target!r} became {path!r}")
    hold(re.fullmatch(r"/[!-~]*", path), f"no path: {path!r}")
    decoded = unquote_to_bytes(path)
    hold(decoded.count(b"/") == path.count("/"), f"a slash by decoding: {path!r}")
    hold(b"\\" not in decoded and b"\0" not in decoded, f"a trap by decoding: {path!r}")
    hold(not {b".", b".."} & set(decoded.split(b"/")), f"dots by decoding: {path!r}")
    hold(b"//" not in decoded, f"an empty segment: {path!r}")
    if "#" not in path and ";" not in path:
        hold(urlsplit(urljoin("http://h/a/b", path)).path == path, f"joined: {path!r}")
