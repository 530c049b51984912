"""What an exchange says, as cells that the reader of files can read."""

from __future__ import annotations

from decimal import Decimal

import pytest

from meva_adapters.replay.recording.cells import book_cells
from meva_core.errors import BadInput
from meva_core.venue import Book, Level


def test_a_book_with_a_quantity_that_no_amount_can_hold_is_no_row() -> None:
    bid, ask = Level(Decimal("0.5"), Decimal(10)), Level(Decimal("0.6"), Decimal(10**11))
    assert book_cells(Book("A", 0, (bid,), ())) == ("0.5", "", "10", "")
    with pytest.raises(BadInput, match="quantity"):
        book_cells(Book("A", 0, (bid,), (ask,)))
