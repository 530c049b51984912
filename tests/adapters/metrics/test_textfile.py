"""The file for node_exporter: written whole, counted on from process to process."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from scraped import samples_in, value_in

from meva_adapters.metrics import vocabulary as v
from meva_adapters.metrics.meters import Meters
from meva_adapters.metrics.textfile import check_file, write_file
from meva_core.errors import BadInput


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "meva.prom"


def write(file: Path, *, fees: float = 0.0, equity: float | None = None, seconds: float = 0.3) -> str:
    """Write as a process of its own."""
    meters = Meters("main")
    meters.add(v.FEES, fees)
    meters.observe(v.CYCLE_SECONDS, seconds, part="store")
    if equity is not None:
        meters.set(v.EQUITY, equity)
    write_file(file, meters)
    return file.read_text()


def test_what_is_counted_goes_on_from_the_file_and_gauges_are_those_of_today(file: Path) -> None:
    write(file, fees=1.5, equity=10.0, seconds=0.3)
    text = write(file, fees=2.25, equity=7.0, seconds=3.0)
    assert value_in(text, "meva_fees_try_total") == 3.75
    assert value_in(text, "meva_equity_try") == 7.0
    name = v.CYCLE_SECONDS.name
    assert value_in(text, f"{name}_sum", part="store") == 3.3
    buckets = [value_in(text, f"{name}_bucket", part="store", le=le) for le in ("0.25", "0.5", "5.0", "+Inf")]
    assert buckets == [0, 1, 2, 2]


def test_a_gauge_that_a_process_did_not_set_and_a_series_that_it_did_not_count_stay(file: Path) -> None:
    first = Meters("main")
    first.set(v.EQUITY, 10.0)
    first.add(v.MISSED, 2, reason="clock")
    write_file(file, first)
    text = write(file)
    assert value_in(text, "meva_equity_try") == 10.0
    assert value_in(text, "meva_cycles_missed_total", reason="clock") == 2


def test_a_file_that_was_taken_away_begins_anew(file: Path) -> None:
    write(file, fees=1.5)
    file.unlink()
    assert value_in(write(file, fees=1.0), "meva_fees_try_total") == 1.0


def test_others_may_read_it_as_far_as_the_umask_lets_them(file: Path) -> None:
    before = os.umask(0o027)
    try:
        write(file)
    finally:
        os.umask(before)
    assert file.stat().st_mode & 0o777 == 0o640
    assert [path.name for path in file.parent.iterdir()] == ["meva.prom"]


def test_a_write_that_fails_leaves_the_file_as_it_was(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = write(file, fees=1.5)

    def no_room(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_room)
    with pytest.raises(OSError, match="No space left"):
        write(file, fees=2.0)
    assert file.read_text() == before
    assert [path.name for path in file.parent.iterdir()] == ["meva.prom"]


def test_what_another_version_told_in_other_words_is_left_out(file: Path) -> None:
    write(file, fees=1.5)
    name = v.CYCLE_SECONDS.name
    file.write_text(
        file.read_text()
        .replace('le="0.25"', 'le="0.2"')
        .replace('meva_fees_try_total{book="main"}', 'meva_fees_try_total{book="main",side="BUY"}')
        + "# TYPE meva_gone gauge\nmeva_gone 1\n"
    )
    text = write(file, fees=2.0)
    assert value_in(text, "meva_fees_try_total") == 2.0
    assert value_in(text, f"{name}_count", part="store") == 1
    assert not [name for name, _ in samples_in(text) if name == "meva_gone"]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("node_load1 0.5\n", "none of Meva's metrics"),
        ("[metrics]\nwhat = 'ever'\n", "none of Meva's metrics"),
        ("", "none of Meva's metrics"),
        ('meva_equity_try{book="other"} 1\n', "that of book other"),
    ],
)
def test_a_file_of_somebody_else_is_refused_and_stays(file: Path, text: str, what: str) -> None:
    file.write_text(text)
    with pytest.raises(BadInput, match=what):
        check_file(file, "main")
    assert file.read_text() == text


def test_a_place_that_nothing_can_be_read_from_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"does not end in \.prom"):
        check_file(tmp_path / "meva.txt", "main")
    with pytest.raises(BadInput, match="there is no folder"):
        check_file(tmp_path / "absent" / "meva.prom", "main")
    check_file(tmp_path / "meva.prom", "main")
