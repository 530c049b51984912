"""An exchange of 190 pairs at 5 s, more than its budgets let a loop ask for: what each pair gets of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final

import pytest
from emulator_server import HandClock, options, running
from live_exchange import Live, live

from meva_adapters.emulator.markets.builtin import ListedPair, symbol_document
from meva_adapters.measuring.reckoning import reckon
from meva_core.live_market import BAR60, TICKER, TouchFrom

PAIRS: Final = tuple(f"S{place:03d}TRY" for place in range(190))
INTERVAL: Final = 5
CYCLES: Final = 30
MICROS: Final = 10**6


@pytest.fixture(scope="module")
def crowded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    path = tmp_path_factory.mktemp("crowded") / "exchangeinfo.json"
    listed = [
        ListedPair(place + 1, name.removesuffix("TRY"), "TRY", 4, 2, True, "0.01", "99.91", "50")
        for place, name in enumerate(PAIRS)
    ]
    symbols = [symbol_document(pair, 1000 + place) for place, pair in enumerate(listed)]
    path.write_text(json.dumps({"data": {"symbols": symbols}}))
    with running(options(exchangeinfo=path), still=True, clock=HandClock()) as emulator, live(emulator) as on:
        yield on


def test_at_5_s_no_touch_is_10_s_old_and_nobody_starves_as_was_reckoned_beforehand(crowded: Live) -> None:
    reckoned = reckon(len(PAIRS), INTERVAL)
    # The first measure asks for all that a minute allows: then books come as calls are there again.
    since = crowded.now() + 65
    last, longest, most = dict.fromkeys(PAIRS, since), 0, 0
    with_bars: set[str] = set()
    for _ in range(CYCLES):
        answers = crowded.measure(candidates=PAIRS)
        assert answers.failures == {}
        ages = answers.time * MICROS - crowded.alignment.market(answers.time, PAIRS).book_ts[0]
        assert 0 <= ages.min() <= ages.max() < 10 * MICROS
        assert len(crowded.kinds(answers, TICKER)) == len(PAIRS)
        asked = [name for name, source in answers.touch_from.items() if source == TouchFrom.BOOK]
        if answers.time > since:
            most = max(most, len(asked))
            longest = max(longest, *(answers.time - at for at in last.values()))
            last |= dict.fromkeys(asked, answers.time)
        with_bars |= crowded.kinds(answers, BAR60).keys()
        crowded.passes(INTERVAL)
    assert 0 <= most - reckoned.books_a_cycle <= 1  # the turns of a cycle are whole calls
    assert longest <= reckoned.oldest_book_seconds
    assert min(last.values()) > since
    assert len(with_bars) >= reckoned.bars_a_minute * (CYCLES * INTERVAL // 60)
    assert crowded.emulator.control("GET", "state").json()["over_budget"] == {}
