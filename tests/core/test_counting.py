"""Numbers with what they count."""

import pytest

from meva_core.counting import counted, were


@pytest.mark.parametrize(
    ("number", "what", "plural", "told"),
    [
        (1, "symbol", "", "1 symbol"),
        (0, "symbol", "", "0 symbols"),
        (2, "cycle", "", "2 cycles"),
        (1, "entry", "entries", "1 entry"),
        (3, "entry", "entries", "3 entries"),
    ],
)
def test_what_is_counted_has_its_own_word_where_it_is_not_one(number, what, plural, told):
    assert counted(number, what, plural) == told
    assert were(number) == ("was" if told.startswith("1 ") else "were")
