"""What leaves two answers, or none, is refused with one sentence, and with what to type."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from candle_files import START, Bar, bars, binance, iso, line, plain, text, written
from imported import as_rows, candles_of, imported, put
from pyarrow import parquet

from meva_adapters.importing.choices import Choices, parse_columns, parse_names
from meva_adapters.importing.importing import look, repairs_told
from meva_adapters.importing.unsaid import AllUnsaid
from meva_core.errors import BadInput

BARS = bars(60)


def refused(path: Path, **said: Any) -> BadInput:
    """Return why a file is refused."""
    with pytest.raises(BadInput) as caught:
        look([path], Choices(**said))
    return caught.value


def with_line(data: bytes, number: int, new: str) -> bytes:
    """Return a file with one of its lines, from 1, replaced."""
    lines = data.decode().split("\n")
    lines[number - 1] = new
    return "\n".join(lines).encode()


def row(bar: Bar, **cells: object) -> str:
    """Return a line of a plain file with some cells replaced."""
    return line(bar.ts, *({**bar._asdict(), **cells}[name] for name in Bar._fields[1:]))


def test_a_stamp_that_nothing_tells_is_asked_for_with_a_candle_to_look_up(tmp_path: Path) -> None:
    error = refused(put(tmp_path, "BTCTRY.csv", plain(BARS)))
    largest = max(BARS, key=lambda bar: abs(bar.close - bar.open) / bar.open)
    shown = f"stamped {iso(largest.ts, '%Y-%m-%dT%H:%M:%SZ')}, from {largest.open.normalize():f}"
    assert shown in str(error)
    assert error.action.startswith("say --stamp open or --stamp close")


def test_a_second_time_of_a_row_outweighs_what_is_said(tmp_path: Path) -> None:
    error = refused(put(tmp_path, "BTCUSDT.csv", binance(BARS, header=True)), stamp="close")
    assert "--stamp close, but its column of closing times is 60 s after its stamps" in str(error)


def test_all_open_questions_are_asked_at_once(tmp_path: Path) -> None:
    rows = [line(iso(bar.ts, "%d.%m.%Y %H:%M"), *bar.prices, bar.volume, 14) for bar in BARS]
    error = refused(put(tmp_path, "prices.csv", text(rows)), columns={"ts": "1"})
    assert isinstance(error, AllUnsaid)
    answers = {"--symbol": "BTCTRY", "--columns": "ts=1,volume=6", "--tz": "UTC", "--stamp": "open"}
    assert error.answers == answers
    told = (
        "neither its name nor a column",
        "may both be the volume",
        "without an offset",
        "look this one up",
    )
    assert all(question in str(error) for question in told)


@pytest.mark.parametrize("number", ["²", "٢", "0", "99"])
def test_a_number_that_no_column_has_names_none(tmp_path: Path, number: str) -> None:
    error = refused(put(tmp_path, "BTCTRY.csv", plain(BARS)), columns={"ts": number})
    assert f"has no column {number!r}" in str(error)


def test_one_open_question_is_asked_alone(tmp_path: Path) -> None:
    error = refused(put(tmp_path, "BTCTRY.csv", plain(BARS)))
    assert not isinstance(error, AllUnsaid)
    assert error.action.startswith("say --stamp open or --stamp close")


def test_files_of_hdf5_are_refused_with_what_makes_others_of_them(tmp_path: Path) -> None:
    error = refused(put(tmp_path, "BTC_USDT-1m.h5", b"\x89HDF\r\n\x1a\n" + bytes(64)))
    assert "freqtrade convert-data --format-from hdf5 --format-to feather" in error.action


def test_times_without_an_offset_need_a_zone(tmp_path: Path) -> None:
    path = put(tmp_path, "BTCTRY.csv", written(BARS, "%Y-%m-%d %H:%M"))
    error = refused(path, stamp="open")
    assert "times without an offset" in str(error)
    assert "--tz UTC" in error.action
    naive = pa.table({"date": pa.array([bar.ts * 10**6 for bar in BARS], pa.timestamp("us"))} | {
        name: [float(getattr(bar, name)) for bar in BARS] for name in Bar._fields[1:]
    })  # fmt: skip
    parquet.write_table(naive, tmp_path / "ETHTRY.parquet")
    assert "--tz UTC" in refused(tmp_path / "ETHTRY.parquet", stamp="open").action


def test_an_hour_that_a_zone_has_twice_is_refused_with_its_row(tmp_path: Path) -> None:
    """In Berlin 2024-10-27 02:00 to 03:00 was there twice, 2024-03-31 02:00 to 03:00 not at all."""
    for month, day in ((10, 27), (3, 31)):
        name = f"{month}/BTCEUR.csv"
        stamps = [f"2024-{month:02}-{day:02} 0{hour}:30:00" for hour in (0, 1, 2, 3)]
        lines = ["date,open,high,low,close,volume", *(f"{stamp},1,1,1,1,1" for stamp in stamps)]
        error = refused(put(tmp_path, name, text(lines)), stamp="open", tz="Europe/Berlin")
        assert "row 4: " in str(error)
        assert "a time that Europe/Berlin has twice or not at all" in str(error)


def test_a_zone_is_taken_off(tmp_path: Path) -> None:
    local = [bar._replace(ts=bar.ts + 3 * 3600) for bar in BARS]
    path = put(tmp_path, "BTCTRY.csv", written(local, "%Y-%m-%d %H:%M:%S"))
    for number, zone in enumerate(("Europe/Istanbul", "+03:00")):
        imported(path, into=tmp_path / str(number), stamp="open", tz=zone)
        assert candles_of(tmp_path / str(number), "BTCTRY") == as_rows(BARS)
    assert "is no time zone" in str(refused(path, stamp="open", tz="Mars/Olympus"))


def test_dates_that_do_not_tell_day_from_month_are_asked_for(tmp_path: Path) -> None:
    path = put(tmp_path, "BTCTRY.csv", written(bars(60, start=START + 86_400), "%d/%m/%Y %H:%M"))
    error = refused(path, stamp="open", tz="UTC")
    assert "no date tells day from month" in str(error)
    assert error.action == "say which comes first: --dates dmy or --dates mdy"
    imported(path, into=tmp_path / "data", stamp="open", tz="UTC", dates="mdy")
    assert candles_of(tmp_path / "data", "BTCTRY")[0][0] == "2024-02-01T00:01:00Z"


def test_a_comma_in_a_number_is_asked_for(tmp_path: Path) -> None:
    lines = ["time;open;high;low;close", *(f"{bar.ts};1,5;1,6;1,4;1,5" for bar in BARS)]
    error = refused(put(tmp_path, "BTCTRY.csv", text(lines)), stamp="open")
    assert "'1,5' has a comma" in str(error)
    assert "--decimal , or --decimal ." in error.action


def test_commas_are_asked_for_where_only_numbers_tell_which_column_is_what(tmp_path: Path) -> None:
    words = "Datum;Zeit;Eroeffnung;Hoch;Tief;Schluss;Volumen"
    rows = [
        ";".join([iso(bar.ts, "%d.%m.%Y;%H:%M"), *(f"{cell}".replace(".", ",") for cell in bar[1:6])])
        for bar in BARS
    ]
    error = refused(put(tmp_path, "XRPTRY.csv", text([words, *rows])), tz="UTC", dates="dmy")
    assert "column Eroeffnung" in str(error)
    assert "may be the decimal mark or a separator of thousands" in str(error)
    assert isinstance(error, AllUnsaid)
    assert error.answers == {"--decimal": ",", "--stamp": "open"}


def test_integers_of_a_binary_file_without_a_unit_are_asked_for(tmp_path: Path) -> None:
    table = pa.table({"ts": [bar.ts for bar in BARS]} | {name: [3_500_000] * 60 for name in Bar._fields[1:]})
    parquet.write_table(table, tmp_path / "BTCTRY.parquet")
    error = refused(tmp_path / "BTCTRY.parquet", stamp="open")
    assert "3500000 may be 3500000 or 0.035" in str(error)
    assert error.action == "say which: --integers whole or --integers e8"


def test_a_layout_that_leaves_two_answers_is_refused_and_both_are_shown(tmp_path: Path) -> None:
    """Where every candle opens and closes anywhere, open and close cannot be told apart."""
    rows = [bar._replace(open=bar.close, close=bar.open) if i % 2 else bar for i, bar in enumerate(BARS)]
    path = put(tmp_path, "BTCTRY.csv", text(line(bar.ts, *bar.prices, bar.volume) for bar in rows))
    error = refused(path, stamp="open")
    assert "two layouts fit: open " in str(error)
    assert "--columns open=" in error.action
    said = parse_columns("open=2,high=3,low=4,close=5,volume=6")
    imported(path, into=tmp_path / "data", stamp="open", columns=said)
    assert candles_of(tmp_path / "data", "BTCTRY") == as_rows(rows)


def test_two_volumes_that_are_no_price_apart_are_refused(tmp_path: Path) -> None:
    rows = [line(bar.ts, *bar.prices, bar.volume, i + 3) for i, bar in enumerate(BARS)]
    path = put(tmp_path, "BTCTRY.csv", text(rows))
    assert "--columns volume=6, or --columns volume=- for none" in refused(path, stamp="open").action
    imported(path, into=tmp_path / "data", stamp="open", columns={"volume": "6"})
    assert candles_of(tmp_path / "data", "BTCTRY") == as_rows(BARS)
    imported(path, into=tmp_path / "none", stamp="open", columns={"volume": "-"})
    assert candles_of(tmp_path / "none", "BTCTRY") == as_rows(BARS, volume=False)


BAD_ROWS = {
    "a high below the low": (row(BARS[9], high="1"), "'1' is a high below the low of "),
    "a price of zero": (row(BARS[9], low="0"), "'0' is no price"),
    "a price with few digits": (row(BARS[9], low="0.0000009"), "is a price below 0.000001"),
    "a price too large": (row(BARS[9], high="92000000000"), "which no price may be"),
    "a negative volume": (row(BARS[9], volume="-1"), "'-1' is negative"),
    "a word": (row(BARS[9], close="many"), "'many' is no finite number"),
    "an infinity": (row(BARS[9], close="inf"), "'inf' is no finite number"),
    "a number of too many digits": (row(BARS[9], low="1.234567895"), "--round allows that"),
    "a stamp of too few digits": (row(BARS[9]._replace(ts=170406774)), "is no epoch of 10, 13, 16 or 19"),
    "a cell too many": (row(BARS[9]) + ",1", "has 7 cells where there are 6"),
    "a date that does not exist": ("2024-02-30 00:00:00Z" + row(BARS[9])[10:], "is no epoch of 10, 13"),
}  # fmt: skip


@pytest.mark.parametrize("what", BAD_ROWS)
def test_a_row_that_cannot_be_taken_is_named_or_left_out_and_counted(what: str, tmp_path: Path) -> None:
    new, why = BAD_ROWS[what]
    path = put(tmp_path, "BTCTRY.csv", with_line(plain(BARS), 11, new))
    error = refused(path, stamp="open")
    assert str(error).startswith("BTCTRY.csv, row 11: ")
    assert why in str(error)
    assert "--drop-bad" in error.action
    found = imported(path, into=tmp_path / "data", stamp="open", drop_bad=True)
    assert candles_of(tmp_path / "data", "BTCTRY") == as_rows(BARS[:9] + BARS[10:])
    assert any(told.startswith("left out (1): ") for told in repairs_told(found.pairs[0]))


def test_rows_of_all_lines_keep_their_numbers(tmp_path: Path) -> None:
    """Lines of comment and blank lines count, as an editor counts them."""
    lines = ["a comment", "", "timestamp,open,high,low,close,volume"]
    for bar in BARS:
        lines += [row(bar), ""]
    lines[3 + 2 * 20] = row(BARS[20], close="x")
    error = refused(put(tmp_path, "BTCTRY.csv", text(lines)), stamp="open")
    assert str(error).startswith(f"BTCTRY.csv, row {3 + 2 * 20 + 1}: 'x' is no finite number")


def test_two_candles_of_one_time_are_refused_unless_they_are_alike(tmp_path: Path) -> None:
    lines = plain(BARS).decode().splitlines()
    alike = put(tmp_path, "a/BTCTRY.csv", text([*lines, lines[5], lines[6]]))
    found = imported(alike, into=tmp_path / "data", stamp="open")
    assert candles_of(tmp_path / "data", "BTCTRY") == as_rows(BARS)
    assert "2 exact duplicates were left out" in repairs_told(found.pairs[0])
    other = put(tmp_path, "b/BTCTRY.csv", text([*lines, row(BARS[4], volume="9")]))
    error = refused(other, stamp="open")
    assert str(error).startswith(
        "BTCTRY.csv, row 62: 2024-01-01T00:05:00Z has another candle than in BTCTRY.csv, row 6"
    )
    found = imported(other, into=tmp_path / "dropped", stamp="open", drop_bad=True)
    assert candles_of(tmp_path / "dropped", "BTCTRY") == as_rows(BARS[:4] + BARS[5:])
    assert "left out (2): two candles of one time" in repairs_told(found.pairs[0])


def test_candles_that_overlap_are_refused(tmp_path: Path) -> None:
    lines = plain(BARS).decode().splitlines()
    path = put(tmp_path, "BTCTRY.csv", text([*lines, row(BARS[30]._replace(ts=BARS[30].ts + 20))]))
    error = refused(path, stamp="open")
    assert "row 62: 2024-01-01T00:31:20Z is 20 s after the candle before" in str(error)
    imported(path, into=tmp_path / "data", stamp="open", drop_bad=True)
    assert candles_of(tmp_path / "data", "BTCTRY") == as_rows(BARS)


def test_files_of_two_intervals_do_not_make_one_dataset(tmp_path: Path) -> None:
    put(tmp_path, "in/BTCUSDT-1m.csv", binance(BARS))
    put(tmp_path, "in/ETHUSDT-5m.csv", binance(bars(60, step=300), step=300))
    error = refused(tmp_path / "in")
    assert "there are several: BTCUSDT 60 s, ETHUSDT 300 s" in str(error)


def test_a_pair_that_nothing_tells_is_asked_for(tmp_path: Path) -> None:
    for name in ("candles.csv", "bitstampUSD_1-min_data.csv", "2024-01.csv"):
        assert refused(put(tmp_path, name, plain(BARS)), stamp="open").action == "say it with --symbol BTCTRY"
    imported(put(tmp_path, "x.csv", plain(BARS)), into=tmp_path / "data", stamp="open", symbol="BTCTRY")
    assert candles_of(tmp_path / "data", "BTCTRY") == as_rows(BARS)


def test_a_pair_is_renamed_and_a_name_that_meets_nothing_is_refused(tmp_path: Path) -> None:
    path = put(tmp_path, "BTCUSDT-1m.csv", binance(BARS))
    imported(path, into=tmp_path / "data", names=parse_names(("BTCUSDT=BTCTRY",)))
    assert candles_of(tmp_path / "data", "BTCTRY") == as_rows(BARS)
    assert "no file is of ETHUSDT" in str(refused(path, names=parse_names(("ETHUSDT=ETHTRY",))))


def test_every_refused_file_is_a_problem_of_its_own(tmp_path: Path) -> None:
    put(tmp_path, "in/BTCTRY.csv", plain(BARS))
    put(tmp_path, "in/ETHTRY.csv", b"no\nnumbers\nhere\n")
    put(tmp_path, "in/XRPTRY.json", b"{}")
    put(tmp_path, "in/SOLTRY.parquet", b"PAR1")
    put(tmp_path, "in/AVAXTRY.zip", b"PK")
    error = refused(tmp_path / "in" / "AVAXTRY.zip")
    assert "is no zip archive" in str(error)
    (tmp_path / "in/AVAXTRY.zip").unlink()
    error = refused(tmp_path / "in")
    assert [problem.where for problem in error.problems] == [
        "BTCTRY.csv", "ETHTRY.csv", "SOLTRY.parquet", "XRPTRY.json",
    ]  # fmt: skip
    assert "(4 of 4 files are refused)" in str(error)


def test_what_is_not_there_or_no_table_is_refused(tmp_path: Path) -> None:
    assert "there is no such file" in str(refused(tmp_path / "BTCTRY.csv"))
    assert "is no table that is read" in str(refused(put(tmp_path, "BTCTRY.xlsx", b"x")))
    assert str(refused(put(tmp_path, "BTCTRY.tsv", b"\n"))) == "BTCTRY.tsv: is empty"
    broken = put(tmp_path, "BTCTRY.jsonl", b'{"t": 1}\n{"t": \n')
    assert "BTCTRY.jsonl, line 2: is no JSON" in str(refused(broken))
    (tmp_path / "empty").mkdir()
    assert "holds no file of candles" in str(refused(tmp_path / "empty"))
    path = put(tmp_path, "BTCTRY.csv", plain(BARS))
    assert "has no column 'stamp'" in str(refused(path, columns={"ts": "stamp"}))
    with pytest.raises(BadInput, match="no role"):
        parse_columns("open2=3")


def test_binary_noise_is_rounded_and_told_and_more_is_refused(tmp_path: Path) -> None:
    noisy = json.dumps([[bar.ts * 1000, *map(float, bar.prices), float(bar.volume)] for bar in BARS])
    noisy = noisy.replace(str(float(BARS[0].volume)), f"{float(BARS[0].volume)!r}0000000000001", 1)
    found = imported(put(tmp_path, "BTC_USDT-1m.json", noisy.encode()), into=tmp_path / "data")
    assert candles_of(tmp_path / "data", "BTCUSDT") == as_rows(BARS)
    assert any("1 cell was rounded half even to 8 places" in told for told in repairs_told(found.pairs[0]))
    finer = with_line(plain(BARS), 3, row(BARS[1], volume="0.123456785"))
    path = put(tmp_path, "BTCTRY.csv", finer)
    assert "'0.123456785' has more than 8 decimal places" in str(refused(path, stamp="open"))
    imported(path, into=tmp_path / "rounded", stamp="open", round_cells=True)
    assert candles_of(tmp_path / "rounded", "BTCTRY")[1][-1] == Decimal("0.12345678")


def test_rows_without_values_and_missing_minutes_stay_out_and_are_counted(tmp_path: Path) -> None:
    lines = plain(BARS).decode().splitlines()
    lines[7] = f"{BARS[6].ts},NaN,NaN,NaN,NaN,NaN"
    del lines[20:23]
    found = imported(put(tmp_path, "BTCTRY.csv", text(lines)), into=tmp_path / "data", stamp="open")
    assert candles_of(tmp_path / "data", "BTCTRY") == as_rows(BARS[:6] + BARS[7:19] + BARS[22:])
    assert repairs_told(found.pairs[0]) == [
        "1 row without a value was left out",
        "4 intervals without a candle, which stays so",
    ]


def test_nothing_is_written_over(tmp_path: Path) -> None:
    path = put(tmp_path, "BTCUSDT-1m.csv", binance(BARS))
    imported(path, into=tmp_path / "data")
    with pytest.raises(BadInput, match="nothing is written over"):
        imported(path, into=tmp_path / "data")
    assert not [name for name in tmp_path.iterdir() if name.name.endswith(".tmp")]
