"""A folder that is recorded into: held by one process, its own files only, of known origin only."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from paper_exchange import NOON, SOURCE, PaperExchange, new_recording

from meva_adapters import replay
from meva_adapters.replay.recording.capture import Pace, capture
from meva_adapters.replay.recording.fetch import Period, fetch
from meva_adapters.replay.recording.holding import LOCK, held
from meva_core.errors import BadInput

HOLD = """
import sys
from pathlib import Path
from meva_adapters.replay.recording.holding import held
with held(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""
CANDLES = "ts,open,high,low,close,volume\n2025-10-09T11:00:00Z,1,1,1,1,1\n2025-10-09T11:01:00Z,1,1,1,1,1\n"


class Quiet:
    """Nobody watches."""

    def start(self, total: int | None, label: str) -> None: ...

    def advance(self, steps: int) -> None: ...

    def done(self) -> None: ...


def captured(root: Path, exchange: PaperExchange) -> None:
    pace = Pace(10, 5.0, exchange.monotonic, exchange.sleep)
    capture(new_recording(root, exchange), exchange, exchange, pace)


def fetched(root: Path, exchange: PaperExchange) -> None:
    recording = new_recording(root, exchange, ("BTCTRY",))
    fetch(recording, exchange, exchange, Period(NOON - 3600, NOON - 600, 60), Quiet(), spread_bps=Decimal(10))


WAYS = pytest.mark.parametrize("record", [captured, fetched])
Record = Callable[[Path, PaperExchange], None]
Holding = Callable[[Path], "subprocess.Popen[str]"]


@pytest.fixture
def exchange() -> PaperExchange:
    return PaperExchange()


@pytest.fixture
def holding() -> Iterator[Holding]:
    """Return a function that starts a process which holds a folder."""
    processes = []

    def start(root: Path) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", HOLD, str(root)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        processes.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        return process

    yield start
    for process in processes:
        kill(process)


def kill(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate(timeout=20)


# -- One at a time ------------------------------------------------------------------------------------


@WAYS
def test_a_folder_that_another_process_records_into_is_refused_and_the_holder_named(
    tmp_path: Path, exchange: PaperExchange, record: Record, holding: Holding
) -> None:
    process = holding(tmp_path)
    with pytest.raises(BadInput, match=f"is being recorded by process {process.pid} on "):
        record(tmp_path, exchange)
    assert exchange.asked == []
    assert [path.name for path in tmp_path.iterdir()] == [LOCK]
    kill(process)
    assert (tmp_path / LOCK).exists()  # and holds nothing
    record(tmp_path, exchange)
    assert replay.validate(tmp_path).ok
    assert not (tmp_path / LOCK).exists()


@WAYS
def test_a_folder_that_came_about_meanwhile_is_refused_as_well(
    tmp_path: Path, record: Record, holding: Holding
) -> None:
    root = tmp_path / "new"

    class Meanwhile(PaperExchange):
        def _ask(self, what: str) -> None:
            if not root.exists():
                root.mkdir()
                holding(root)
            PaperExchange._ask(self, what)

    with pytest.raises(BadInput, match="is being recorded by process"):
        record(root, Meanwhile())
    assert [path.name for path in root.iterdir()] == [LOCK]


def test_a_folder_is_free_again_however_its_recording_ended(tmp_path: Path) -> None:
    with pytest.raises(KeyError), held(tmp_path):
        raise KeyError
    with held(tmp_path):
        assert (tmp_path / LOCK).read_text().startswith(f"process {os.getpid()} on ")
    assert list(tmp_path.iterdir()) == []


# -- Its own files only -------------------------------------------------------------------------------


@WAYS
@pytest.mark.parametrize(
    "name",
    ["candles/BTCTRY.csv", "candles/ETHTRY.csv", "candles", "manifest.json", "exchangeinfo.json", LOCK],
)
@pytest.mark.parametrize("there", [True, False])
def test_nothing_is_written_through_a_link(
    tmp_path: Path, exchange: PaperExchange, record: Record, name: str, there: bool
) -> None:
    root, outside = tmp_path / "data", tmp_path / "outside"
    (root / name).parent.mkdir(parents=True)
    if there and name == "candles":
        outside.mkdir()
    elif there:
        outside.write_text(CANDLES)
    (root / name).symlink_to(outside)
    with pytest.raises(BadInput, match=f"{name}: is a link"):
        record(root, exchange)
    assert outside.exists() is there
    if outside.is_file():
        assert outside.read_text() == CANDLES
    elif there:
        assert list(outside.iterdir()) == []


def test_a_link_that_appears_later_is_not_followed(tmp_path: Path, exchange: PaperExchange) -> None:
    captured(tmp_path, exchange)
    outside = tmp_path.parent / "outside.csv"
    table = new_recording(tmp_path, exchange).table("candles", "BTCTRY")
    table.path.rename(outside)
    table.path.symlink_to(outside)
    before = outside.read_bytes()
    assert table.add(table.last_ts + 60_000_000, ("1", "1", "1", "1", "1"))
    with pytest.raises(OSError, match="symbolic links"):
        table.flush()
    assert outside.read_bytes() == before


@WAYS
def test_a_file_with_a_second_name_is_refused(
    tmp_path: Path, exchange: PaperExchange, record: Record
) -> None:
    record(tmp_path / "data", exchange)
    os.link(tmp_path / "data" / "candles" / "BTCTRY.csv", tmp_path / "snapshot.csv")
    with pytest.raises(BadInput, match=r"BTCTRY.csv: has 2 names \(hard links\)"):
        record(tmp_path / "data", exchange)


# -- Of known origin only -----------------------------------------------------------------------------


@WAYS
@pytest.mark.parametrize(
    ("manifest", "said"),
    [
        (None, r"holds data \(candles/BTCTRY.csv\) and no manifest.json"),
        ({}, "does not say the source and the interval"),
        ({"interval": 60, "stamp": "close"}, "does not say the source"),
        ({"source": SOURCE.name}, "does not say the interval"),
    ],
)
def test_data_of_no_known_origin_are_not_vouched_for(
    tmp_path: Path, exchange: PaperExchange, record: Record, manifest: object, said: str
) -> None:
    (tmp_path / "candles").mkdir()
    (tmp_path / "candles" / "BTCTRY.csv").write_text(CANDLES)
    if manifest is not None:
        (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(BadInput, match=said) as caught:
        record(tmp_path, exchange)
    assert "into another folder" in caught.value.action
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


@WAYS
def test_metadata_alone_are_data_as_well(tmp_path: Path, exchange: PaperExchange, record: Record) -> None:
    (tmp_path / "exchangeinfo.json").write_text('{"symbols": []}')
    with pytest.raises(BadInput, match="holds data"):
        record(tmp_path, exchange)
    assert (tmp_path / "exchangeinfo.json").read_text() == '{"symbols": []}'


@WAYS
def test_a_file_that_was_put_in_later_is_not_vouched_for(
    tmp_path: Path, exchange: PaperExchange, record: Record
) -> None:
    record(tmp_path, exchange)
    (tmp_path / "ticker" / "XRPTRY.csv").write_text("ts,last,high,low,volume\n1760000000,1,1,1,1\n")
    with pytest.raises(BadInput, match=r"does not list ticker/XRPTRY\.csv"):
        record(tmp_path, exchange)


@WAYS
def test_a_file_that_was_changed_is_not_vouched_for(
    tmp_path: Path, exchange: PaperExchange, record: Record
) -> None:
    record(tmp_path, exchange)
    path = tmp_path / "candles" / "BTCTRY.csv"
    path.write_text(path.read_text().replace(",1.25", ",1.5", 1))
    with pytest.raises(BadInput, match=r"BTCTRY\.csv was changed since it was recorded"):
        record(tmp_path, exchange)


@WAYS
def test_what_is_no_dataset_is_refused_before_anything_is_asked(
    tmp_path: Path, exchange: PaperExchange, record: Record
) -> None:
    (tmp_path / "BTCTRY.csv").write_text(CANDLES)
    with pytest.raises(BadInput, match=r"BTCTRY\.csv"):
        record(tmp_path, exchange)
    assert exchange.asked == []
