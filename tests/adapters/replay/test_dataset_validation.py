import json
import os
from pathlib import Path

import pytest
from small_dataset import BOOK, CANDLES, TICKER, build, with_row

from meva_adapters.replay import Fault, open_dataset, validate
from meva_adapters.replay.checking.files import list_dataset
from meva_adapters.replay.checking.reading import check_file
from meva_adapters.replay.format.faults import MAX_FAULTS
from meva_core.errors import BadInput

ROW = "2024-01-01T00:02:00Z,101,103,100.25,102,0"
HUGE = "1" * 131_072


def only(faults: tuple[Fault, ...]) -> Fault:
    """The one fault there is; the others in the failure's text."""
    assert len(faults) == 1, "\n".join(map(str, faults))
    return faults[0]


def place(fault: Fault) -> tuple[str, str, int | None, str, str]:
    return fault.code, fault.file, fault.row, fault.column, fault.value


def test_the_good_dataset_has_nothing_to_report(tmp_path):
    report = validate(build(tmp_path))
    assert report.ok
    assert report.errors == report.warnings == ()
    assert report.symbols == ("BTCTRY",)
    assert report.dataset == str(tmp_path)


CELLS = [
    ("", "empty_cell", ""),
    ("abc", "not_a_number", "abc"),
    (" 101", "not_a_number", " 101"),
    ("101 ", "not_a_number", "101 "),
    ("+101", "not_a_number", "+101"),
    ("1e2", "not_a_number", "1e2"),
    (".5", "not_a_number", ".5"),
    ("5.", "not_a_number", "5."),
    ("1.0.0", "not_a_number", "1.0.0"),
    ("1_000", "not_a_number", "1_000"),
    ("0x10", "not_a_number", "0x10"),
    ("\t101", "not_a_number", "\\t101"),
    ("nan", "not_finite", "nan"),
    ("NaN", "not_finite", "NaN"),
    ("inf", "not_finite", "inf"),
    ("-Infinity", "not_finite", "-Infinity"),
    ("-101", "non_positive_price", "-101"),
    ("-0", "non_positive_price", "-0"),
    ("0", "non_positive_price", "0"),
    ("0.00000000", "non_positive_price", "0"),
    ("101.000000001", "too_many_digits", "101.000000001"),
    ("92000000000", "too_large", "92000000000"),
    ("9" * 40, "too_large", "9" * 40),
    ("١٠١", "not_ascii", "\\u0661\\u0660\\u0661"),
    ("１０１", "not_ascii", "\\uff11\\uff10\\uff11"),
    ("101ı", "not_ascii", "101\\u0131"),
    ('"101"', "quote", '"101"'),
    ('"101', "quote", '"101'),
    ("'101'", "quote", "'101'"),
    ("10\x001", "nul", "10\\x001"),
    ("10\r1", "lone_cr", "10\\r1"),
    ("1" * 65, "long_cell", "1" * 60 + "..."),
    ("0" * 64 + "1", "long_cell", "0" * 60 + "..."),
    (HUGE, "long_cell", "1" * 60 + "..."),
    ("0" * 131_072, "long_cell", "0" * 60 + "..."),
]


@pytest.mark.parametrize(("cell", "code", "value"), CELLS, ids=[f"{cell[:12]!a}" for cell, *_ in CELLS])
@pytest.mark.parametrize(
    ("kind", "column"), [("candles", "open"), ("orderbook", "best_bid"), ("ticker", "last")]
)
def test_a_cell_that_is_no_price_is_named(tmp_path, kind, column, cell, code, value):
    rows = {
        "candles": with_row(CANDLES, 3, f"2024-01-01T00:02:00Z,{cell},103,100.25,102,0"),
        "orderbook": with_row(BOOK, 3, f"2024-01-01T00:02:00Z,{cell},102.1,0.5,2"),
        "ticker": with_row(TICKER, 3, f"2024-01-01T00:02:00Z,{cell},103,99,3.5,353.5"),
    }
    report = validate(build(tmp_path, **{kind: rows[kind]}))
    assert not report.ok
    assert place(only(report.errors)) == (code, f"{kind}/BTCTRY.csv", 3, column, value)


@pytest.mark.parametrize(
    ("kind", "column", "line"),
    [
        ("candles", "volume", "2024-01-01T00:02:00Z,101,103,100.25,102,{}"),
        ("orderbook", "ask_qty", "2024-01-01T00:02:00Z,101.9,102.1,0.5,{}"),
        ("ticker", "volume", "2024-01-01T00:02:00Z,102,103,99,{},353.5"),
        ("ticker", "quote_volume", "2024-01-01T00:02:00Z,102,103,99,3.5,{}"),
    ],
)
@pytest.mark.parametrize(
    ("cell", "code"),
    [
        ("-1", "negative"),
        ("-0", "negative"),
        ("1e9", "not_a_number"),
        ("", "empty_cell"),
        ("inf", "not_finite"),
    ],
)
def test_a_quantity_has_no_sign_and_no_exponent(tmp_path, kind, column, line, cell, code):
    text = with_row({"candles": CANDLES, "orderbook": BOOK, "ticker": TICKER}[kind], 3, line.format(cell))
    fault = only(validate(build(tmp_path, **{kind: text})).errors)
    assert place(fault) == (code, f"{kind}/BTCTRY.csv", 3, column, cell)


def test_a_base_volume_may_outgrow_an_amount_but_a_quote_volume_may_not(tmp_path):
    large = "9" * 35 + ".5"
    candles = with_row(CANDLES, 3, f"2024-01-01T00:02:00Z,101,103,100.25,102,{large}")
    assert validate(build(tmp_path / "base", candles=candles)).ok
    ticker = with_row(TICKER, 3, "2024-01-01T00:02:00Z,102,103,99,3.5,92000000000")
    fault = only(validate(build(tmp_path / "quote", ticker=ticker)).errors)
    assert place(fault) == ("too_large", "ticker/BTCTRY.csv", 3, "quote_volume", "92000000000")


def test_zeros_around_a_number_do_not_matter(tmp_path):
    line = (
        "2024-01-01T00:02:00Z,0000000000000000000000000000000000000101,103.00000000000000000000,100.25,102,0"
    )
    assert validate(build(tmp_path, candles=with_row(CANDLES, 3, line))).ok


STAMPS = [
    "",
    "yesterday",
    "2024-02-30T00:02:00Z",
    "2023-02-29T00:02:00Z",
    "2024-01-01T23:59:60Z",
    "2024-01-01T24:00:00Z",
    "2024-13-01T00:02:00Z",
    "2024-00-01T00:02:00Z",
    "2024-01-00T00:02:00Z",
    "2024-1-1T00:02:00Z",
    "2024-01-01T00:60:00Z",
    "2024-01-01T00:02:00.1234567Z",
    "2024-01-01T00:02:00z",
    "2024-01-01T00:02:00+24:00",
    "2024-01-01T00:02:00+03:60",
    "2024-01-01T00:02:00 Z",
    " 2024-01-01T00:02:00Z",
    "20240101T000200Z",
    "2024-W01-1",
    "1969-12-31T23:59:59Z",
    "1970-01-01T00:00:00+00:01",
    "-1",
    "+1704067320",
    "1704067320.5",
    "1704067320000000",
    "1.7e9",
    "0000-01-01T00:00:00Z",
]


@pytest.mark.parametrize("stamp", STAMPS)
def test_a_stamp_that_is_no_time_is_named(tmp_path, stamp):
    book = with_row(BOOK, 3, f"{stamp},101.9,102.1,0.5,2")
    fault = only(validate(build(tmp_path, orderbook=book)).errors)
    assert place(fault) == ("timestamp", "orderbook/BTCTRY.csv", 3, "ts", stamp)


def test_stamps_must_not_decrease(tmp_path):
    book = with_row(BOOK, 4, "2024-01-01T00:01:59Z,101.4,101.6,1,1")
    fault = only(validate(build(tmp_path, orderbook=book)).errors)
    assert place(fault) == ("order", "orderbook/BTCTRY.csv", 4, "ts", "2024-01-01T00:01:59Z")
    assert "2024-01-01T00:02:00Z" in fault.message


def test_two_candles_with_one_stamp_are_an_error_and_two_books_are_not(tmp_path):
    candles = with_row(CANDLES, 4, "2024-01-01T00:02:00Z,102,102,101,101.5,12")
    fault = only(validate(build(tmp_path / "candles", candles=candles)).errors)
    assert place(fault) == ("duplicate_stamp", "candles/BTCTRY.csv", 4, "ts", "2024-01-01T00:02:00Z")
    book = with_row(BOOK, 4, "2024-01-01T00:02:00Z,101.4,101.6,1,1")
    assert validate(build(tmp_path / "book", orderbook=book)).ok


@pytest.mark.parametrize("kind", ["candles", "ticker"])
def test_a_high_below_the_low_is_named(tmp_path, kind):
    lines = {
        "candles": "2024-01-01T00:02:00Z,101,100,100.25,102,0",
        "ticker": "2024-01-01T00:02:00Z,102,98,99,3,3",
    }
    text = with_row({"candles": CANDLES, "ticker": TICKER}[kind], 3, lines[kind])
    fault = only(validate(build(tmp_path, **{kind: text})).errors)
    assert place(fault) == (
        "high_below_low",
        f"{kind}/BTCTRY.csv",
        3,
        "high",
        "100" if kind == "candles" else "98",
    )


LINES = [
    ("2024-01-01T00:02:00Z,101,103,100.25,102", "ragged_row"),
    (ROW + ",1", "ragged_row"),
    (ROW + ",", "ragged_row"),
    ("2024-01-01T00:02:00Z", "ragged_row"),
    (ROW.replace(",", ";"), "ragged_row"),
    ("", "blank_line"),
    ("   ", "blank_line"),
    ("\r", "blank_line"),
    ("ts,open,high,low,close,volume", "repeated_header"),
    (ROW + "," * 1000, "long_line"),
]


@pytest.mark.parametrize(("line", "code"), LINES, ids=[f"{line[:60]!a}" for line, _ in LINES])
def test_a_line_of_another_shape_is_named(tmp_path, line, code):
    fault = only(validate(build(tmp_path, candles=with_row(CANDLES, 3, line))).errors)
    assert (fault.code, fault.file, fault.row, fault.column) == (code, "candles/BTCTRY.csv", 3, "")
    assert fault.value.rstrip(".")[:60] == line.replace("\r", "")[:60]


HEADERS = [
    ("", "empty_file", None),
    ("\n", "header", 1),
    (CANDLES.split("\n", 1)[1], "header", 1),
    (CANDLES.replace("open,high", "high,open"), "header", 1),
    (CANDLES.replace("ts,", "time,"), "header", 1),
    (CANDLES.replace("volume", "close"), "header", 1),
    (CANDLES.replace(",volume", ""), "header", 1),
    (CANDLES.replace("ts,open", "ts, open"), "header", 1),
    (CANDLES.replace("ts", "TS"), "header", 1),
    (CANDLES.replace(",", ";"), "header", 1),
    ('"ts"' + CANDLES[2:], "header", 1),
    (CANDLES.replace("\n", "\r"), "header", 1),
    ("x" * 3_000_000, "header", 1),
    ("﻿" + CANDLES, "bom", 1),
    (CANDLES.encode("utf-16").decode("latin-1"), "header", 1),
    (CANDLES.split("\n", 1)[0] + "\n", "no_rows", None),
    (CANDLES.split("\n", 1)[0], "no_rows", None),
    ("\n".join(CANDLES.split("\n")[:2]) + "\n", "too_few_rows", None),
]


@pytest.mark.parametrize(("text", "code", "row"), HEADERS, ids=[f"{t[:40]!a}-{c}" for t, c, _ in HEADERS])
def test_a_file_that_does_not_start_as_it_should_is_named(tmp_path, text, code, row):
    fault = only(validate(build(tmp_path, candles=text)).errors)
    assert (fault.code, fault.file, fault.row) == (code, "candles/BTCTRY.csv", row)


def test_windows_line_ends_are_read(tmp_path):
    texts = {kind: text.replace("\n", "\r\n") for kind, text in (("candles", CANDLES), ("orderbook", BOOK))}
    assert validate(build(tmp_path, **texts)).ok


def test_a_line_without_an_end_is_read_and_warned_of(tmp_path):
    report = validate(build(tmp_path, candles=CANDLES.rstrip("\n")))
    assert report.ok
    assert only(report.warnings).code == "unfinished_line"
    assert open_dataset(tmp_path).files["candles/BTCTRY.csv"].rows == 4


def test_a_line_longer_than_a_block_ends_the_reading_of_its_file(tmp_path):
    text = CANDLES + "7" * 3_000_000 + "\n" + ROW + "\n"
    fault = only(validate(build(tmp_path, candles=text)).errors)
    assert place(fault) == ("long_line", "candles/BTCTRY.csv", 6, "", "7" * 60 + "...")


def test_every_fault_of_every_file_is_listed_in_order(tmp_path):
    candles = with_row(with_row(CANDLES, 4, "x,0,y,1,2,-3"), 2, "2024-01-01T00:01:00Z,100,99,100,100,nan")
    book = with_row(BOOK, 5, "2024-01-01T00:04:00Z,0,,3,3")
    report = validate(build(tmp_path, candles=candles, orderbook=book))
    assert [(fault.file, fault.row, fault.column, fault.code) for fault in report.errors] == [
        ("candles/BTCTRY.csv", 2, "volume", "not_finite"),
        ("candles/BTCTRY.csv", 2, "high", "high_below_low"),
        ("candles/BTCTRY.csv", 4, "ts", "timestamp"),
        ("candles/BTCTRY.csv", 4, "high", "not_a_number"),
        ("candles/BTCTRY.csv", 4, "volume", "negative"),
        ("candles/BTCTRY.csv", 4, "open", "non_positive_price"),
        ("orderbook/BTCTRY.csv", 5, "best_ask", "empty_cell"),
        ("orderbook/BTCTRY.csv", 5, "best_bid", "non_positive_price"),
    ]


def test_faults_beyond_the_limit_are_counted_and_the_reading_stops(tmp_path):
    text = "ts,open,high,low,close,volume\n" + "1704067260,x,1,1,1,1\n" * (MAX_FAULTS + 500)
    errors = validate(build(tmp_path, candles=text)).errors
    assert len(errors) == MAX_FAULTS + 1
    assert errors[-1].code == "more_faults"


def test_a_crossed_book_and_a_close_outside_its_range_are_warnings(tmp_path):
    candles = with_row(CANDLES, 3, "2024-01-01T00:02:00Z,101,103,100.25,99.5,0")
    book = with_row(BOOK, 4, "2024-01-01T00:03:00Z,101.7,101.6,1,1")
    report = validate(build(tmp_path, candles=candles, orderbook=book))
    assert report.ok
    assert [place(fault) for fault in report.warnings] == [
        ("price_outside_range", "candles/BTCTRY.csv", 3, "close", "99.5"),
        ("crossed_book", "orderbook/BTCTRY.csv", 4, "best_bid", "101.7"),
    ]


def test_a_locked_book_is_fine(tmp_path):
    assert validate(build(tmp_path, orderbook=BOOK.replace("101.4,", "101.6,"))).warnings == ()


def test_a_gap_is_longer_than_ten_steps(tmp_path):
    def book(last: str) -> str:
        return BOOK + f"{last},100,101,1,1\n"

    assert validate(build(tmp_path / "ten", orderbook=book("2024-01-01T00:14:00Z"))).warnings == ()
    warning = only(validate(build(tmp_path / "more", orderbook=book("2024-01-01T00:14:00.000001Z"))).warnings)
    assert place(warning) == ("gap", "orderbook/BTCTRY.csv", 6, "ts", "600")
    assert "2024-01-01T00:04:00Z" in warning.message


def test_gaps_beyond_the_limit_are_counted_longest_first(tmp_path):
    lines, stamp = ["ts,best_bid,best_ask"], 1_704_067_200
    for i in range(MAX_FAULTS + 200):
        lines += [f"{stamp},1,2", f"{stamp + 1},1,2"]
        stamp += 1 + 11 + i  # the i-th gap takes 11 + i seconds
    warnings = [
        w for w in validate(build(tmp_path, orderbook="\n".join(lines) + "\n")).warnings if w.code != "gap"
    ]
    assert [(w.code, w.message) for w in warnings] == [
        ("more_faults", "199 more warnings of this file are not listed")
    ]


# -- Folders and names --------------------------------------------------------------------------------


def test_a_dataset_that_is_not_there_is_an_error(tmp_path):
    assert only(validate(tmp_path / "nowhere").errors).code == "missing_dataset"


def test_an_archive_is_not_read(tmp_path):
    archive = tmp_path / "data.zip"
    archive.write_bytes(b"PK")
    fault = only(validate(archive).errors)
    assert (fault.code, fault.action) == ("not_a_folder", "unpack the archive first")
    build(tmp_path / "set")
    (tmp_path / "set" / "candles" / "ETHTRY.csv.gz").write_bytes(b"\x1f\x8b")
    assert place(only(validate(tmp_path / "set").errors))[:2] == ("archive", "candles/ETHTRY.csv.gz")


@pytest.mark.parametrize("kind", ["candles", "orderbook"])
def test_a_required_folder_must_be_there(tmp_path, kind):
    build(tmp_path)
    (tmp_path / kind / "BTCTRY.csv").unlink()
    (tmp_path / kind).rmdir()
    assert ("missing_folder", kind) in [place(fault)[:2] for fault in validate(tmp_path).errors]


def test_an_empty_layout_has_no_symbols(tmp_path):
    for kind in ("candles", "orderbook", "ticker"):
        (tmp_path / kind).mkdir()
    assert only(validate(tmp_path).errors).code == "no_symbols"


NAMES = [
    "btc.csv",
    "btctry.csv",
    "BTC_TRY.csv",
    "BTCTRY.CSV",
    "..\\x.csv",
    ".BTCTRY.csv",
    "BTC.csv",
    "A" * 17 + ".csv",
    "BTCTRİ.csv",
    "lınktry.csv",
    "BTCTRY .csv",
    "BTCTRY.csv.csv",
    "BTC\nTRY.csv",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_file_name_that_is_no_symbol_is_an_error(tmp_path, name):
    build(tmp_path)
    (tmp_path / "orderbook" / name).write_text(BOOK)
    fault = only(validate(tmp_path).errors)
    assert fault.code == "bad_symbol"
    assert fault.file.startswith("orderbook/")
    assert fault.file.isascii()


def test_a_name_that_is_no_text_is_an_error(tmp_path):
    build(tmp_path)
    (tmp_path / "orderbook" / os.fsdecode(b"BTC\xff.csv")).write_text(BOOK)
    assert only(validate(tmp_path).errors).code == "bad_symbol"


def test_a_data_file_beside_the_folders_is_an_error(tmp_path):
    build(tmp_path)
    (tmp_path / "candles" / "../x.csv").write_text(CANDLES)
    assert place(only(validate(tmp_path).errors))[:2] == ("misplaced_file", "x.csv")


def test_other_files_are_named_and_hidden_ones_passed_over(tmp_path):
    build(tmp_path)
    (tmp_path / "candles" / "notes.txt").write_text("x")
    (tmp_path / "candles" / ".BTCTRY.csv.1a2b.tmp").write_text("x")
    report = validate(tmp_path)
    assert report.ok
    assert place(only(report.warnings))[:2] == ("ignored_file", "candles/notes.txt")


def test_a_link_that_leads_out_is_refused_and_one_inside_is_read(tmp_path):
    outside = tmp_path / "elsewhere.csv"
    outside.write_text(BOOK)
    root = build(tmp_path / "set")
    (root / "candles" / "ETHTRY.csv").symlink_to(root / "candles" / "BTCTRY.csv")
    (root / "ticker" / "ETHTRY.csv").symlink_to("BTCTRY.csv")
    (root / "orderbook" / "ETHTRY.csv").symlink_to(outside)
    codes = [place(fault)[:2] for fault in validate(root).errors]
    assert codes[0] == ("link_outside", "orderbook/ETHTRY.csv")
    (root / "orderbook" / "ETHTRY.csv").unlink()
    (root / "orderbook" / "ETHTRY.csv").symlink_to("../orderbook/BTCTRY.csv")
    assert validate(root).ok


def test_a_folder_that_is_a_link_out_of_the_dataset_is_refused(tmp_path):
    other, root = build(tmp_path / "other"), build(tmp_path / "set")
    (root / "ticker" / "BTCTRY.csv").unlink()
    (root / "ticker").rmdir()
    (root / "ticker").symlink_to(other / "ticker")
    assert place(only(validate(root).errors))[:2] == ("link_outside", "ticker")


def test_what_is_no_regular_file_is_refused_without_waiting(tmp_path):
    root = build(tmp_path)
    os.mkfifo(root / "ticker" / "ETHTRY.csv")
    (root / "ticker" / "SOLTRY.csv").mkdir()
    (root / "ticker" / "XRPTRY.csv").symlink_to("XRPTRY.csv")
    codes = {fault.file: fault.code for fault in validate(root).errors if fault.code != "no_orderbook"}
    assert codes == {
        "ticker/ETHTRY.csv": "not_a_file",
        "ticker/SOLTRY.csv": "not_a_file",
        "ticker/XRPTRY.csv": "unreadable",
    }


def test_a_symbol_without_a_book_is_an_error_and_without_candles_or_ticker_a_warning(tmp_path):
    root = build(tmp_path)
    build(tmp_path, "ETHTRY")
    (root / "orderbook" / "ETHTRY.csv").unlink()
    report = validate(root)
    assert place(only(report.errors)) == ("no_orderbook", "orderbook/ETHTRY.csv", None, "", "ETHTRY")
    build(tmp_path, "ETHTRY")
    (root / "candles" / "ETHTRY.csv").unlink()
    (root / "ticker" / "ETHTRY.csv").unlink()
    report = validate(root)
    assert report.ok
    assert [fault.code for fault in report.warnings] == ["no_candles", "no_ticker"]
    assert report.symbols == ("BTCTRY", "ETHTRY")


def test_a_file_that_changes_between_finding_and_reading_is_an_error(tmp_path):
    root = build(tmp_path)
    (file,) = list_dataset(root).csv["candles"]
    with open(file.path, "a") as candles:
        candles.write(ROW + "\n")
    facts, faults = check_file(file)
    assert facts is None
    assert place(only(tuple(faults.errors))) == ("file_changed", "candles/BTCTRY.csv", None, "", "")


# -- Documents ----------------------------------------------------------------------------------------


DOCUMENTS = [
    "",
    "{",
    "[]",
    "null",
    '{"symbols": 1}',
    '{"symbols": [1]}',
    '{"symbols": [{"status": "TRADING"}]}',
    '{"symbols": [], "symbols": []}',
    '{"symbols": [{"name": NaN}]}',
    "[" * 100_000,
    '{"a": ' + "1" * 5000 + "}",
]


@pytest.mark.parametrize("text", DOCUMENTS, ids=lambda text: text[:20])
def test_metadata_that_is_not_the_exchanges_is_an_error(tmp_path, text):
    build(tmp_path)
    (tmp_path / "exchangeinfo.json").write_text(text)
    fault = only(validate(tmp_path).errors)
    assert (fault.code, fault.file) == ("exchangeinfo", "exchangeinfo.json")


def test_bytes_that_are_no_text_in_a_document_are_an_error(tmp_path):
    build(tmp_path)
    (tmp_path / "manifest.json").write_bytes(b"\xff\xfe{}")
    assert only(validate(tmp_path).errors).code == "manifest"


SHA = "0" * 64
MANIFESTS = [
    ([], "manifest", "", "list"),
    ({"stamp": "middle"}, "manifest", "stamp", "middle"),
    ({"stamp": ["open"]}, "manifest", "stamp", "['open']"),
    ({"interval": 0}, "manifest", "interval", "0"),
    ({"interval": "5m"}, "manifest", "interval", "5m"),
    ({"interval": True}, "manifest", "interval", "True"),
    ({"source": 7}, "manifest", "source", "7"),
    ({"files": []}, "manifest", "files", "list"),
    ({"files": {"../x.csv": {"sha256": SHA}}}, "manifest_path", "files", "../x.csv"),
    ({"files": {"candles/../../x.csv": {"sha256": SHA}}}, "manifest_path", "files", "candles/../../x.csv"),
    ({"files": {"/etc/passwd": {"sha256": SHA}}}, "manifest_path", "files", "/etc/passwd"),
    ({"files": {"candles/btc.csv": {"sha256": SHA}}}, "manifest_path", "files", "candles/btc.csv"),
    ({"files": {"other/BTCTRY.csv": {"sha256": SHA}}}, "manifest_path", "files", "other/BTCTRY.csv"),
    ({"files": {"candles/BTCTRY.csv": SHA}}, "manifest", "files", SHA[:60] + "..."),
    ({"files": {"candles/BTCTRY.csv": {"sha256": "abc"}}}, "manifest", "files", "{'sha256': 'abc'}"),
    ({"files": {"candles/BTCTRY.csv": {"sha256": SHA}}}, "checksum", "candles/BTCTRY.csv", SHA[:60] + "..."),
    (
        {"files": {"candles/ETHTRY.csv": {"sha256": SHA}}},
        "listed_file_missing",
        "files",
        "candles/ETHTRY.csv",
    ),
]


@pytest.mark.parametrize(
    ("tree", "code", "column", "value"), MANIFESTS, ids=[str(m[0])[:50] for m in MANIFESTS]
)
def test_a_manifest_that_does_not_fit_is_an_error(tmp_path, tree, code, column, value):
    build(tmp_path)
    (tmp_path / "manifest.json").write_text(json.dumps(tree))
    assert place(only(validate(tmp_path).errors)) == (code, "manifest.json", None, column, value)


def test_a_changed_byte_shows_in_the_checksum_and_a_lost_row_in_the_count(tmp_path):
    root = build(tmp_path)
    facts = open_dataset(root).files
    files = {name: {"sha256": fact.sha256, "rows": fact.rows} for name, fact in facts.items()}
    (root / "manifest.json").write_text(json.dumps({"files": files}))
    assert validate(root).ok
    (root / "candles" / "BTCTRY.csv").write_text(CANDLES.replace("103,7", "103,8"))
    assert place(only(validate(root).errors))[:4] == ("checksum", "manifest.json", None, "candles/BTCTRY.csv")
    (root / "candles" / "BTCTRY.csv").write_text(CANDLES)
    files["candles/BTCTRY.csv"]["rows"] = 5
    (root / "manifest.json").write_text(json.dumps({"files": files}))
    assert place(only(validate(root).errors)) == (
        "row_count",
        "manifest.json",
        None,
        "candles/BTCTRY.csv",
        "5",
    )
    del files["candles/BTCTRY.csv"]
    (root / "manifest.json").write_text(json.dumps({"files": files}))
    assert place(only(validate(root).warnings))[:5:4] == ("unlisted_file", "candles/BTCTRY.csv")


# -- Opening ------------------------------------------------------------------------------------------


def test_opening_names_file_row_column_and_value_and_carries_every_fault(tmp_path):
    candles = with_row(with_row(CANDLES, 3, "2024-01-01T00:02:00Z,1_000,103,100,102,0"), 5, "x,1,1,1,1,1")
    with pytest.raises(BadInput) as caught:
        open_dataset(build(tmp_path, candles=candles))
    message = str(caught.value)
    for part in ("candles/BTCTRY.csv", "row 3", "column open", "1_000", "1 more"):
        assert part in message
    assert [problem.where for problem in caught.value.problems] == [
        "candles/BTCTRY.csv:3:open",
        "candles/BTCTRY.csv:5:ts",
    ]
    assert caught.value.action


def test_validation_writes_nothing(tmp_path):
    root = build(tmp_path)
    before = {path: path.stat().st_mtime_ns for path in Path(root).rglob("*")}
    validate(root)
    open_dataset(root)
    assert {path: path.stat().st_mtime_ns for path in Path(root).rglob("*")} == before
