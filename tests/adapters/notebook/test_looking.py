"""What a strategy sees, looked at by hand: the same that it is shown in a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stage7_runs import BUSY, make_dataset

from meva_adapters.notebook import backtest, history
from meva_core.errors import BadInput
from meva_core.strategy import History, Strategy, change, top

SHOWN: list[History] = []


class Watching(Strategy):
    """Holds what rose, and keeps what it was shown."""

    bars = "5m"

    def needs(self) -> int:
        return 4

    def weights(self, h: History) -> Any:
        SHOWN.append(h)
        return h.on_cycles(top(change(h.close, 3), 1))


class Ahead(Strategy):
    """Knows the next close."""

    def weights(self, h: History) -> Any:
        ahead = np.vstack((h.close[1:], h.close[-1:]))
        return h.on_cycles((ahead > h.close) / len(h.symbols))


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_dataset(tmp_path_factory.mktemp("market") / "data", minutes=50)


def test_it_is_what_a_run_shows_the_strategy(dataset: Path) -> None:
    SHOWN.clear()
    backtest(dataset, engine="interpreted", strategy=Watching(), strategy_check=False, **BUSY)
    by_hand = history(dataset, Watching(), **BUSY)
    assert len(SHOWN) == 1
    for name in ("bar_time", "bar", "time", "open", "close", "volume", "mark", "bid", "day_high", "book_age"):
        assert np.array_equal(
            getattr(by_hand, name), getattr(SHOWN[0], name), equal_nan=name not in ("bar_time", "bar", "time")
        )
    assert by_hand.symbols == SHOWN[0].symbols


def test_bars_and_how_many_lie_before_are_chosen_without_a_strategy(dataset: Path) -> None:
    found = history(dataset, bars="5m", needs=3, start="2026-01-01T00:20:00Z")
    assert found.bar[0] == 2
    assert str(found.bar_time[2]) == "2026-01-01T00:20:00"
    assert repr(found) == "History(8 bars, 30 cycles, 4 symbols)"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"strategy": Watching(), "needs": 3}, "bars and needs are the strategy's"),
        ({"bars": "90s"}, "bars of 90s"),
        ({"STAGE8": 1}, "STAGE8 is no setting"),
    ],
)
def test_what_is_not_right_is_refused(dataset: Path, given: dict[str, Any], said: str) -> None:
    with pytest.raises((BadInput, TypeError), match=said):
        history(dataset, **given)


def test_a_backtest_here_warns_of_a_strategy_that_looks_ahead(dataset: Path) -> None:
    with pytest.warns(UserWarning, match=r"ahead is not to be trusted: \w+ at 2026-01-01T00:.* but 0"):
        backtest(dataset, engine="interpreted", strategy=Ahead(), **{**BUSY, "STAGE7_UNIVERSE_SIZE": "4"})
