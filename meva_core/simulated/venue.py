"""The ports `Venue` and `Account` over the books of a simulated exchange."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from meva_core.ports import Clock
from meva_core.rules import RuleStatus, SymbolRules
from meva_core.simulated.books import MICROS, Books
from meva_core.simulated.pairs import RulesBySymbol, unknown_pair
from meva_core.simulated.refusals import check_number
from meva_core.simulated.terms import Terms
from meva_core.simulated.touches import Touch
from meva_core.simulated.trading import canceled, forgotten, met, submitted
from meva_core.venue import Accepted, Balance, NewOrder, VenueFill, VenueFlow, VenueOrder

FIND_SECONDS: Final = 86_460
"""How long after a time an order that is looked for by name may have come about."""


class SimulatedVenue:
    """An exchange with one account, whose market is handed to it once a cycle. Everything shows at once.

    `books` is all of it, but for `terms` and the rules of pairs, which come with each market. `keep` is given
    the books after each change, before whoever asked for it is answered; if it raises, nothing has changed.
    """

    def __init__(
        self,
        books: Books,
        terms: Terms,
        clock: Clock,
        keep: Callable[[Books], None] | None = None,
        rules: Iterable[SymbolRules] = (),
    ) -> None:
        self._books = books
        self._terms = terms
        self._clock = clock
        self._keep = keep
        self._rules = _by_symbol(rules)

    @property
    def books(self) -> Books:
        """All that it holds, as it stands."""
        return self._books

    def meet(self, time: int, touches: Iterable[Touch], rules: Iterable[SymbolRules]) -> None:
        """Let the orders that rest meet a market measured at a time, in seconds. What comes until the next is
        held against these rules, and takes what is left of these rows."""
        listed = _by_symbol(rules)
        self._become(met(self._now(), self._terms, listed, time, touches))
        self._rules = listed

    def forget(self, before: int) -> None:
        """Forget orders that ended before a time in microseconds, and their fills (`trading.forgotten`)."""
        self._become(forgotten(self._books, before))

    # -- Venue ----------------------------------------------------------------------------------------

    def submit(self, order: NewOrder) -> Accepted:
        """Place an order."""
        books, placed = submitted(self._now(), self._terms, self._rules, order)
        self._become(books)
        return Accepted(placed.order_id, placed.client_id, placed.created)

    def cancel(self, order_id: str) -> None:
        """Cancel an order, at once."""
        self._become(canceled(self._now(), check_number(order_id)))

    def find(self, symbol: str, client_id: str, since: int) -> Sequence[VenueOrder]:
        """Return the orders under a client id, by id."""
        listed = [*self.open_orders(symbol), *self.all_orders(symbol, since, since + FIND_SECONDS)]
        found = {order.order_id: order for order in listed if order.client_id == client_id}
        return [found[order_id] for order_id in sorted(found, key=int)]

    # -- Account --------------------------------------------------------------------------------------

    def balances(self) -> Mapping[str, Balance]:
        """Return what is held of every asset that was ever held, or that a listed pair has."""
        assets = set(self._books.totals)
        for rule in self._rules.values():
            assets |= {rule.quote, rule.symbol.removesuffix(rule.quote)} if rule.quote else set()
        return {asset: self._books.balance(asset) for asset in sorted(assets)}

    def open_orders(self, symbol: str | None = None) -> Sequence[VenueOrder]:
        """Return the open orders of one pair, or of all, by id."""
        if symbol is not None:
            self._check_pair(symbol)
        return [order.shown() for order in self._books.open if symbol in (None, order.symbol)]

    def all_orders(self, symbol: str, start: int, end: int) -> Sequence[VenueOrder]:
        """Return the orders of a pair that came at times in [start, end], seconds, by id."""
        self._check_pair(symbol)
        listed = [order for order in self._books.orders if order.symbol == symbol]
        return [order.shown() for order in listed if start <= order.created // MICROS <= end]

    def order(self, order_id: str) -> VenueOrder | None:
        """Return one order, None if there is none of that id."""
        found = self._books.by_id.get(check_number(order_id))
        return None if found is None else found.shown()

    def fills(self, symbol: str, start: int, end: int) -> Sequence[VenueFill]:
        """Return the fills of a pair stamped in [start, end], microseconds, oldest first."""
        self._check_pair(symbol)
        listed = [fill for fill in self._books.fills if fill.symbol == symbol]
        return [fill.shown() for fill in listed if start <= fill.ts <= end]

    def order_fills(self, order_id: str) -> Sequence[VenueFill]:
        """Return the fills of one order, oldest first."""
        check_number(order_id)
        return [fill.shown() for fill in self._books.fills if fill.order_id == order_id]

    def flows(self, start: int, end: int) -> Sequence[VenueFlow]:
        """Return nothing: nobody brings money to a simulated account, or takes it away."""
        return []

    # -- Inside ---------------------------------------------------------------------------------------

    def _now(self) -> Books:
        return self._books.at(self._clock.micros())

    def _become(self, books: Books) -> None:
        if self._keep is not None:
            self._keep(books)
        self._books = books

    def _check_pair(self, symbol: str) -> None:
        """Raise Refused for a pair that there is not. Before the first market nobody can say so."""
        if not self._rules or any(order.symbol == symbol for order in self._books.orders):
            return
        found = self._rules.get(symbol)
        if found is None or found.status is RuleStatus.MISSING:
            raise unknown_pair(symbol)


def _by_symbol(rules: Iterable[SymbolRules]) -> RulesBySymbol:
    return {rule.symbol: rule for rule in rules}
