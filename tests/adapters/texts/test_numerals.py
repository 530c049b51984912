"""Numbers in options and parameters are ASCII: what Python reads besides would be a slip that counts."""

from __future__ import annotations

import pytest

from meva_adapters.texts.numerals import number_of, whole_of

MANY = pytest.param("9" * 5_000, id="thousands of digits")
NO_NUMBER = ("", "4_8", "٤٨", "４８", "4 8", " 48", "48\n", "0x30", "forty", "--4", "4,8", "²", MANY)


@pytest.mark.parametrize("text", [*NO_NUMBER, "4.0", "1e3"])
def test_a_whole_number_is_digits_with_a_sign(text: str) -> None:
    assert (whole_of("48"), whole_of("-48"), whole_of("+048")) == (48, -48, 48)
    with pytest.raises(ValueError):
        whole_of(text)


@pytest.mark.parametrize("text", [*NO_NUMBER, "nan", "inf", "-Infinity", "1e400", ".", "1e", "e5", "1.2.3"])
def test_a_number_may_have_a_point_and_an_exponent(text: str) -> None:
    assert [number_of(one) for one in ("48", "-0.5", "+.5", "5.", "1e3", "2.5E-1")] == [
        48,
        -0.5,
        0.5,
        5,
        1e3,
        0.25,
    ]
    with pytest.raises(ValueError):
        number_of(text)
