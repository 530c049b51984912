"""Exact amounts: integers of 10^-8 ("e8") inside, `Decimal` at the edges.

Every product is exact and rounded once, in a stated direction. Nothing wraps: a result that leaves the range
[0, LIMIT) is BAD, which a kernel hands on as an error of the symbol. Sums over symbols or over time are pairs
of (whole TRY, rest in e8 with 0 <= rest < E8), held in two neighbouring cells of a vector, so they cannot
wrap either.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any, Final

from meva_core.errors import BadInput
from meva_core.kernel import kernel, quotient

E8: Final = 10**8
E6: Final = 10**6
E12: Final = 10**12
LIMIT: Final = 92 * 10**17
"""Amounts are below 9.2e10 in absolute value, so that a sum of a few still fits into 63 bits."""
BAD: Final = -1
"""What a kernel returns for a result outside [0, LIMIT)."""
ABSENT: Final = -1
"""What a column holds where there is no value; all real values of such columns are >= 0."""

_MOST_DIGITS: Final = 100
"""Before the point and behind it: what is longer is no amount."""

# -- Text and Decimal ---------------------------------------------------------------------------------

_PLAIN: Final = re.compile(r"-?[0-9]{1,60}(?:\.[0-9]{1,60})?", re.ASCII)


def parse_e8(value: str | int | Decimal, field: str = "amount") -> int:
    """Return `value` in e8 units, exactly.

    Text is plain ASCII digits with an optional sign and point; a Decimal may have any form. Raises BadInput
    for NaN, infinities, a non-zero digit beyond the eighth, an absolute value of 9.2e10 or more, and for any
    other type.
    """
    if isinstance(value, str):
        if not _PLAIN.fullmatch(value):
            raise BadInput(
                f"{field}: {value[:60]!r} is not a plain decimal number; expected digits such as 1234.5"
            )
        value = Decimal(value)
    elif isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise BadInput(f"{field}: {value!r} is a {type(value).__name__}; expected text, an int or a Decimal")
    else:
        value = Decimal(value)
    if not value.is_finite():
        raise BadInput(f"{field}: {value} is not a finite number")
    sign, digits, exponent = value.as_tuple()
    assert isinstance(exponent, int)
    if not any(digits):
        return 0
    shift = exponent + 8
    kept = digits if shift >= 0 else digits[: max(0, len(digits) + shift)]
    if len(digits) + exponent > 11:
        raise BadInput(f"{field}: {str(value)[:60]} is too large; amounts stay below 92 000 000 000")
    if any(digits[len(kept) :]):
        raise BadInput(f"{field}: {str(value)[:60]} has more than 8 decimal places")
    magnitude: int = int("".join(map(str, kept)) or "0") * 10 ** max(0, shift)
    if magnitude >= LIMIT:
        raise BadInput(f"{field}: {value} is too large; amounts stay below 92 000 000 000")
    return -magnitude if sign else magnitude


def is_usable(number: Decimal) -> bool:
    """Whether a number is one that can be written out and added up: a row of a file may hold 1E+999999."""
    exponent = number.as_tuple().exponent
    if not isinstance(exponent, int):  # NaN and infinities have a letter there
        return False
    return abs(exponent) <= _MOST_DIGITS and abs(number.adjusted()) <= _MOST_DIGITS


def digits_of(number: Decimal) -> str:
    """Return a number as people read it: plain digits, with an exponent where they would fill a page."""
    return f"{number:f}" if is_usable(number) else str(number)


def format_e8(amount: int) -> str:
    """Return an e8 integer as plain text: no exponent, no trailing zeros or point, no minus zero."""
    if amount < 0:
        return "-" + format_e8(-amount)
    digits = str(amount).zfill(9)  # slices, not divisions: this runs a hundred times a cycle
    rest = digits[-8:].rstrip("0")
    return f"{digits[:-8]}.{rest}" if rest else digits[:-8]


def to_decimal(amount: int) -> Decimal:
    """Return an e8 integer as a Decimal without trailing zeros."""
    return Decimal(format_e8(amount))


def join_pair(whole: int, rest: int) -> int:
    """Return a pair as one (unbounded) e8 integer. For the edges, where ints do not wrap."""
    return whole * E8 + rest


# -- Products and quotients ---------------------------------------------------------------------------


@kernel
def product_parts(a: int, b: int) -> tuple[int, int]:
    """Return (q, r) with a*b = q * E8 + r and 0 <= r < E8, for 0 <= a, b < LIMIT; (BAD, 0) if q >= LIMIT."""
    ah = quotient(a, E8)
    al = a - ah * E8
    bh = quotient(b, E8)
    bl = b - bh * E8
    if ah >= 2**31 or bh >= 2**31 or ah * bh > 90 * 10**9:
        # The quick bound does not hold; look at each term before it is added.
        if ah != 0 and b > quotient(LIMIT, ah):
            return BAD, 0
        if bh != 0 and al > quotient(LIMIT - ah * b, bh):
            return BAD, 0
    r = al * bl
    c = quotient(r, E8)
    q = ah * b + al * bh
    if q >= LIMIT - c:
        return BAD, 0
    return q + c, r - c * E8


@kernel
def half_even(q: int, r: int, unit: int) -> int:
    """Return q + r / unit rounded to the nearest, ties to even; 0 <= r < unit; BAD stays BAD."""
    if q < 0:
        return BAD
    if 2 * r + (q & 1) > unit:
        q += 1
    if q >= LIMIT:
        return BAD
    return q


@kernel
def mul_e8(a: int, b: int) -> int:
    """Return HALF_EVEN(a*b / 1e8), the notional of a price and a quantity, or BAD."""
    q, r = product_parts(a, b)
    return half_even(q, r, E8)


@kernel
def fraction_parts(a: int, f: int) -> tuple[int, int]:
    """Return (q, r) with a*f = q * E12 + r and 0 <= r < E12, for 0 <= a < LIMIT and 0 <= f <= E12."""
    ah = quotient(a, E6)
    al = a - ah * E6
    fh = quotient(f, E6)
    fl = f - fh * E6
    m = ah * fl + al * fh
    mh = quotient(m, E6)
    q = ah * fh + mh
    r = (m - mh * E6) * E6 + al * fl
    if r >= E12:
        q += 1
        r -= E12
    return q, r


@kernel
def scale_parts(a: int, f: int) -> tuple[int, int]:
    """As `fraction_parts` for 0 <= f <= 2 * E12; (BAD, 0) if the quotient leaves the range."""
    whole = 0
    if f > E12:
        whole = a
        f -= E12
    q, r = fraction_parts(a, f)
    if q >= LIMIT - whole:
        return BAD, 0
    return q + whole, r


@kernel
def scale(a: int, f: int) -> int:
    """Return HALF_EVEN(a * f / 1e12), or BAD. A rate of x bps is f = x * 1e8."""
    q, r = scale_parts(a, f)
    return half_even(q, r, E12)


@kernel
def scale_up(a: int, f: int) -> int:
    """Return a * f / 1e12 rounded up, or BAD."""
    q, r = scale_parts(a, f)
    if q >= 0 and r > 0:
        q += 1
        if q >= LIMIT:
            return BAD
    return q


@kernel
def scale_down(a: int, f: int) -> int:
    """Return a * f / 1e12 rounded down, or BAD."""
    q, _ = scale_parts(a, f)
    return q


@kernel
def div_e8(a: int, b: int) -> int:
    """Return floor(a * 1e8 / b), an amount over a price, for 0 <= a < LIMIT and 0 < b < LIMIT; or BAD."""
    q = quotient(a, b)
    r = a - q * b
    if q >= LIMIT // E8:
        return BAD
    if b < 92 * 10**9:
        return q * E8 + quotient(r * E8, b)
    if b < 92 * 10**13:
        r *= 10**4
        d = quotient(r, b)
        r = (r - d * b) * 10**4
        return q * E8 + d * 10**4 + quotient(r, b)
    # A price above nine million: long division, bit by bit of 1e8, without a product that could wrap.
    d = 0
    rest = 0
    for bit in range(26, -1, -1):
        d *= 2
        if rest >= b - rest:
            rest -= b - rest
            d += 1
        else:
            rest += rest
        if (E8 >> bit) & 1:
            if rest >= b - r:
                rest -= b - r
                d += 1
            else:
                rest += r
    return q * E8 + d


@kernel
def net_of_rate(a: int, f: int) -> int:
    """Return floor(a * E12 / (E12 + f)): what can be spent so that spending and a fee of rate f fit into a.

    For 0 <= a < LIMIT and 0 <= f < E12.
    """
    d = E12 + f
    q = quotient(a, d)
    r = (a - q * d) * E6
    h = quotient(r, d)
    r = (r - h * d) * E6
    return q * E12 + h * E6 + quotient(r, d)


@kernel
def midpoint(low: int, high: int) -> int:
    """Return the middle of low <= high, HALF_EVEN."""
    m = low + quotient(high - low, 2)
    if (high - low) & 1 and m & 1:
        m += 1
    return m


# -- Pairs: totals that may outgrow an amount ---------------------------------------------------------


@kernel
def pair_add(to: Any, a: int, amount: int) -> None:
    """Add a signed e8 amount to the pair in to[a], to[a + 1]."""
    rest = to[a + 1] + amount % E8
    to[a] += amount // E8
    if rest >= E8:
        rest -= E8
        to[a] += 1
    to[a + 1] = rest


@kernel
def pair_carry(to: Any, a: int, whole: int, rest: int) -> None:
    """Add sums of whole TRY and of rests, of either sign, not yet carried, to the pair at to[a]."""
    rest += to[a + 1]
    carried = rest // E8
    to[a] += whole + carried
    to[a + 1] = rest - carried * E8


@kernel
def pair_set(to: Any, a: int, of: Any, b: int) -> None:
    """Copy the pair at of[b] to to[a]."""
    to[a] = of[b]
    to[a + 1] = of[b + 1]


@kernel
def pair_sum(to: Any, a: int, of: Any, b: int, sign: int) -> None:
    """Add sign times the pair at of[b] to the pair at to[a]; sign is 1 or -1."""
    rest = to[a + 1] + sign * of[b + 1]
    to[a] += sign * of[b]
    if rest >= E8:
        rest -= E8
        to[a] += 1
    elif rest < 0:
        rest += E8
        to[a] -= 1
    to[a + 1] = rest


@kernel
def pair_clamped(whole: int, rest: int) -> int:
    """Return a pair as one e8 amount, held within (-LIMIT, LIMIT)."""
    if whole >= LIMIT // E8:
        return LIMIT - 1
    if whole < -(LIMIT // E8):
        return 1 - LIMIT
    return whole * E8 + rest
