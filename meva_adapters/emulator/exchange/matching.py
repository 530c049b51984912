"""The matching engine: accepts, matches and cancels orders by price, then by time."""

from __future__ import annotations

from attrs import define, field

from meva_adapters.emulator.exchange.accounts import TradingAccount
from meva_adapters.emulator.exchange.book import Book
from meva_adapters.emulator.exchange.checks import check, spends_quote
from meva_adapters.emulator.exchange.clearing import Clearing
from meva_adapters.emulator.exchange.events import Event, Filled, Inserted, Removed, Traded
from meva_adapters.emulator.exchange.fees import FIRST_TIER, FREE
from meva_adapters.emulator.exchange.orders import Method, Order, Request, Side, Status
from meva_adapters.emulator.exchange.pairs import Pair
from meva_adapters.emulator.exchange.register import Register
from meva_adapters.emulator.exchange.rejections import Reason, Rejected
from meva_adapters.emulator.exchange.stops import StopBook
from meva_core.amounts import E8


@define(eq=False, repr=False)
class Exchange:
    """All books and accounts. Times are milliseconds and never go back from call to call.

    `cancel_ms` is how long an accepted cancel takes; `stops_as_named` is what a stop's refusal names
    (`checks.check`). Events wait in `events` until `take_events`.
    """

    pairs: dict[str, Pair]
    cancel_ms: int = 0
    stops_as_named: bool = False
    clearing: Clearing = field(factory=Clearing)
    register: Register = field(factory=Register)
    accounts: list[TradingAccount] = field(factory=list)
    books: dict[str, Book] = field(init=False)
    events: list[Event] = field(factory=list)
    next_trade: int = 101963779399182811
    _stops: dict[str, StopBook] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.books = {name: Book() for name in self.pairs}
        self._stops = {name: StopBook() for name in self.pairs}

    # -- Accounts -------------------------------------------------------------------------------------

    def open_account(self, name: str, *, house: bool = False) -> TradingAccount:
        """Add an account with nothing in it. House accounts trade without commission."""
        account = TradingAccount(name, 700001 + len(self.accounts), FREE if house else FIRST_TIER, house)
        self.accounts.append(account)
        return account

    # -- Orders ---------------------------------------------------------------------------------------

    def submit(self, account: TradingAccount, request: Request, now: int) -> Order:
        """Accept an order and match it.

        Raises Rejected, with nothing changed, for what the rules do not allow.
        """
        self.advance(now)
        pair, book = self._listed(request.pair)
        check(request, pair, book, stops_as_named=self.stops_as_named)
        if request.method is Method.MARKET and book.touch(request.side.other) is None:
            raise Rejected.because(Reason.MARKET_ORDER)
        return self._place(account, request, pair, book, now)

    def place_house(self, account: TradingAccount, request: Request, now: int) -> Order:
        """Place an order of the house, which no minimum and no bound holds."""
        self.advance(now)
        return self._place(account, request, *self._listed(request.pair), now)

    def cancel(self, account: TradingAccount, order_id: int, now: int) -> Order:
        """Accept a cancel, which takes effect `cancel_ms` later; until then the order may still trade.

        Raises Rejected for an order that is unknown, somebody else's, about to go, or no longer open.
        """
        self.advance(now)
        order = self.register.find(order_id)
        if order is None or order.account is not account or order.cancel_due is not None:
            raise Rejected.because(Reason.NO_SUCH_OPEN_ORDER)
        if not order.status.is_open:
            gone = order.status is Status.CANCELED
            raise Rejected.because(Reason.NO_SUCH_OPEN_ORDER if gone else Reason.NOT_CANCELABLE)
        if self.cancel_ms and not account.house:
            order.cancel_due = now + self.cancel_ms
            self.register.await_cancel(order)
        else:
            self._withdraw(order, now)
        return order

    def advance(self, now: int) -> None:
        """Let the accepted cancels take effect that are due."""
        for order in self.register.due(now):
            if order.status.is_open:
                self._withdraw(order, order.cancel_due or now)

    def print_trade(self, pair: str, price: int, qty: int, side: Side, now: int) -> None:
        """Put a trade between strangers on the tape: it moves the last price, and nobody's funds."""
        self.advance(now)
        found, book = self._listed(pair)
        self._tape(found, book, price, qty, side, now)
        self._trigger_stops(found, book, now)

    def take_events(self) -> list[Event]:
        """Return what happened since the last call, in order."""
        events, self.events = self.events, []
        return events

    # -- Inside ---------------------------------------------------------------------------------------

    def _listed(self, name: str) -> tuple[Pair, Book]:
        try:
            return self.pairs[name], self.books[name]
        except KeyError:
            raise Rejected(Reason.REQUEST.code, f"Pair {name} does not exists.") from None

    def _place(self, account: TradingAccount, request: Request, pair: Pair, book: Book, now: int) -> Order:
        order = self._accept(account, request, pair, now)
        self._enter(order, pair, book, now)
        self._trigger_stops(pair, book, now)
        return order

    def _accept(self, account: TradingAccount, request: Request, pair: Pair, now: int) -> Order:
        """Make an order with its reservation."""
        order = Order(
            id=self.register.next_id(house=account.house),
            account=account,
            pair=pair.name,
            side=request.side,
            method=request.method,
            price=request.price or 0 if request.method.has_limit else 0,
            stop_price=request.stop_price or 0 if request.method.is_stop else 0,
            quantity=request.quantity,
            client_id=request.client_id,
            created=now,
        )
        if spends_quote(request):
            order.budget = self.clearing.budget_of(order, pair)
        else:
            order.amount = order.left = request.quantity
        takes = not request.method.has_limit or request.method.is_stop
        takes = takes or self.books[pair.name].crosses(order.side, order.price)
        self.clearing.reserve(order, pair, takes=takes, now=now)
        self.register.add(order)
        order.note(now)
        self._tell(Inserted(order, order.left))
        return order

    def _enter(self, order: Order, pair: Pair, book: Book, now: int) -> None:
        if order.method.is_stop:
            self._stops[pair.name].add(order)
        elif order.method is Method.MARKET:
            self._match_market(order, pair, book, now)
        else:
            self._match_limit(order, pair, book, now)

    def _match_limit(self, order: Order, pair: Pair, book: Book, now: int) -> None:
        while order.left and book.crosses(order.side, order.price):
            maker = _oldest_of_best(book, order.side.other)
            self._trade(order, maker, pair, book, min(order.left, maker.left), now)
        if order.left == 0:
            self._end(order, Status.CLOSED, pair, now)
            return
        self.clearing.rest(order, pair, now)
        book.half(order.side).add(order)
        book.version += 1

    def _match_market(self, order: Order, pair: Pair, book: Book, now: int) -> None:
        """Trade within the band around the touch; what is left then is canceled."""
        touch = book.touch(order.side.other)
        if touch is None:
            self._end(order, Status.CANCELED, pair, now)
            return
        # Whole units of 1e-8 inside the band: down for a buy, up for a sell.
        bound = touch * 105 // 100 if order.side is Side.BUY else -(-touch * 95 // 100)
        while book.crosses(order.side, bound):
            maker = _oldest_of_best(book, order.side.other)
            wanted = _wanted(order, pair, maker.price)
            if wanted == 0:
                break
            self._trade(order, maker, pair, book, min(wanted, maker.left), now)
        # Done only if it traded, and no more was wanted at the next price, or else at the end of the band.
        rest = _wanted(order, pair, _next_price(book, order.side, bound))
        done = order.filled and not rest
        self._end(order, Status.CLOSED if done else Status.CANCELED, pair, now)

    def _trade(self, taker: Order, maker: Order, pair: Pair, book: Book, qty: int, now: int) -> None:
        price = maker.price
        book.half(maker.side).trade(maker, qty)
        book.version += 1
        if spends_quote(taker):
            taker.amount += qty
            taker.budget -= price * qty // E8
        else:
            taker.left -= qty
        fills = self.clearing.settle(taker, maker, pair, price, qty, now)
        self._tape(pair, book, price, qty, taker.side, now)
        for order, fill in zip((taker, maker), fills, strict=True):
            order.status = Status.PARTIAL
            if not order.account.house:
                order.fills.append(fill)
                self.register.fills_of(order.account).append(fill)
                order.note(now)
            self._tell(Filled(order, fill))
        if maker.left == 0:
            self._end(maker, Status.CLOSED, pair, now)
        elif maker.side is Side.BUY:
            self.clearing.rest(maker, pair, now)

    def _end(self, order: Order, status: Status, pair: Pair, now: int) -> None:
        """Close or cancel an order that is no longer in a book."""
        order.status = status
        self.clearing.free(order, pair, now)
        order.note(now)
        self.register.close(order)
        if status is Status.CANCELED:
            self._tell(Removed(order, order.left))

    def _withdraw(self, order: Order, now: int) -> None:
        pair, book = self._listed(order.pair)
        if order.method.is_stop:
            self._stops[pair.name].remove(order)
        else:
            book.half(order.side).remove(order)
            book.version += 1
        self._end(order, Status.CANCELED, pair, now)

    def _trigger_stops(self, pair: Pair, book: Book, now: int) -> None:
        """Turn each stop whose price was reached into a new order, until none is left that was."""
        while stop := self._stops[pair.name].next_reached(book.lowest, book.highest):
            self._withdraw(stop, now)
            method = stop.method.triggered
            price = stop.price if method is Method.LIMIT else None
            request = Request(pair.name, stop.side, method, stop.quantity, stop.client_id, price)
            try:
                order = self._accept(stop.account, request, pair, now)
            except Rejected:
                # What it costs has changed while it waited: the stop is canceled, and nothing follows it.
                continue
            self._enter(order, pair, book, now)
        book.lowest = book.highest = book.last

    def _tape(self, pair: Pair, book: Book, price: int, qty: int, side: Side, now: int) -> None:
        book.print(price)
        self.events.append(Traded(self.next_trade, pair.name, price, qty, side, now))
        self.next_trade += 1

    def _tell(self, event: Inserted | Removed | Filled) -> None:
        if not event.order.account.house:
            self.events.append(event)


def _oldest_of_best(book: Book, side: Side) -> Order:
    level = book.half(side).best()
    assert level is not None  # noqa: S101 - the caller saw that the side crosses
    return next(iter(level.orders.values()))


def _next_price(book: Book, side: Side, bound: int) -> int:
    """Return the next price at which a market order of `side` would trade within its band, else the bound."""
    touch = book.touch(side.other)
    return touch if touch is not None and book.crosses(side, bound) else bound


def _wanted(order: Order, pair: Pair, price: int) -> int:
    """Return the base quantity that an order without a limit still wants at a price."""
    if not spends_quote(order):
        return order.left
    most = order.budget * E8 // price
    return most - most % pair.qty_step
