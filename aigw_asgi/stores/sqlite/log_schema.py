"""The tables of the request log, and why they are these.

Most of what is known of a request is the same for many: who asked for which model in
what format, who answered, with which status. Each such combination is a row of ``facets``
(some hundreds), and a request is a row of numbers that points to one. So a request costs
one narrow row and two index entries, whatever can be searched for; a filter, also a text,
is looked up among the facets, and the newest requests of those are merged by the index
``requests_facet``. How many requests a facet has is kept beside it.

``requests.id`` counts up without a gap, since only the oldest are removed; it is given out
from ``counter`` inside of the transaction that writes, so its order is the order in which
requests became visible.

The other tables sum up: how many requests a facet has and which is its last, ``marks``
which requests fall in a minute, ``minutes`` what they took by facet (by hour, for those of
long ago), ``days`` by client key, ``peaks`` the highest values of each 2,048 requests by
facet (:mod:`aigw_asgi.stores.sqlite.log_peaks`). All of them know of the requests up to
``counter.summed``: every few seconds one process brings them up to date, and who reads
them looks at the few requests after that by itself.

Times are Unix milliseconds, durations microseconds, money is in millionths of a millionth
of a dollar; absent texts are empty.
"""

from __future__ import annotations

APPLICATION = 0x61_69_67_77
"""Marks our files: "aigw"."""

FILE = "requests.db"

FACETS = (
    "format",
    "endpoint",
    "method",
    "path",
    "stream",
    "status",
    "failed",
    "client_left",
    "error",
    "error_code",
    "stop",
    "model",
    "served_model",
    "provider",
    "credential",
    "upstream_format",
    "relayed",
    "key",
    "usage_estimated",
)
"""The columns of a facet that say what it is, in the order of its tuple."""

_NUMBERS = {"stream", "status", "failed", "client_left", "relayed", "usage_estimated"}

WORDS = (
    "model",
    "served_model",
    "provider",
    "credential",
    "key",
    "error",
    "error_code",
    "path",
    "endpoint",
)
"""Those that a text is looked for in."""

ROW = (
    "facet",
    "at",
    "us",
    "first_us",
    "overhead_us",
    "input",
    "output",
    "cache_read",
    "cache_write",
    "reasoning",
    "cost",
    "bytes_out",
    "attempts",
    "place",
    "config",
    "request_id",
)
"""The columns of a request after its ``id``."""

_FACET_COLUMNS = ",\n".join(
    f"{name} {'INTEGER' if name in _NUMBERS else 'TEXT'} NOT NULL" for name in FACETS
)

STEPS = (
    f"""
    CREATE TABLE facets (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        digest BLOB NOT NULL UNIQUE,
        rows INTEGER NOT NULL,
        last INTEGER NOT NULL,
        {_FACET_COLUMNS}
    ) STRICT;
    CREATE VIRTUAL TABLE words USING fts5(
        {", ".join(WORDS)}, content='facets', content_rowid='id'
    );
    CREATE TABLE requests (
        id INTEGER PRIMARY KEY,
        facet INTEGER NOT NULL,
        at INTEGER NOT NULL,
        us INTEGER NOT NULL,
        first_us INTEGER,
        overhead_us INTEGER,
        input INTEGER,
        output INTEGER,
        cache_read INTEGER,
        cache_write INTEGER,
        reasoning INTEGER,
        cost INTEGER,
        bytes_out INTEGER NOT NULL,
        attempts INTEGER NOT NULL,
        place TEXT,
        config TEXT NOT NULL,
        request_id TEXT NOT NULL
    ) STRICT;
    CREATE INDEX requests_facet ON requests (facet);
    CREATE INDEX requests_request ON requests (request_id);
    CREATE TABLE details (id INTEGER PRIMARY KEY, data BLOB NOT NULL) STRICT;
    CREATE TABLE counter (
        last INTEGER NOT NULL,
        summed INTEGER NOT NULL,
        -- Changes when facets are removed: processes remember those they know.
        epoch INTEGER NOT NULL
    ) STRICT;
    INSERT INTO counter VALUES (0, 0, 0);
    CREATE TABLE marks (
        minute INTEGER PRIMARY KEY, first INTEGER NOT NULL, last INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE minutes (
        minute INTEGER NOT NULL,
        facet INTEGER NOT NULL,
        requests INTEGER NOT NULL,
        us INTEGER NOT NULL,
        input INTEGER NOT NULL,
        output INTEGER NOT NULL,
        cost INTEGER NOT NULL,
        latency BLOB NOT NULL,
        first BLOB NOT NULL,
        PRIMARY KEY (minute, facet)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE days (
        day INTEGER NOT NULL,
        key TEXT NOT NULL,
        requests INTEGER NOT NULL,
        failed INTEGER NOT NULL,
        input INTEGER NOT NULL,
        output INTEGER NOT NULL,
        cost INTEGER NOT NULL,
        unpriced INTEGER NOT NULL,
        PRIMARY KEY (day, key)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE captures (
        id INTEGER PRIMARY KEY,
        request_id TEXT NOT NULL UNIQUE,
        until INTEGER NOT NULL,
        size INTEGER NOT NULL,
        data BLOB NOT NULL
    ) STRICT;
    CREATE INDEX captures_until ON captures (until, size);
    """,
    # Absent values are -1, below all others.
    """
    CREATE TABLE peaks (
        block INTEGER NOT NULL,
        facet INTEGER NOT NULL,
        rows INTEGER NOT NULL,
        us INTEGER NOT NULL,
        first_us INTEGER NOT NULL,
        cost INTEGER NOT NULL,
        attempts INTEGER NOT NULL,
        PRIMARY KEY (block, facet)
    ) STRICT, WITHOUT ROWID;
    INSERT INTO peaks
        SELECT id / 2048, facet, count(*), max(us), ifnull(max(first_us), -1),
            ifnull(max(cost), -1), max(attempts)
        FROM requests WHERE id < (SELECT (summed + 1) / 2048 * 2048 FROM counter) GROUP BY 1, 2;
    """,
)
"""Never change one that was released; add another."""

_PICO = 12
PICO = 10**_PICO
"""Of money: to the dollar."""
