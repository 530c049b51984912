"""Rows rendered by column are those that a plain renderer makes cycle by cycle."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from golden_worlds import KINDS
from hypothesis import given
from hypothesis import strategies as st
from nightly import every
from oracle import World
from oracle.engine_view import engine_of, inputs_of, market_of, rules_of
from plain_renderer import PlainRenderer
from recorded import golden, put_any_code, wide
from strategies import examples, worlds

from meva_adapters.codec import CODEC
from meva_adapters.replay import open_dataset
from meva_adapters.replay.plans import plan_backtest
from meva_adapters.system.texts import ArrowTexts
from meva_core.cycle import Out
from meva_core.engine import Engine
from meva_core.fingerprint import Digester
from meva_core.ids import canonical_json, cycle_id, stamp_text
from meva_core.market import Market
from meva_core.params import Params
from meva_core.rules import Rules
from meva_core.settings import build_settings
from meva_core.steps.inputs import no_inputs
from meva_core.trace import Names, PlainTexts, Rendered, Renderer
from meva_core.trace.texts import cycle_ids, moments, stamps

SAMPLE = Path(__file__).parents[3] / "replay" / "sample"
TEXTS = (PlainTexts(), ArrowTexts())


class Pair:
    """Both renderers of a book, which have to agree, in type and text, on every stretch."""

    def __init__(self, symbols: tuple[str, ...], rules: Rules, params: Params, **options: Any) -> None:
        self.rules, self.digester = rules, Digester(symbols, params)
        names, rest = Names("abcdefg", symbols), (params, "1000")
        self.plain = PlainRenderer(names, rules, *rest)
        self.quick = [
            Renderer(names, *rest, encode=encode, texts=texts, few=0, **options)
            for encode, texts in zip((canonical_json, CODEC.encode), TEXTS, strict=True)
        ]

    def check(self, market: Market, out: Out, start: int, stop: int) -> Rendered:
        """Render a stretch with all of them and return its rows."""
        digests = list(self.digester.digest(market, self.rules, out, start, stop))
        expected = self.plain.render(market, out, start, stop, digests)
        for renderer in self.quick:
            found = renderer.render(market, self.rules, out, start, stop, digests)
            assert list(typed(found)) == list(typed(expected))
            assert renderer.seq == self.plain.seq
            assert renderer.gross == self.plain.gross
        return expected


def typed(rendered: Rendered) -> Iterator[tuple[str, Any]]:
    """Yield every row with the types of its values: 1 is not True in a database."""
    for table, rows in {**rendered.rows, "changes": rendered.order_changes}.items():
        for row in rows:
            yield table, [(type(value).__name__, value) for value in row]


def pair_of(world: World, **options: Any) -> Pair:
    return Pair(tuple(world.symbols), rules_of(world), engine_of(world).params, **options)


@given(world=worlds(), rows=st.sampled_from((40, 4096)), cells=st.sampled_from((17, 8192)))
def test_a_world_is_rendered_as_the_plain_renderer_does(world: World, rows: int, cells: int) -> None:
    pair, market = pair_of(world, cells=cells), market_of(world)
    for start, stop, out in engine_of(world, rows=rows).advance(market, inputs_of(world), rules_of(world)):
        pair.check(market, out, start, stop)


@pytest.mark.parametrize("name", every(2, [*KINDS]))
def test_a_golden_world_is_rendered_as_the_plain_renderer_does(name: str) -> None:
    whole = golden(name)
    pair = Pair(whole[0].names.symbols, whole[0].rules, whole[0].params, cells=60)
    for s in whole:
        pair.check(s.market, s.out, s.start, s.stop)


@examples(0.7)
@given(name=st.sampled_from(sorted(KINDS)), seed=st.integers(0, 2**32 - 1))
def test_every_code_reads_as_the_plain_renderer_has_it(name: str, seed: int) -> None:
    stretch = golden(name)[0]
    pair = Pair(stretch.names.symbols, stretch.rules, stretch.params)
    out = deepcopy(stretch.out)
    put_any_code(stretch.market, out, np.random.default_rng(seed))
    pair.check(stretch.market, out, stretch.start, stretch.stop)


@pytest.mark.parametrize("width", [1, 7, 60, 200])
def test_any_number_of_symbols_is_rendered(width: int) -> None:
    s = wide(width)
    pair = Pair(s.names.symbols, s.rules, s.params, cells=500)
    pair.check(s.market, s.out, s.start, s.stop)


@pytest.mark.parametrize("name", every(3, list(KINDS)))
def test_a_run_that_is_resumed_after_every_stretch_is_rendered_alike(name: str) -> None:
    whole = golden(name)
    pair = Pair(whole[0].names.symbols, whole[0].rules, whole[0].params)
    for s in whole:
        pair.check(s.market, s.out, s.start, s.stop)
        # As another process has it, which knows no more than what was stored.
        for renderer in (*pair.quick, pair.plain):
            renderer.gross = dict(s.gross)


@pytest.mark.parametrize("model", ["touch", "instant"])
def test_the_sample_is_rendered_as_the_plain_renderer_does(model: str) -> None:
    dataset = open_dataset(SAMPLE)
    plan = plan_backtest(dataset, build_settings({"STAGE7_FILL_MODEL": model}), cycles=300)
    rules, symbols = plan.pairs.columns(), plan.pairs.symbols
    pair = Pair(symbols, rules, plan.params)
    engine, ordered = Engine(plan.params, plan.new_book().state), 0
    for market in dataset.windows(plan.times, plan.params.vol_lookback, 128, symbols):
        for start, stop, out in engine.advance(market, no_inputs(*market.bid.shape), rules):
            ordered += len(pair.check(market, out, start, stop).rows["stage7_orders"])
    assert ordered > 0


@given(seconds=st.lists(st.integers(0, 253_402_300_799), max_size=9))
def test_names_and_times_of_many_cycles_are_those_of_each(seconds: list[int]) -> None:
    texts = moments(np.array(seconds, dtype=np.int64))
    assert cycle_ids("abcdefg", texts) == [cycle_id("abcdefg", time) for time in seconds]
    assert stamps(texts) == [stamp_text(time) for time in seconds]
