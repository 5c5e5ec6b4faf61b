"""An upstream's HTTP/1.1 answer, with h11 as the judge where both may have an opinion."""

from __future__ import annotations

from tests.fuzz.splitting import dice, reads_of
from tests.http1_readers import agrees_with_h11, read
from tests.laws import hold


def check(data: bytes) -> None:
    method = dice(data).choice(("POST", "GET", "HEAD"))
    whole = read([data], method)
    for reads in (reads_of(data), [bytes([byte]) for byte in data]):
        hold(read(reads, method) == whole, f"cut it is {read(reads, method)}, not {whole}")
    agrees_with_h11(data, method)
