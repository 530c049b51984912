"""Checks of a strategy find each thing that none may do, name the cycle and the symbol, and let honest ones
pass on data with gaps."""

from __future__ import annotations

import re
import warnings
from typing import Any

import numpy as np
import planted_strategies as planted
import pytest
from recorded_tapes import SYMBOLS, tape

from meva_core.amounts import ABSENT
from meva_core.strategy import History, Strategy
from meva_core.strategy.checking.altering import WEEKS_52, cut_off, emptied, moved_by, punched, walked
from meva_core.strategy.checking.comparing import Cell, Compared, compared
from meva_core.strategy.checking.cuts import cuts_of
from meva_core.strategy.checking.examining import ask_of, examine, sample
from meva_core.strategy.checking.finding import Finding
from meva_core.strategy.checking.first_asked import ENDED, FIRST, asked_first, decided_by, decided_by_all
from meva_core.strategy.checking.piece import Piece

TAPE = tape()
NAN = float("nan")


def found_in(kind: type[Strategy], cuts: int = 64) -> dict[str, Finding]:
    """Return what is found in a strategy, by the names of the checks, over the tape that all share."""
    planted.KEPT.clear()
    strategy = kind()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        examined = examine(strategy, TAPE, cuts_of(TAPE, None, cuts, 0), 0)
    return {finding.name: finding for finding in examined.findings}


@pytest.mark.parametrize(
    "kind",
    [
        planted.NextClose,
        planted.OneAfterNext,
        planted.OutBeforeACrash,
        planted.NormalisesOverAll,
        planted.FitsOnAll,
        planted.HoursByTheirBeginning,
        planted.FillsBackwards,
        planted.OnceADay,
        planted.AliveAtTheEnd,
        planted.LastTenth,
        planted.RemembersTheFuture,
    ],
)
def test_whatever_looks_ahead_is_found_and_its_first_weight_named(kind: type[Strategy]) -> None:
    finding = found_in(kind)["no_look_ahead"]
    assert finding.status == "failed"
    assert finding.symbol in SYMBOLS
    assert finding.cycle in TAPE.time
    assert finding.said.startswith(f"{finding.symbol} at 2026-01-0")
    assert finding.weight != finding.otherwise


def test_a_future_that_is_kept_in_a_global_is_told_from_one_that_is_read() -> None:
    assert "it keeps what it saw" in found_in(planted.RemembersTheFuture)["no_look_ahead"].said
    assert "when the history ends at" in found_in(planted.NextClose)["no_look_ahead"].said


def decided_in(kind: type[Strategy]) -> list[Finding]:
    """Return what is found by questions each of which is the first that a process is asked."""
    answers = {}
    for what in FIRST:
        planted.KEPT.clear()
        answers[what] = asked_first(ask_of(kind()), TAPE, what, 0, 0)
    ended = answers.pop(ENDED)
    found = [decided_by(what, TAPE, 0, ended, other) for what, other in answers.items()]
    return [finding for finding in found if finding is not None]


@pytest.mark.parametrize("kind", [planted.FitsOnce, planted.BestShown])
def test_what_is_made_once_of_all_that_is_shown_first_is_found(kind: type[Strategy]) -> None:
    assert found_in(kind, cuts=8)["no_look_ahead"].ok, "each later question is answered alike"
    found = decided_in(kind)
    assert found
    assert all(one.symbol in SYMBOLS and one.cycle in TAPE.time for one in found)
    assert all("that it is shown first ends at 2026-01-0" in one.said for one in found)


@pytest.mark.parametrize("kind", [planted.Indicators, planted.Ranked, planted.HoldsAll])
def test_honest_ones_are_alike_whatever_they_are_shown_first(kind: type[Strategy]) -> None:
    assert decided_in(kind) == []


def test_it_is_named_where_only_another_process_tells() -> None:
    of_all, of_ends = np.ones((len(TAPE.time), 2)), np.ones((len(TAPE.time), 2))
    assert decided_by_all(TAPE, of_ends, of_all) is None
    of_ends[7, 1] = 0.5
    found = decided_by_all(TAPE, of_ends, of_all)
    assert found is not None
    assert (found.name, found.cycle, found.symbol) == ("no_look_ahead", TAPE.time[7], TAPE.symbols[1])


@pytest.mark.parametrize(
    ("kind", "name", "said"),
    [
        (planted.DatesByHeart, "dates", "BTCTRY at 2026-01-03T00:00:00Z: weight 0.25, but 0 when all of it"),
        (planted.NeedsTooLittle, "enough_history", "with 20 bars .* instead of 10; 80 bars would be enough"),
        (planted.Draws, "determinism", "BTCTRY at 2026-01-01T00:15:00Z: .* it draws"),
        (planted.ByWindowLength, "windows", "BTCTRY at .* in windows of 167 cycles instead of 500"),
        (planted.CountsCycles, "windows", "BTCTRY at .* in windows of 167 cycles instead of 500"),
        (planted.FirstInLine, "symbols", r"BTCTRY at .* another order \(XRPTRY, SOLTRY, ETHTRY, ...\)"),
    ],
)
def test_whatever_answers_one_question_in_two_ways_is_found(
    kind: type[Strategy], name: str, said: str
) -> None:
    found = found_in(kind, cuts=4)
    assert found[name].status == "failed"
    assert re.search(said, found[name].said), found[name].said
    assert found[name].symbol == "BTCTRY"


@pytest.mark.parametrize(
    "kind", [planted.Indicators, planted.Averages, planted.Ranked, planted.HoldsAll, planted.EvenDays]
)
def test_honest_ones_pass_on_data_with_gaps(kind: type[Strategy]) -> None:
    found = found_in(kind, cuts=24)
    assert [(one.name, one.said) for one in found.values() if not one.ok] == []
    assert {name: one.status for name, one in found.items() if one.status != "passed"} == (
        {"dates": "not_checked"} if kind.calendar else {}
    )


def test_a_sample_of_eight_cuts_finds_the_plain_ones_and_lets_honest_ones_pass() -> None:
    found = sample(planted.NextClose(), TAPE, 0)
    assert (found.name, found.status) == ("no_look_ahead", "failed")
    assert sample(planted.Indicators(), TAPE, 0).ok


def test_what_raises_where_the_history_ends_is_told_with_what_it_raised() -> None:
    class Reaches(Strategy):
        def weights(self, h: History) -> Any:
            if len(h.time) < 400:
                raise IndexError("no row 400")
            return np.zeros((len(h.time), len(h.symbols)))

    found = found_in(Reaches, cuts=4)["no_look_ahead"]
    assert found.status == "failed"
    assert found.said.startswith("strategy reaches raised IndexError: no row 400")


def test_what_differs_by_less_than_a_billionth_passes_with_a_sentence() -> None:
    class Blurred(Strategy):
        def weights(self, h: History) -> Any:
            return np.full((len(h.time), len(h.symbols)), 0.125) + len(h.time) * 2.0**-50

    found = found_in(Blurred, cuts=4)["windows"]
    assert (found.status, found.ok) == ("nearly", True)
    assert "its bits depend on machine or window; 0 rounded weights differ" in found.said


def test_one_that_never_wishes_for_anything_proves_little() -> None:
    class Silent(Strategy):
        def weights(self, h: History) -> Any:
            return np.full((len(h.time), len(h.symbols)), np.nan)

    found = found_in(Silent, cuts=4)["answers"]
    assert found.status == "not_checked"
    assert found.said.startswith("an opinion in 0 of 500 cycles, in 0 of them a wish for something: it never")


def test_data_that_are_too_short_for_twice_the_need_are_said_to_be() -> None:
    class Needy(Strategy):
        def needs(self) -> int:
            return 400

        def weights(self, h: History) -> Any:
            return np.zeros((len(h.time), len(h.symbols)))

    found = found_in(Needy, cuts=4)["enough_history"]
    assert (found.status, "no cycle with 800 bars" in found.said) == ("not_checked", True)


# -- Cuts -------------------------------------------------------------------------------------------------


def test_cuts_are_many_different_ones_the_same_for_a_seed_and_none_is_the_last_cycle() -> None:
    weights = np.zeros((len(TAPE.time), len(SYMBOLS)))
    cuts = cuts_of(TAPE, weights, 64, 3)
    assert len(cuts) == len(set(cuts)) == 64
    assert cuts == sorted(cuts) == cuts_of(TAPE, weights, 64, 3) != cuts_of(TAPE, weights, 64, 4)
    assert cuts[-1] < len(TAPE.time) - 1
    assert cuts_of(TAPE.part(0, 5, 0), None, 64, 0) == [0, 1, 2, 3]


def test_half_of_them_lie_where_it_hurts() -> None:
    weights = np.zeros((len(TAPE.time), len(SYMBOLS)))
    weights[123:, 2] = 1.0  # one change
    cuts = cuts_of(TAPE, weights, 64, 0)
    hours = [row for row in cuts if TAPE.time[row] % 3_600 in (0, 2_700)]
    assert {122, 123} & set(cuts)
    assert len(hours) >= 32 / 5


# -- What is altered --------------------------------------------------------------------------------------


def amounts(piece: Piece) -> Any:
    """Return all that a piece knows, bars and cycles one below the other."""
    return np.concatenate((piece.bars.close, piece.bars.volume, piece.market.bid, piece.market.book_ts))


def test_up_to_a_cut_nothing_is_another_and_behind_it_all_is() -> None:
    piece, cut = TAPE.part(0, 100, 50), 60
    rows = int(piece.newest()[cut]) + 1
    assert len(cut_off(piece, cut).time) == 61
    for altered in (walked(piece, cut, np.random.default_rng(0)), emptied(piece, cut)):
        assert np.array_equal(altered.time, piece.time)
        for name in ("open", "close", "volume"):
            was, now = getattr(piece.bars, name), getattr(altered.bars, name)
            assert np.array_equal(was[:rows], now[:rows])
            assert (was[rows:] != now[rows:]).mean() > 0.95
        assert np.array_equal(piece.market.bid[: cut + 1], altered.market.bid[: cut + 1])
        assert (piece.market.bid[cut + 1 :] != altered.market.bid[cut + 1 :]).mean() > 0.95


def test_a_random_walk_has_no_gaps_goes_on_from_the_last_price_and_has_two_sides() -> None:
    piece, cut = TAPE.part(0, 100, 50), 60
    altered = walked(piece, cut, np.random.default_rng(0))
    rows = int(piece.newest()[cut]) + 1
    assert (altered.bars.close[rows:] > 0).all()
    assert (altered.market.bid[cut + 1 :] < altered.market.ask[cut + 1 :]).all()
    assert np.abs(altered.bars.close[rows] / altered.bars.open[rows] - 1).max() < 0.06
    assert (altered.bars.low <= altered.bars.high)[rows:].all()


def test_bars_are_missing_after_punching_and_one_at_the_cut_for_certain() -> None:
    piece = TAPE.part(0, 200, 50)
    for seed in range(5):
        altered = punched(piece, 0.02, 120, np.random.default_rng(seed))
        newest = piece.newest()[120]
        assert (altered.bars.close[newest] == ABSENT).any()
        assert (altered.market.bid[120] == ABSENT).any()
        fresh = (altered.bars.close == ABSENT) & (piece.bars.close != ABSENT)
        assert 0 < fresh.mean() < 0.05


def test_a_year_later_is_the_same_day_of_the_week_and_what_is_unknown_stays_so() -> None:
    later = moved_by(TAPE, WEEKS_52)
    assert ((later.time - TAPE.time) == 364 * 86_400).all()
    assert WEEKS_52 % (7 * 86_400) == 0
    assert np.array_equal(amounts(later) == ABSENT, amounts(TAPE) == ABSENT)


# -- Comparing --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other", "said"),
    [
        ([[0.5, NAN]], [[0.5, NAN]], Compared()),
        ([[0.5, 0.25]], [[0.5, NAN]], Compared(first=Cell(0, 1, 0.25, NAN))),
        ([[0.5], [0.5]], [[0.5], [0.5 + 2e-9]], Compared(first=Cell(1, 0, 0.5, 0.5 + 2e-9))),
        ([[0.5]], [[0.5 + 2**-40]], Compared(most=2**-40, rounded=0)),
        ([[0.5000005]], [[0.5000005 + 2**-40]], Compared(most=2**-40, rounded=1)),
    ],
)
def test_answers_are_equal_nearly_equal_or_differ_in_a_first_weight(
    one: Any, other: Any, said: Compared
) -> None:
    assert repr(compared(np.array(one), np.array(other))) == repr(said)
