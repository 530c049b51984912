"""The fingerprint: any change of one input, parameter, rule or decision changes it, in the step concerned."""

from __future__ import annotations

from collections import namedtuple
from copy import copy
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, assume, given
from hypothesis import strategies as st
from oracle import World
from oracle.engine_view import engine_of, inputs_of, market_of, rules_of
from strategies import examples, short_kinds, worlds

from meva_core import params as parameters
from meva_core.cycle import Out
from meva_core.fingerprint import (
    GROUPS,
    ROWS,
    STEPS,
    CycleDigests,
    Digester,
    columns_of,
    form_of,
)
from meva_core.journal import Events, Fills, Intents
from meva_core.market import Market
from meva_core.params import READS, READS_IF_SET, READS_TUNED, VARIABLES, Params, own_tuned, params_from
from meva_core.rules import Rules
from meva_core.settings import VARIABLES as SETTINGS
from meva_core.settings import Settings, build_settings, settings_document
from meva_core.state import TUNED
from meva_core.steps.inputs import Inputs

TABLES = {"intents": Intents, "events": Events, "fills": Fills}
WHOLE_ROWS = [(step, table) for step, tables in ROWS.items() for table in tables]


@lru_cache(256)
def digester_of(symbols: tuple[str, ...], params: Params) -> Digester:
    """Return a digester that has digested nothing; copies of it carry chains of their own."""
    return Digester(symbols, params)


class Ran(NamedTuple):
    """One stretch of a world's run, and all that its digests hang on."""

    world: World
    market: Market
    out: Out
    rules: Rules
    params: Params

    @property
    def cycles(self) -> int:
        return len(self.market.time)

    def digests(self, **changes: Any) -> list[CycleDigests]:
        ran = self._replace(**changes)
        digester = copy(digester_of(ran.world.symbols, ran.params))
        return list(digester.digest(ran.market, ran.rules, ran.out, 0, self.cycles))


@st.composite
def runs(draw: st.DrawFn) -> Ran:
    """Draw a world and run it."""
    world = draw(worlds(short_kinds))
    engine, market, rules = engine_of(world), market_of(world), rules_of(world)
    [(start, stop, out)] = engine.advance(market, inputs_of(world), rules)
    assert (start, stop) == (0, len(world.cycles))
    return Ran(world, market, out, rules, engine.params)


def touched(column: Any, at: Any) -> Any:
    """Return a copy of a column in which one number is another."""
    changed = column.copy()
    changed[at] += 1
    return changed


def differing(before: list[CycleDigests], after: list[CycleDigests]) -> set[tuple[int, str]]:
    """Return cycles and steps whose digests differ; make sure that the chain differs from the first on."""
    found = {
        (c, step)
        for c, (one, other) in enumerate(zip(before, after, strict=True))
        for step, x, y in zip(
            (*STEPS, "adapt"), (*one.steps, one.adapt), (*other.steps, other.adapt), strict=True
        )
        if x != y
    }
    first = min((c for c, step in found if step != "adapt"), default=len(before))
    links = [one.link == other.link for one, other in zip(before, after, strict=True)]
    assert links == [c < first for c in range(len(before))]
    return found


@examples(0.7)
@given(ran=runs(), data=st.data())
def test_one_number_of_the_market_changes_the_digest_of_measure_in_its_cycle(
    ran: Ran, data: st.DataObject
) -> None:
    before, c = ran.digests(), data.draw(st.integers(0, ran.cycles - 1))
    i = data.draw(st.integers(0, len(ran.world.symbols) - 1))
    for name in Market._fields:
        column = getattr(ran.market, name)
        market = ran.market._replace(**{name: touched(column, (c, i)[: column.ndim])})
        assert differing(before, ran.digests(market=market)) == {(c, "measure")}, name


@examples(0.7)
@given(ran=runs(), data=st.data())
def test_one_number_that_a_step_put_out_changes_its_digest_in_its_cycle(
    ran: Ran, data: st.DataObject
) -> None:
    before, c = ran.digests(), data.draw(st.integers(0, ran.cycles - 1))
    i = data.draw(st.integers(0, len(ran.world.symbols) - 1))
    off = parameters.columns_off(ran.params)
    for step, kind in GROUPS.items():
        for name in kind._fields:
            if f"{step}.{name}" in off:
                continue
            column = getattr(columns_of(step, ran.out), name)
            group = columns_of(step, ran.out)._replace(**{name: touched(column, (c, i)[: column.ndim])})
            found = differing(before, ran.digests(out=ran.out._replace(**{step: group})))
            # A step's tuned parameters lie beside adapt's own columns, and count where they are read.
            readers = {(c, s) for s, names in READS_TUNED.items() if step == "adapt" and name in names}
            assert found == {(c, step)} | readers, (step, name)


@examples(0.8)
@given(ran=runs(), data=st.data())
def test_one_number_of_an_intent_an_event_or_a_fill_changes_one_digest(ran: Ran, data: st.DataObject) -> None:
    used = dict(zip(TABLES, ran.out.journal.used.tolist(), strict=True))
    table = data.draw(st.sampled_from(sorted(TABLES)))
    assume(used[table])
    before, row = ran.digests(), data.draw(st.integers(0, used[table] - 1))
    group = getattr(ran.out.journal, table)
    for name in TABLES[table]._fields[1:]:  # the first is the cycle's place in its stretch
        journal = ran.out.journal._replace(
            **{table: group._replace(**{name: touched(getattr(group, name), row)})}
        )
        [(c, step)] = differing(before, ran.digests(out=ran.out._replace(journal=journal)))
        assert c == group.cycle[row]
        assert (step, table) in WHOLE_ROWS


@examples(0.7)
@given(ran=runs())
def test_every_parameter_changes_the_steps_that_read_it_from_the_first_cycle_on(ran: Ran) -> None:
    before = ran.digests()
    for name in Params._fields:
        params = ran.params._replace(**{name: getattr(ran.params, name) + 1})
        readers = {step for reads in (READS, READS_IF_SET) for step, names in reads.items() if name in names}
        expected = {(c, step) for c in range(ran.cycles) for step in readers}
        assert differing(before, ran.digests(params=params)) == expected, name


def test_every_parameter_is_read_by_a_step_or_is_the_users_value_of_a_tuned_one() -> None:
    read = {name for reads in (READS, READS_IF_SET) for names in reads.values() for name in names}
    own = [name for name in Params._fields if name not in read]
    numbered = Params(*range(len(Params._fields)))
    assert own_tuned(numbered) == tuple(getattr(numbered, name) for name in own)
    assert set(TUNED) == {name for names in READS_TUNED.values() for name in names}
    assert VARIABLES.keys() == read | set(TUNED)


NOT_READ = {
    "SYMBOLS": "the symbols that follow from it are in the tag, so that data alone may choose them, too",
    "STAGE7_RETRY_BASE_DELAY_MS": "waiting has no effect on a simulated exchange",
    "STAGE7_RETRY_MAX_DELAY_MS": "as above",
    "STAGE7_CONCENTRATION_TOP_N": "no rule of Stage 7 has it",
}
OTHER = {
    "STAGE7_FILL_MODEL": "instant",
    "STAGE7_LOSS_GUARDRAIL_MODE": "observe_only",
    "STAGE7_MARK_PRICE_SOURCE": "last",
    "STAGE7_RULES_INVALID_METADATA_POLICY": "observe_only_cycle",
    "STAGE7_RULES_REQUIRE_METADATA": "false",
    "STAGE7_SCORE_WEIGHTS": '{"liquidity": 0.4, "spread": 0.4, "volatility": 0.2}',
    "STAGE7_UNIVERSE_BLACKLIST": "ETHTRY",
    "STAGE7_UNIVERSE_WHITELIST": "ETHTRY",
    "STAGE7_UNIVERSE_QUOTE_CCY": "USDT",
    "STAGE7_SIM_REJECT_PROB_BPS": "1",
}


@pytest.mark.parametrize("name", sorted(settings_document(Settings()).keys() - NOT_READ.keys()))
def test_every_setting_is_a_parameter_of_its_own_or_the_first_cash(name: str) -> None:
    default = SETTINGS[name].default_text
    step = "0.00000001" if "." in default else "1"
    other = build_settings({name: OTHER.get(name) or f"{Decimal(default) + Decimal(step):f}"})
    cash = other.live.dry_run_try_balance
    before = Settings()
    assert (params_from(other), cash) != (params_from(before), before.live.dry_run_try_balance)


@examples(0.7)
@given(ran=runs(), place=st.integers(0, len(TUNED) - 1))
def test_the_users_value_of_a_tuned_parameter_changes_the_first_cycle(ran: Ran, place: int) -> None:
    engine = engine_of(ran.world)
    engine.state.tuned[place] += 1
    [(_, _, out)] = engine.advance(ran.market, inputs_of(ran.world), ran.rules)
    found = differing(ran.digests(), ran.digests(out=out))
    reader = next(step for step, names in READS_TUNED.items() if TUNED[place] in names)
    assert (0, reader) in found


@examples(0.7)
@given(ran=runs(), data=st.data())
def test_the_exchanges_rules_and_the_symbols_change_every_cycle(ran: Ran, data: st.DataObject) -> None:
    before, i = ran.digests(), data.draw(st.integers(0, len(ran.world.symbols) - 1))
    measured = {(c, "measure") for c in range(ran.cycles)}
    for name in Rules._fields:
        column = getattr(ran.rules, name)
        rules = ran.rules._replace(**{name: touched(column, (i,) if column.ndim == 1 else (i, 0))})
        assert differing(before, ran.digests(rules=rules)) == measured, name
    other = Digester(("OTHERTRY", *ran.world.symbols[1:]), ran.params)
    named = list(other.digest(ran.market, ran.rules, ran.out, 0, 1))
    assert all(x != y for x, y in zip(before[0].steps, named[0].steps, strict=True))


@examples(0.7)
@given(ran=runs(), data=st.data())
def test_digesting_in_parts_gives_the_same_chain(ran: Ran, data: st.DataObject) -> None:
    cut = data.draw(st.integers(1, ran.cycles))
    engine, link, found = engine_of(ran.world), bytes(32), []
    for part in (slice(0, cut), slice(cut, None)):
        market = Market(*(column[part].copy() for column in ran.market))
        inputs = inputs_of(ran.world)
        inputs = type(inputs)(*(column[part].copy() for column in inputs))
        for start, stop, out in engine.advance(market, inputs, ran.rules):
            digester = Digester(ran.world.symbols, ran.params, link)
            found += digester.digest(market, ran.rules, out, start, stop)
            link = digester.link
    assert found == ran.digests()


def apart(group: Any) -> Any:
    """Return copies of all columns of a group, at any depth, each in memory of its own."""
    return group.copy() if hasattr(group, "dtype") else type(group)(*map(apart, group))


@given(ran=runs())
def test_how_columns_lie_in_memory_is_in_no_digest(ran: Ran) -> None:
    assert ran.digests(market=apart(ran.market), out=apart(ran.out)) == ran.digests()


# -- What came later -----------------------------------------------------------------------------------

LATER = ("plan.share", "adapt.max_orders", "market.close_ts", "rules.max_qty", "fills.cost")
"""Columns as they would be if a parameter that came later had brought them along."""
HAVE_THEM = {"plan", "adapt", "measure", "settle", "execute"}
"""The steps that have some of them; `max_orders` is read by plan."""
Later = namedtuple("Later", [*Params._fields, "later"], defaults=[*Params._field_defaults.values(), 7])


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a parameter come later that account reads, and those columns with it."""
    monkeypatch.setitem(parameters.READS_IF_SET, "account", ("later",))
    monkeypatch.setitem(parameters.COLUMNS_IF_SET, "later", LATER)


def all_touched(ran: Ran) -> dict[str, Any]:
    """Return a run's groups with another number in every cell of those columns."""
    journal, rules = ran.out.journal, ran.rules
    out = ran.out._replace(
        plan=ran.out.plan._replace(share=ran.out.plan.share + 1),
        adapt=ran.out.adapt._replace(max_orders=ran.out.adapt.max_orders + 1),
        journal=journal._replace(fills=journal.fills._replace(cost=journal.fills.cost + 1)),
    )
    market = ran.market._replace(close_ts=ran.market.close_ts + 1)
    return {"out": out, "market": market, "rules": rules._replace(max_qty=rules.max_qty + 1)}


@pytest.mark.usefixtures("later")
@examples(0.7, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ran=runs())
def test_what_came_later_is_in_no_digest_while_it_is_neutral_whatever_its_columns_hold(ran: Ran) -> None:
    neutral = Later(*ran.params)
    assert ran.digests(params=neutral) == ran.digests(params=neutral, **all_touched(ran))


@pytest.mark.usefixtures("later")
@examples(0.7, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ran=runs())
def test_what_came_later_is_in_the_digests_of_its_steps_once_it_is_set(ran: Ran) -> None:
    neutral, on, other = (Later(*ran.params, later=value) for value in (7, 8, 9))
    cycles = range(ran.cycles)
    switched = differing(ran.digests(params=neutral), ran.digests(params=on))
    assert switched == {(c, step) for c in cycles for step in (*HAVE_THEM, "account")}
    assert differing(ran.digests(params=on), ran.digests(params=other)) == {(c, "account") for c in cycles}
    touched_steps = differing(ran.digests(params=on), ran.digests(params=on, **all_touched(ran)))
    assert {step for _, step in touched_steps} >= {"plan", "adapt", "measure"}
    assert form_of(on) == form_of(other) != form_of(neutral)


def test_a_parameter_that_came_later_has_a_neutral_value_a_variable_and_columns_that_exist() -> None:
    later_ones = {name for names in READS_IF_SET.values() for name in names}
    assert later_ones == Params._field_defaults.keys()
    assert parameters.COLUMNS_IF_SET.keys() <= later_ones
    groups = {**GROUPS, **TABLES, "market": Market, "inputs": Inputs, "rules": Rules}
    for column in (column for columns in parameters.COLUMNS_IF_SET.values() for column in columns):
        group, _, name = column.partition(".")
        assert name in groups[group]._fields, column


@pytest.mark.parametrize("step", STEPS)
def test_a_step_has_columns_rows_or_both(step: str) -> None:
    assert step in GROUPS or step in ROWS
