"""The window of a run and the span of the data: apart it is refused, overlapping it is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meva_adapters import replay
from meva_adapters.notebook import backtest
from meva_adapters.replay.plans import plan_backtest, window_notes
from meva_core.errors import BadInput
from meva_core.settings import build_settings

START = 1_704_067_200  # 2024-01-01T00:00:00Z
MINUTES = 30
END = START + 60 * (MINUTES - 1)
YEAR = 366 * 86_400


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> replay.Dataset:
    root = replay.init(tmp_path_factory.mktemp("window") / "data", symbols=("BTCTRY",), minutes=MINUTES)
    return replay.open_dataset(root)


def planned(dataset: replay.Dataset, **window: Any) -> Any:
    return plan_backtest(dataset, build_settings({}), **window)


@pytest.mark.parametrize(
    ("window", "said"),
    [
        ({"start": START + YEAR}, "the window begins at 2025-01-01T00:00:00Z; the order books of"),
        ({"start": START + YEAR, "end": START + YEAR + 300}, "the window begins at 2025-01-01T00:00:00Z"),
        ({"start": START + YEAR, "cycles": 6, "end": START + 2 * YEAR}, "the window begins at 2025"),
        ({"end": START - 86_400}, "the window ends at 2023-12-31T00:00:00Z"),
        ({"start": START - 86_400, "cycles": 6}, "the window ends at 2023-12-31T00:05:00Z"),
        ({"times": np.array([START + YEAR, START + YEAR + 60])}, "the window begins at 2025-01-01T00:00:00Z"),
        ({"times": np.array([START - 600])}, "the window ends at 2023-12-31T23:50:00Z"),
    ],
)
def test_a_window_outside_the_data_is_refused_and_their_span_named(
    dataset: replay.Dataset, window: dict[str, Any], said: str
) -> None:
    with pytest.raises(BadInput, match=said) as caught:
        planned(dataset, **window)
    first, last = (replay.info(dataset.root).start, replay.info(dataset.root).end)
    assert f"go from {first} to {last}" in str(caught.value)


def test_a_window_the_wrong_way_round_is_named_as_that(dataset: replay.Dataset) -> None:
    with pytest.raises(BadInput, match="before it starts"):
        planned(dataset, start=START + YEAR, end=START - YEAR)


@pytest.mark.parametrize(
    ("window", "said"),
    [
        ({}, []),
        ({"end": END + 60}, []),
        ({"start": START - 600}, ["the window begins at 2023-12-31T23:50:00Z"]),
        ({"end": END + 600}, ["the window ends at 2024-01-01T00:39:00Z"]),
        (
            {"start": START - 600, "end": END + 600},
            ["the window begins at 2023-12-31T23:50:00Z", "the window ends at 2024-01-01T00:39:00Z"],
        ),
    ],
)
def test_a_window_that_overlaps_is_said(
    dataset: replay.Dataset, window: dict[str, int], said: list[str]
) -> None:
    notes = window_notes(dataset, planned(dataset, **window))
    assert [note.partition(";")[0] for note in notes] == said


@given(start=st.integers(-100, 200), length=st.integers(0, 200))
def test_every_run_that_is_planned_sees_data(dataset: replay.Dataset, start: int, length: int) -> None:
    window = {"start": START + 60 * start, "end": START + 60 * (start + length)}
    try:
        times = planned(dataset, **window).times
    except BadInput:
        assert window["start"] > dataset.end or window["end"] < dataset.start
    else:
        assert times[0] <= dataset.end
        assert times[-1] >= dataset.start


def test_the_notebook_refuses_and_warns_alike(dataset: replay.Dataset, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="the window begins at 2025-01-01T00:00:00Z"):
        backtest(dataset.root, start="2025-01-01", end="2025-01-02")
    with pytest.warns(UserWarning, match="the window ends at 2024-01-01T00:40:00Z"):
        run = backtest(dataset.root, end="2024-01-01T00:40:00", engine="interpreted")
    assert run.cycles.num_rows > MINUTES
