"""What an order must be before it is accepted."""

from __future__ import annotations

from meva_adapters.emulator.exchange.book import Book
from meva_adapters.emulator.exchange.fees import notional_of
from meva_adapters.emulator.exchange.orders import Method, Order, Request, Side
from meva_adapters.emulator.exchange.pairs import Pair
from meva_adapters.emulator.exchange.rejections import Reason, Rejected


def check(request: Request, pair: Pair, book: Book, *, stops_as_named: bool = False) -> None:
    """Raise Rejected for the first rule of the pair, or of the market as it is, that a request breaks.

    With `stops_as_named` the refusal of a stop names what is asked of it, otherwise what is wrong with it.
    """
    if not pair.trading or request.method not in pair.methods:
        raise Rejected.because(Reason.METHOD)
    _check_scales(request, pair)
    if request.method.has_limit:
        _check_limit(request, pair)
    if request.method.is_stop:
        _check_stop(request, book, stops_as_named)
    total = _total(request, book)
    if total is not None and total < pair.min_total:
        raise Rejected.because(Reason.MIN_TOTAL)


def spends_quote(request: Request | Order) -> bool:
    """Whether the quantity is quote money: a buy that names no price."""
    return request.side is Side.BUY and not request.method.has_limit


def _check_scales(request: Request, pair: Pair) -> None:
    step = pair.price_step if spends_quote(request) else pair.qty_step
    if request.quantity <= 0 or request.quantity % step:
        raise Rejected.because(Reason.QUANTITY_SCALE)
    # A market order's price is ignored, but its scale is looked at all the same.
    if request.price is not None and request.price % pair.price_step:
        raise Rejected.because(Reason.PRICE_SCALE)
    if request.stop_price is not None and request.stop_price % pair.price_step:
        raise Rejected.because(Reason.STOP_SCALE)


def _check_limit(request: Request, pair: Pair) -> None:
    if request.price is None or request.price <= 0:
        raise Rejected.because(Reason.PARAMETER)
    if request.price > pair.max_price:
        raise Rejected.because(Reason.ABOVE_MAXIMUM)
    if request.price < pair.min_price:
        raise Rejected.because(Reason.BELOW_MINIMUM)


def _check_stop(request: Request, book: Book, as_named: bool) -> None:
    stop = request.stop_price
    if not stop:
        raise Rejected.because(Reason.PARAMETER)
    ask, bid = book.touch(Side.SELL), book.touch(Side.BUY)
    # A stop protects against the market going on: a sell waits below it, a buy above.
    if as_named:
        if request.side is Side.BUY and ask is not None and stop <= ask:
            raise Rejected.because(Reason.STOP_ABOVE_ASK)
        if request.side is Side.SELL and bid is not None and stop >= bid:
            raise Rejected.because(Reason.STOP_BELOW_BID)
        return
    if request.side is Side.SELL and ask is not None and stop > ask:
        raise Rejected.because(Reason.STOP_ABOVE_ASK)
    if request.side is Side.BUY and bid is not None and stop < bid:
        raise Rejected.because(Reason.STOP_BELOW_BID)


def _total(request: Request, book: Book) -> int | None:
    """Return the notional that the minimum is held against, None where no price is known."""
    if spends_quote(request):
        return request.quantity
    if request.method is Method.MARKET:
        price = book.touch(request.side.other)
    else:
        price = request.price if request.method.has_limit else request.stop_price
    return None if price is None else notional_of(price, request.quantity)
