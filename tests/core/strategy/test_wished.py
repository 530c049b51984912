"""How many symbols are wished for at a time: with what goes on as decided."""

from __future__ import annotations

import numpy as np

from meva_core.amounts import ABSENT
from meva_core.strategy.wished import most_wished_for, universe_note, wished_for


def test_what_goes_on_as_decided_is_wished_for_until_it_is_0() -> None:
    weights = np.array([[5, ABSENT, ABSENT], [ABSENT, 7, ABSENT], [0, ABSENT, ABSENT]], dtype=np.int64)
    before = np.array([False, False, True])
    assert wished_for(weights, before).tolist() == [
        [True, False, True],
        [True, True, True],
        [False, True, True],
    ]
    assert most_wished_for(weights) == 2


def test_nothing_is_said_where_all_wishes_have_room() -> None:
    assert universe_note(3, 3) is None
    assert "up to 4 symbols" in str(universe_note(4, 3))
