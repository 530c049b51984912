from fractions import Fraction

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from meva_adapters.replay.format.wide import RunningVolume, quote_volume, range_extremes
from meva_core.amounts import E8, LIMIT

wholes = st.one_of(st.integers(0, 10**6), st.integers(0, LIMIT), st.just(LIMIT))
rests = st.integers(0, E8 - 1)
prices = st.one_of(st.integers(1, 10**6), st.integers(1, LIMIT - 1))


def column(values):
    return np.array(values, dtype=np.int64)


@given(st.lists(st.tuples(wholes, rests, prices), min_size=1, max_size=30))
def test_a_quote_volume_is_exact_rounded_half_to_even_and_held_at_the_limit(rows):
    volume, saturated = quote_volume(*(column(values) for values in zip(*rows, strict=True)))
    for (whole, rest, price), got, held in zip(rows, volume.tolist(), saturated.tolist(), strict=True):
        exact = round(Fraction((whole * E8 + rest) * price, E8))  # round() of a Fraction is half to even
        assert (got, held) == ((exact, 0) if exact < LIMIT else (LIMIT - 1, 1))


@given(st.lists(st.tuples(wholes, rests), min_size=1, max_size=40), st.integers(0, 40), st.integers(0, 40))
@example([(LIMIT - 2, E8 - 1), (1, 1)], 0, 2)
@example([(LIMIT - 2, E8 - 1), (1, 0)], 0, 2)
def test_running_volumes_are_sums(rows, start, length):
    running = RunningVolume(column([whole for whole, _ in rows]), column([rest for _, rest in rows]))
    start = min(start, len(rows))
    end = min(start + length, len(rows))
    whole, rest = running.between(column([start]), column([end]))
    total = sum(w * E8 + r for w, r in rows[start:end])
    assert (int(whole[0]), int(rest[0])) == (min(total // E8, LIMIT), total % E8)


@given(
    st.lists(st.tuples(st.integers(), st.integers()).map(lambda pair: [x % LIMIT for x in pair]), min_size=1),
    st.data(),
)
def test_extremes_of_ranges_are_those_of_slices(rows, data):
    high, low = column([h for h, _ in rows]), column([x for _, x in rows])
    queries = data.draw(
        st.lists(
            st.integers(0, len(rows) - 1).flatmap(
                lambda i: st.tuples(st.just(i), st.integers(i + 1, len(rows)))
            )
        )
    )
    top, bottom = range_extremes(high, low, column([s for s, _ in queries]), column([e for _, e in queries]))
    assert top.tolist() == [int(high[s:e].max()) for s, e in queries]
    assert bottom.tolist() == [int(low[s:e].min()) for s, e in queries]
