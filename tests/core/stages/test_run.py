"""The one run loop: rules that come part by part, a source that is asked in time, and a book that stands
behind what was taken."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pytest
from attrs import evolve
from hypothesis import assume, given
from hypothesis import strategies as st
from oracle import World
from oracle.engine_view import inputs_of, market_of, params_of, rules_of, state_of
from strategies import examples, worlds

from meva_core.amounts import E8
from meva_core.errors import BadInput
from meva_core.fingerprint import STEPS, CycleDigests, Digester
from meva_core.loop import Loop, interpreted
from meva_core.market import Market, empty_market
from meva_core.params import own_tuned, params_from
from meva_core.rules import Rules, RuleStatus, SymbolRules, rules_columns
from meva_core.settings import build_settings
from meva_core.stages.run import Book, Part, run
from meva_core.state import new_state, restore_state, state_document
from meva_core.steps.inputs import Inputs, no_inputs
from meva_core.trace import COLUMNS, Names, Renderer


class Changing(NamedTuple):
    """A world whose rules are others from cycle `at` on."""

    world: World
    others: World
    at: int

    @property
    def cycles(self) -> int:
        return len(self.world.cycles)

    def rules(self, c: int) -> Rules:
        return rules_of(self.others if c >= self.at else self.world)


@st.composite
def changing(draw: st.DrawFn) -> Changing:
    """Draw a world, the same one under rules of another, and the cycle from which those hold."""
    world, other = draw(worlds()), draw(worlds())
    new = {rule.symbol: rule for rule in other.rules}
    others = evolve(
        world,
        rules=tuple(new.get(rule.symbol, rule) for rule in world.rules),
        candidates=other.candidates & {*world.symbols},
        configured=other.configured & {*world.symbols},
    )
    return Changing(world, others, draw(st.integers(0, len(world.cycles) - 1)))


def book_of(world: World) -> Book:
    return Book(world.symbols, params_of(world), state_of(world, room=2))


def parts(drawn: Changing, cuts: Sequence[int] = ()) -> Iterator[Part]:
    """Yield a world's cycles in parts that end where the rules change, and at `cuts`."""
    market, inputs = market_of(drawn.world), inputs_of(drawn.world)
    for first, last in pairwise(sorted({0, drawn.at, drawn.cycles, *cuts})):
        yield (
            Market(*(column[first:last].copy() for column in market)),
            Inputs(*(column[first:last].copy() for column in inputs)),
            drawn.rules(first),
        )


def ran(
    drawn: Changing, cuts: Sequence[int] = (), loop: Loop = interpreted
) -> tuple[list[CycleDigests], dict[str, Any]]:
    """Return the digests of a run, and the state it leaves."""
    book, found = book_of(drawn.world), []
    digester = Digester(book.symbols, book.params)
    for market, _, rules, out, start, stop, _ in run(book, parts(drawn, cuts), loop):
        found += digester.digest(market, rules, out, start, stop)
    return found, state_document(book.state, book.symbols)


def measured(digests: list[CycleDigests]) -> list[bytes]:
    return [cycle.steps[STEPS.index("measure")] for cycle in digests]


# -- Rules that change --------------------------------------------------------------------------------


@given(drawn=changing())
def test_measure_takes_in_the_rules_that_held_in_the_cycle(drawn: Changing) -> None:
    old, new = (rules_of(world) for world in (drawn.world, drawn.others))
    assume(any(not np.array_equal(one, other) for one, other in zip(old, new, strict=True)))
    found, _ = ran(drawn)
    before, _ = ran(drawn._replace(at=drawn.cycles))
    after, _ = ran(drawn._replace(at=0))
    assert found[: drawn.at] == before[: drawn.at]
    # What is measured does not hang on rules: these are digests of a run that always had the new ones.
    assert measured(found)[drawn.at :] == measured(after)[drawn.at :]
    for one, other in zip(found[drawn.at :], before[drawn.at :], strict=True):
        assert measured([one]) != measured([other])
        assert one.link != other.link


@given(drawn=changing(), data=st.data())
def test_where_the_source_cuts_its_parts_makes_no_difference(drawn: Changing, data: st.DataObject) -> None:
    cuts = data.draw(st.sets(st.integers(0, drawn.cycles)))
    assert ran(drawn, sorted(cuts)) == ran(drawn)


@examples(0.5)
@given(drawn=changing())
def test_a_book_goes_on_under_other_rules_in_another_process(drawn: Changing) -> None:
    found, book = [], book_of(drawn.world)
    for part in parts(drawn):
        state = restore_state(json.loads(json.dumps(state_document(book.state, book.symbols))), book.symbols)
        book = Book(book.symbols, book.params, state, book.link, book.seq)
        digester = Digester(book.symbols, book.params, book.link)
        for market, _, rules, out, start, stop, _ in run(book, [part], interpreted):
            found += digester.digest(market, rules, out, start, stop)
            book.link = digester.link
    assert (found, state_document(book.state, book.symbols)) == ran(drawn)
    assert book.seq == drawn.cycles


@pytest.mark.xdist_group("compiled")
@given(drawn=changing())
def test_both_speeds_decide_the_same_under_rules_that_change(
    machine_code: Callable[..., int], drawn: Changing
) -> None:
    assert ran(drawn, loop=machine_code) == ran(drawn)


@examples(0.5)
@given(drawn=changing(), data=st.data())
def test_a_source_may_use_its_columns_again(drawn: Changing, data: st.DataObject) -> None:
    """One set of columns, overwritten for every cycle: what a live source may do."""

    def source() -> Iterator[Part]:
        columns = next(parts(drawn, range(drawn.cycles)))
        for part in parts(drawn, range(drawn.cycles)):
            for kept, new in zip(columns, part, strict=True):
                for column, values in zip(kept, new, strict=True):
                    column[...] = values
            yield columns

    book, found = book_of(drawn.world), []
    digester = Digester(book.symbols, book.params)
    for market, _, rules, out, start, stop, _ in run(book, source(), interpreted):
        found += digester.digest(market, rules, out, start, stop)
    assert found == ran(drawn)[0]


ETH = SymbolRules("ETHTRY", RuleStatus.OK, Decimal(1), Decimal("1E-8"), Decimal(100))


def two_minutes() -> Market:
    """A market in which an empty book of 1 000 TRY may buy."""
    market = empty_market(2, 1)
    market.time[:] = [1_767_225_600, 1_767_225_660]
    market.book_ts[:, 0] = market.ticker_ts[:, 0] = market.time * 10**6
    market.bid[:, 0], market.ask[:, 0] = 149_900 * E8, 150_100 * E8
    market.bid_qty[:, 0] = market.ask_qty[:, 0] = 2 * E8
    market.last[:, 0] = market.high[:, 0] = market.low[:, 0] = 150_000 * E8
    market.quote_volume[:, 0] = 25_000_000 * E8
    return market


def told(second: SymbolRules) -> list[list[Any]]:
    """Return why ETHTRY did, or did not, trade in each of two cycles, the second under other rules."""
    params, minutes = params_from(build_settings({})), two_minutes()
    state = new_state(1, 1_000 * E8, own_tuned(params), params.token_burst)
    book = Book(("ETHTRY",), params, state)
    digester = Digester(book.symbols, params)
    renderer = Renderer(Names("abcdefg", book.symbols), params, "1000")
    source = (
        (Market(*(column[c : c + 1] for column in minutes)), no_inputs(1, 1), rules_columns([rule]))
        for c, rule in enumerate((ETH, second))
    )
    found = []
    for market, _, rules, out, start, stop, _ in run(book, source, interpreted):
        digests = digester.digest(market, rules, out, start, stop)
        rows = renderer.render(market, rules, out, start, stop, digests).rows["stage7_cycle_trace"]
        found += [json.loads(row[COLUMNS["stage7_cycle_trace"].index("reasons_json")]) for row in rows]
    return [next(reason for reason in reasons if reason[2] == "ETHTRY") for reasons in found]


def test_why_is_told_by_the_rules_that_held() -> None:
    bought, held = told(ETH)
    again, refused = told(evolve(ETH, min_notional_try=Decimal(200)))
    assert bought == again
    assert bought[0] == "ok"
    assert (held[4], refused[4]) == ("100", "200")


# -- The source is asked in time ----------------------------------------------------------------------


@given(drawn=changing(), data=st.data())
def test_the_source_is_asked_only_when_all_before_was_taken(drawn: Changing, data: st.DataObject) -> None:
    cuts, book, taken = data.draw(st.sets(st.integers(0, drawn.cycles))), book_of(drawn.world), 0

    def source() -> Iterator[Part]:
        given = 0
        for part in parts(drawn, sorted(cuts)):
            last = drawn.world.cycles[given - 1].time if given else None
            assert (taken, book.seq, book.last_time) == (given, given, last)
            given += len(part[0].time)
            yield part
        assert taken == given == drawn.cycles

    for stretch in run(book, source(), interpreted):
        taken += stretch.stop - stretch.start
        assert book.seq == taken
        assert book.last_time == stretch.market.time[stretch.stop - 1]
        assert book.state is stretch.state
    assert taken == drawn.cycles


@given(world=worlds())
def test_nothing_is_asked_of_a_source_before_a_stretch_is(world: World) -> None:
    asked: list[int] = []

    def source() -> Iterator[Part]:
        asked.append(1)
        yield from parts(Changing(world, world, 0))

    stretches = run(book_of(world), source(), interpreted)
    assert asked == []
    next(stretches)
    assert asked == [1]


# -- Refused ------------------------------------------------------------------------------------------


@given(world=worlds())
def test_a_part_of_other_symbols_is_refused(world: World) -> None:
    book = book_of(world)
    strange = evolve(book, symbols=(*book.symbols[:-1], "OTHERTRY"))
    with pytest.raises(BadInput, match=r"the rules are not those of .*OTHERTRY, in this order"):
        next(run(strange, parts(Changing(world, world, 0)), interpreted))


def test_symbols_of_a_refused_part_are_named_briefly() -> None:
    symbols = tuple(f"S{i:03}TRY" for i in range(200))
    params = params_from(build_settings({}))
    book = Book(symbols, params, new_state(200, 0, own_tuned(params), params.token_burst))
    part = empty_market(1, 1), no_inputs(1, 1), rules_columns([ETH])
    with pytest.raises(BadInput, match="S005TRY and 194 more, in this order"):
        next(run(book, [part], interpreted))


@given(world=worlds())
def test_a_part_that_does_not_lie_after_the_last_cycle_is_refused(world: World) -> None:
    book = book_of(world)
    for _ in run(book, parts(Changing(world, world, 0)), interpreted):
        pass
    with pytest.raises(BadInput, match="lie after the last cycle of the book"):
        next(run(book, parts(Changing(world, world, 0)), interpreted))
