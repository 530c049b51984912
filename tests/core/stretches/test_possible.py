"""What a stretch holds, under a checksum that fits, and cannot hold: read as it is, or named as damage."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from kept_worlds import CODEC, kept, with_cell
from strategies import examples

from meva_adapters.pictures.gathered import Gathered
from meva_adapters.system.texts import ArrowTexts
from meva_core.errors import StoreCorrupt, StoreError
from meva_core.figures.cycles import Cycles, opening_of
from meva_core.figures.motives import Motives
from meva_core.figures.reckoning import Reckoning
from meva_core.fingerprint import STEPS, Digester
from meva_core.ids import canonical_json
from meva_core.reasons import CODES
from meva_core.stretches.fields import fields_of
from meva_core.stretches.opened import Opened, made_of, open_stretch
from meva_core.stretches.recorded import RecordedRun
from meva_core.stretches.rows import cycle_rows
from meva_core.stretches.stored import StoredStretch
from meva_core.trace import COLUMNS, TABLES, Names, Renderer

ONE = kept("ordinary")
RUN = RecordedRun("testrun", ONE.world.symbols, ONE.params, "TRY", 10**13)


def opened(stored: StoredStretch) -> Opened:
    return open_stretch(stored, ONE.world.symbols, ONE.layout, CODEC)


def rows_of(stored: StoredStretch) -> None:
    """Make the rows of all tables."""
    found, made = opened(stored), cycle_rows(RUN, canonical_json, ArrowTexts)
    for table in TABLES:
        assert list(made.of(found, table, COLUMNS[table]))
    renderer = Renderer(Names("testrun", RUN.symbols), ONE.params, "100000", "columns")
    with made_of(stored):
        for span in found.spans():
            renderer.render(span.market, span.rules, span.out, 0, span.cycles, [])


def figures_of(stored: StoredStretch) -> None:
    """Reckon the figures, with everything that the report draws."""
    opening = opening_of(RUN.new_state(), RUN.symbols)
    reckoning, drawn = Reckoning(opening, Motives()), Gathered(stored.start, stored.end, opening)
    for span in opened(stored).spans():
        part = Cycles(RUN.symbols, RUN.params, span.market, span.rules, span.out, 0, span.cycles)
        with made_of(stored):
            reckoning.take(part)
            drawn.take(part)
    reckoning.figures()
    reckoning.round_trips()


def digests_of(stored: StoredStretch) -> None:
    """Digest all cycles, and name the values of the last one."""
    digester = Digester(RUN.symbols, RUN.params)
    for span in opened(stored).spans():
        assert list(digester.digest(span.market, span.rules, span.out, 0, span.cycles))
        for step in STEPS:
            assert list(fields_of(step, span, span.cycles - 1, RUN.symbols))


def all_of(stored: StoredStretch) -> None:
    """Make all of that."""
    digests_of(stored)
    rows_of(stored)


def said_of(stored: StoredStretch, read: Callable[[StoredStretch], None]) -> str:
    """Return what is wrong with a stretch, in words that name its run, or nothing where it is read."""
    try:
        read(stored)
    except StoreError as error:
        return str(error)
    return ""


NO_CODE = next(number for number in range(max(CODES)) if number not in CODES)
READERS = (rows_of, figures_of, digests_of)
CELLS = [(frame.group, column) for frame in ONE.layout.frames for column in frame.columns]


@pytest.mark.parametrize("read", READERS)
def test_what_was_stored_is_read(read: Callable[[StoredStretch], None]) -> None:
    read(ONE.stored)


@pytest.mark.parametrize(
    ("group", "column", "value", "said"),
    [
        ("market", "time", 5, "its first and last cycle are not those of the stretch"),
        ("plan", "mode", 3, "it holds 3, which is not 0 to 2"),
        ("assess", "verdict", -1, "it holds -1, which is not 0 to 2"),
        ("assess", "until", 2**60, "it holds 1152921504606846976, which is not 0 to 253402300799"),
        ("select", "rank", 99, "it holds 99, which is not 0 to "),
        ("select", "code", NO_CODE, f"it holds {NO_CODE}, which is no code of a reason"),
        ("plan", "cycle_code", 5000, f"it holds 5000, which is not 0 to {max(CODES)}"),
        ("ends", "fills_end", 2**40, r"it does not count the \d+ rows of fills"),
        ("intents", "symbol", 7000, "it holds 7000, which is not 0 to "),
        ("events", "kind", 11, "it holds 11, which is not 0 to 10"),
        ("events", "time", 2**62, "it holds 4611686018427387904, which is not 0 to "),
        ("fills", "cycle", 2**31, "its rows are not in the order of the cycles"),
        ("rules", "tick", 0, "a tick or a lot is not above zero"),
        ("rules", "cycle", 1, "its rows are not in the order of the cycles"),
    ],
)
def test_what_cannot_be_is_named(group: str, column: str, value: int, said: str) -> None:
    stored = with_cell(ONE, group, column, 0, lambda _: value)
    message = f"columns of run testrun, cycles .* are damaged: {group}.*: {said}"
    with pytest.raises(StoreCorrupt, match=message) as refused:
        all_of(stored)
    assert refused.value.action.endswith("`meva db check --deep` names all that is damaged")


def test_columns_that_can_be_and_do_not_fit_each_other_are_named() -> None:
    fills = opened(ONE.stored).out.journal.fills
    orders = list(zip(fills.time.tolist(), fills.n.tolist(), strict=True))
    only = next(row for row, order in enumerate(orders) if orders.count(order) == 1)
    stored = with_cell(ONE, "fills", "n", only, lambda n: n + 1000)  # of an order that was filled
    with pytest.raises(StoreCorrupt, match=r"run testrun, .* are damaged: they hold what no cycle decides"):
        rows_of(stored)


NUMBERS = st.one_of(
    st.sampled_from([-(2**63), 2**63 - 1, 2**62, -1, 0, 1, 13, 253_402_300_800]),
    st.integers(-3, 90),
    st.integers(-(2**63), 2**63 - 1),
)


@examples(0.8)
@given(
    cell=st.sampled_from(CELLS),
    row=st.integers(0, 10**6),
    number=NUMBERS,
    read=st.sampled_from(READERS),
)
def test_any_number_anywhere_is_read_or_named(
    cell: tuple[str, str], row: int, number: int, read: Callable[[StoredStretch], None]
) -> None:
    said = said_of(with_cell(ONE, *cell, row, lambda _: number), read)
    assert not said or "run testrun" in said


@examples(0.8)
@given(at=st.integers(0, 10**6), byte=st.integers(1, 255), read=st.sampled_from(READERS))
def test_any_other_byte_under_a_fitting_checksum_is_read_or_named(
    at: int, byte: int, read: Callable[[StoredStretch], None]
) -> None:
    body = bytearray(ONE.stored.body)
    body[at % len(body)] ^= byte
    changed = evolve(ONE.stored, body=bytes(body))
    said = said_of(evolve(changed, sha256=changed.checksum()), read)
    assert not said or "run testrun" in said
