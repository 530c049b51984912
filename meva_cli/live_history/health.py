"""An account held against the book `live`: whose it is, and whether its balances are those of the book."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from meva_cli.database import database, reading
from meva_core.errors import StoreUnready

if TYPE_CHECKING:
    from meva_core.live_book.book import LiveBook
    from meva_core.venue import Balance


def live_book_of(db: str | None) -> LiveBook | None:
    """Return the live book of a database, None where there is no database or no such book."""
    from meva_core.live_book.opening import LIVE
    from meva_core.operating.records.stored import stored_book

    try:
        with reading(database(db)) as reads:
            found = stored_book(reads, LIVE)
    except StoreUnready:
        return None
    return None if found is None else found[0]


def against(balances: Mapping[str, Balance], key: str, book: LiveBook) -> tuple[str, str]:
    """Return what there is to say of an account with this key beside a book, and what to do about it."""
    from meva_core.amounts import E8, format_e8
    from meva_core.live_book.balances import gaps
    from meva_core.live_book.opening import account_of

    account = account_of(key)
    if account not in book.accounts:
        return (
            f"the key is of account {account}, book {book.name} is of {', '.join(book.accounts)}",
            "use the key of that account, or another database: docs/live.md, other_account",
        )
    cent = E8 // 100
    apart = {
        asset: gap
        for asset, gap in gaps(book, balances).items()
        if abs(gap) > (cent if asset == "TRY" else 1)
    }
    if apart:
        shown = ", ".join(f"{format_e8(gap)} {asset}" for asset, gap in sorted(apart.items()))
        return (
            f"the exchange shows beyond book {book.name}: {shown}",
            "`meva orders --open` and `meva fills --flows`: an order that is not settled, or what no cycle "
            "has seen yet",
        )
    alarms = ", ".join(alarm.pair for alarm in book.alarms)
    said = f"book {book.name} agrees with the account"
    return (f"{said}; open: {alarms}", "`meva alerts` says what ends them") if alarms else (said, "")
