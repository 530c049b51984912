"""The fast reader takes nothing that the line reader refuses, and reads the same where it does."""

import re

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from nightly import NIGHTLY, every
from small_dataset import BOOK, CANDLES, TICKER, build
from strategies import examples

from meva_adapters.replay import open_dataset, validate
from meva_adapters.replay.checking.files import list_dataset, whole_lines
from meva_adapters.replay.format.columns import read_checked, read_columns, whole_and_rest
from meva_adapters.replay.format.faults import FaultList
from meva_adapters.replay.format.layout import KINDS
from meva_adapters.replay.format.lines import LineReader, plain_amount
from meva_adapters.replay.format.rows import Rows
from meva_core.amounts import E8, LIMIT
from meva_core.errors import BadInput

COLUMNS = ("ts", "last", "volume")
PRICES = frozenset({"last"})

stamps = st.one_of(
    st.sampled_from(
        ["1704067200", "1704067200123", "2024-01-01", "2024-01-01T00:00Z", "2024-01-01 00:00:00"]
    ),
    st.datetimes().map(lambda moment: moment.isoformat()),
    st.datetimes().map(lambda moment: moment.isoformat() + "+03:00"),
    st.text("0123456789-:TZ+. ", max_size=30),
)
numbers = st.one_of(
    st.decimals(0, 10**12, places=8).map(lambda number: f"{number:f}"),
    st.integers(0, 10**40).map(str),
    st.from_regex(r"[0-9]{1,40}(\.[0-9]{1,20})?", fullmatch=True),
    st.text("0123456789.+-eE ,_\"'\x00\r\tnaif٣", max_size=8),
    st.integers(20, 80).map(lambda zeros: "0" * zeros + "1"),
)
rows = st.tuples(stamps, numbers, numbers).map(",".join)
blocks = st.lists(
    st.one_of(rows, st.text("0123456789.,\n\r Z", max_size=20)), min_size=1, max_size=6
).flatmap(lambda lines: st.sampled_from(["\n", "\r\n"]).map(lambda end: (end.join(lines) + end).encode()))


def slowly(block: bytes) -> tuple[Rows, FaultList]:
    faults = FaultList("x")
    return LineReader(COLUMNS, PRICES, faults).read(block, 2), faults


def same(one: Rows, other: Rows) -> bool:
    return (
        one.values.keys() == other.values.keys()
        and np.array_equal(one.ts, other.ts)
        and np.array_equal(one.line, other.line)
        and all(np.array_equal(one.values[name], other.values[name]) for name in one.values)
    )


@given(st.one_of(blocks, blocks.map(lambda block: block.rstrip(b"\n")), st.binary(min_size=1, max_size=60)))
@example(b"1704067200,1,2\r1704067201,1,2\n")
@example(b"1704067200,1,2\n\n")
@example(b"\n1704067200,1,2\n")
@example(b"1704067200,1,2\n,")
@example(b"1704067200,1,2\r")
@example(b"1704067200,.5,2\n")
@example(b"1704067200,5.,2\n")
@example(b"2024-01-01, 5,2\n")
@example(b"2024-01-01,1,2.")
@example(b".")
@examples(3)
def test_the_fast_reader_agrees_with_the_line_reader_or_asks_it(block):
    fast = read_columns(block, COLUMNS, 2)
    if fast is not None:
        slow, faults = slowly(block)
        assert faults.errors == []
        assert same(fast, slow)


def text(amount: int) -> str:
    return f"{amount // E8}.{amount % E8:08d}"


@given(
    st.lists(
        st.tuples(st.integers(0, 4 * 10**12), st.integers(0, LIMIT - 1), st.integers(0, 10**30)),
        min_size=1,
        max_size=30,
    )
)
def test_good_rows_are_read_fast_and_exactly(table):
    block = "".join(f"{ts},{text(last)},{text(volume)}\n" for ts, last, volume in table).encode()
    fast = read_columns(block, COLUMNS, 2)
    if b"0" * 24 in block:  # in doubt: it could be an over-long cell
        assert fast is None
        return
    assert fast is not None
    assert fast.ts.tolist() == [ts * 1000 if ts >= 10**11 else ts * 10**6 for ts, *_ in table]
    assert fast.values["last"].tolist() == [last for _, last, _ in table]
    assert fast.values["volume_whole"].tolist() == [min(volume // E8, LIMIT) for *_, volume in table]
    assert fast.values["volume_rest"].tolist() == [volume % E8 for *_, volume in table]
    assert same(fast, slowly(block)[0])
    checked = read_checked(block, COLUMNS, ("ts", "volume"), 2)
    assert checked is not None
    assert same(checked, Rows(fast.line, fast.ts, {k: v for k, v in fast.values.items() if k != "last"}))


@given(
    st.one_of(st.from_regex(r"[0-9]{1,12}(\.[0-9]{0,9})?", fullmatch=True), st.text("09.,-+e \u0663\u00b2\0"))
)
@example("9999999999.99999999")
@example("10000000000")
@example("1.")
@example(".5")
@example("\u0661")
def test_a_plain_cell_is_what_the_line_reader_makes_of_it(cell):
    faults = FaultList("cells")
    read = LineReader(("ts", "close"), frozenset(), faults).amount("close", cell.encode(), 1)
    found = plain_amount(cell)
    assert found is None or ((found,) == read and not faults.errors)
    ordinary = re.fullmatch(r"[0-9]{1,10}(\.[0-9]{1,8})?", cell, re.ASCII)
    assert (found is None) == (ordinary is None)


@given(st.lists(st.integers(0, 10**38 - 1), max_size=20))
def test_128_bits_are_divided_exactly(numbers):
    words = (
        np.array([[n & (2**64 - 1), n >> 64] for n in numbers], dtype=np.uint64).reshape(-1, 2).view(np.int64)
    )
    whole, rest = whole_and_rest(words)
    assert whole.tolist() == [min(n // E8, LIMIT) for n in numbers]
    assert rest.tolist() == [n % E8 for n in numbers]


@given(
    content=st.lists(st.integers(0, 40), max_size=30).map(
        lambda sizes: b"\n".join(b"x" * size for size in sizes)
    ),
    size=st.integers(1, 200),
)
def test_blocks_are_whole_lines_and_lose_nothing(tmp_path_factory, content, size):
    root = tmp_path_factory.mktemp("lines")
    (root / "exchangeinfo.json").write_bytes(content)
    file = list_dataset(root).exchangeinfo
    assert file is not None
    got = list(whole_lines(file, size))
    fits = all(len(line) < size for line in content.split(b"\n"))
    assert b"".join(got) == content if fits else content.startswith(b"".join(got))
    assert all(block.endswith(b"\n") or b"\n" not in block or block == got[-1] for block in got)
    assert all(len(block) <= size for block in got)


# -- Whole files --------------------------------------------------------------------------------------


def outcome(root):
    """What a reader sees: the faults, or the data."""
    report = validate(root)
    if not report.ok:
        with pytest.raises(BadInput):
            open_dataset(root)
        return report
    dataset = open_dataset(root)
    times = np.arange(dataset.start - 60, dataset.start + 600, 30)
    markets = list(dataset.windows(times, 3, cycles=7))
    return report, dataset.sha256, [column.tolist() for market in markets for column in market]


@given(kind=st.sampled_from(["candles", "orderbook", "ticker"]), content=st.binary(max_size=200))
@example(kind="ticker", content=b"ts,last,high,low,volume\n" + b"[" * 100)
@examples(0.8)
def test_any_bytes_are_read_or_refused_and_the_same_each_time(tmp_path_factory, kind, content):
    root = build(tmp_path_factory.mktemp("any"), **{kind: content})
    assert outcome(root) == outcome(root)


@given(
    kind=st.sampled_from(["candles", "orderbook", "ticker"]),
    cells=st.lists(st.lists(st.one_of(stamps, numbers), max_size=7).map(",".join), max_size=5),
)
@examples(0.8)
def test_any_cells_are_read_or_refused(tmp_path_factory, kind, cells):
    header = ",".join(KINDS[kind].columns) + "\n"
    outcome(build(tmp_path_factory.mktemp("cells"), **{kind: (header + "\n".join(cells)).encode()}))


EDITS = bytes([0, 9, 10, 13, 32, 34, 43, 44, 45, 46, 47, 48, 57, 58, 69, 84, 90, 101, 127, 128, 0xC3, 255])


@pytest.mark.parametrize("kind", ["candles", "orderbook", "ticker"])
def test_every_single_byte_edit_agrees_between_both_readers(kind):
    """Every byte of a good file, replaced by one or two of the bytes that mean something, left out, or
    doubled: thirteen bytes in a row by all of them.
    """
    good = {"candles": CANDLES, "orderbook": BOOK, "ticker": TICKER}[kind].encode()
    header, _, body = good.partition(b"\n")
    columns, prices = tuple(header.decode().split(",")), KINDS[kind].prices
    taken = 0
    for i in range(len(body)):
        edits = [body[:i] + bytes([byte]) + body[i + 1 :] for byte in every(13, EDITS, i % 13)]
        for block in [*edits, body[:i] + body[i + 1 :], body[:i] + body[i : i + 1] + body[i:]]:
            faults = FaultList("x")
            slow = LineReader(columns, prices, faults).read(block, 2)
            fast = read_columns(block, columns, 2)
            if fast is not None:
                assert faults.errors == [], block
                assert same(fast, slow), block
            taken += fast is not None
    assert taken > len(body) // (1 if NIGHTLY else 7)  # most digits may be another digit


@pytest.mark.parametrize("byte", EDITS)
def test_a_file_with_one_byte_changed_is_read_or_refused(tmp_path, byte):
    """Every 17th byte of a file, and every byte by one edit or two of all: what a block reads as
    is held for all of them above, and here that a whole dataset's readers go by it."""
    good = BOOK.encode()
    for i in every(17, range(len(good)), EDITS.index(byte) % 17):
        outcome(build(tmp_path, orderbook=good[:i] + bytes([byte]) + good[i + 1 :]))
