"""Values of a benchmark, their files and their picture."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from bench.plot import picture
from bench.samples import Samples, read

SVG = "{http://www.w3.org/2000/svg}"


def measured() -> Samples:
    samples = Samples(["bench: <what> & where", "some machine"])
    for round, (floor, cost) in enumerate([(20.0, 40.0), (30.0, 45.0), (10.0, 50.0)], 1):
        samples.add("A", "pump", round, us_per_unit=floor)
        samples.add("C", "ours", round, us_per_unit=cost)
    samples.add("G", "ours", 1, KiB_per_stream=16.5)
    samples.compare("us_per_unit", {"C": "A"})
    return samples


def test_costs_are_compared_with_the_pump_of_the_same_round() -> None:
    samples = measured()
    assert samples.values("C", "ours", "over_pump") == [2.0, 1.5, 5.0]
    assert samples.values("A", "pump", "over_pump") == [1.0, 1.0, 1.0]
    assert samples.median("C", "ours", "over_pump") == 2.0
    assert samples.median("G", "ours", "over_pump") == "-"


def test_a_file_has_all_values(tmp_path: Path) -> None:
    file = tmp_path / "values.tsv"
    samples = measured()
    samples.write(file)
    again = read(file)
    assert again.head == samples.head
    assert list(again) == list(samples)
    file.write_text("a\tb\n1\t2\n")
    with pytest.raises(ValueError, match="has no columns"):
        read(file)


def test_a_picture_has_a_dot_for_each_round_and_says_where_it_was() -> None:
    root = ElementTree.fromstring(picture(measured()))
    texts = [each.text for each in root.iter(f"{SVG}text")]
    for expected in ("bench: <what> & where", "some machine", "ours", "pump", "2", "16.5"):
        assert expected in texts
    dots = [float(each.attrib["cx"]) for each in root.iter(f"{SVG}circle")]
    assert len(dots) == 3 + 3 + 1
    width = float(root.attrib["width"])
    assert all(0 < x < width for x in dots)
    floor, *_, least, most = sorted(dots[:6])
    assert dots[:3] == [floor] * 3  # the pump's, by itself
    assert sorted(dots[3:6])[1:] == [least, most]
