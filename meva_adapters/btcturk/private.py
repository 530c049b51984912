"""The ports `Account` and `Venue` over the exchange's private calls."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

from meva_adapters.btcturk import endpoints, rows
from meva_adapters.btcturk.client import Client
from meva_adapters.btcturk.listed_orders import Listed
from meva_adapters.btcturk.payloads import Payloads
from meva_adapters.btcturk.peeks import (
    asset_in,
    data_in,
    may_be_of,
    named_in,
    order_in,
    stamp_in,
    unread_order,
)
from meva_adapters.btcturk.remarks import Remarks
from meva_adapters.btcturk.submitting import accepted, submission
from meva_adapters.btcturk.values import balance_of, fill_of, flow_of, order_of
from meva_adapters.btcturk.wire import member
from meva_adapters.system import events
from meva_core.errors import BadInput, NotShown, Refused, Unavailable, VenueReason
from meva_core.ids import told_time
from meva_core.orders import Side
from meva_core.ports import Permit
from meva_core.venue import Accepted, Balance, NewOrder, VenueFill, VenueFlow, VenueOrder

T = TypeVar("T")
_LOG: Final = logging.getLogger(__name__)

PAGE: Final = 1000
MAX_PAGES: Final = 50
FILLS_CAP: Final = 200
"""The exchange gives the newest so many fills, without a word on the rest and without pages."""
FIND_SECONDS: Final = 86_460
"""How long after a time an order that is looked for by name may have come about."""
_DAY: Final = 86_400
_MAX_SPAN_MS: Final = 29 * 86_400_000
_ROUNDED_MS: Final = 86_400_000
"""So far outside the time that is asked for an answer's rows may lie."""
_ORDER_ID: Final = re.compile(r"[0-9]{1,19}", re.ASCII)


class PrivateData:
    """What the owner of the key may ask and do. The ports' docstrings are the contract.

    `permit` is asked right before each submit and cancel is sent; what it raises keeps it from being sent.
    """

    def __init__(self, client: Client, permit: Permit, payloads: Payloads) -> None:
        self._client = client
        self._permit = permit
        self._payloads = payloads
        self._remarks = Remarks(_LOG)
        self._assets: frozenset[str] = frozenset()
        self._unsound: dict[str, str] = {}

    # -- Account --------------------------------------------------------------------------------------

    def balances(self) -> Mapping[str, Balance]:
        """Return what is held by asset. A row that cannot be read costs its asset, with a warning."""
        listed = self._listed(endpoints.BALANCES, {})
        found: dict[str, Balance] = {}
        faults: dict[str, str] = {}
        for tree in listed:
            asset = asset_in(tree)
            try:
                balance = balance_of(self._payloads.take(tree, rows.BalanceRow, f"balance of {asset}"))
            except BadInput as error:
                faults[asset] = str(error)
                continue
            if found.setdefault(asset, balance) != balance:
                faults[asset] = f"{asset} is listed twice, with other amounts"
        if faults and not found.keys() - faults.keys():
            raise BadInput("; ".join(faults.values()))
        self._assets = frozenset(found) | frozenset(faults)
        self._unsound = {asset: f"its balance cannot be read: {fault}" for asset, fault in faults.items()}
        self._unsound |= {b.asset: _below_zero(b) for b in found.values() if not b.is_sound}
        for asset in self._assets:
            if asset in self._unsound:
                said = f"{asset} is not traded: {self._unsound[asset]}"
                self._remarks.warn(events.BALANCE_UNSOUND, asset, said, asset=asset)
            else:
                self._remarks.well(asset)
        return {asset: found[asset] for asset in sorted(found) if asset not in faults}

    def open_orders(self, symbol: str | None = None) -> Sequence[VenueOrder]:
        """Return the open orders, by id."""
        return self._open_orders(symbol).whole()

    def all_orders(self, symbol: str, start: int, end: int) -> Sequence[VenueOrder]:
        """Return the orders of a span."""
        return self._all_orders(symbol, start, end).whole()

    def _open_orders(self, symbol: str | None) -> Listed:
        query = {"pairSymbol": symbol} if symbol else {}
        book = self._read(endpoints.OPEN_ORDERS, query, rows.OpenOrdersRow)
        bids, asks = self._orders(symbol, book.bids, Side.BUY), self._orders(symbol, book.asks, Side.SELL)
        return bids.plus(asks)

    def _all_orders(self, symbol: str, start: int, end: int) -> Listed:
        """Return the orders of a span, page by page until two in a row bring nothing new.

        Pages may repeat, overlap, shrink or be empty while we read, so neither a page that is not full nor
        one barren page proves the end.
        """
        found, barren = Listed(), 0
        for page in range(1, MAX_PAGES + 1):
            query = {"pairSymbol": symbol, "startTime": start, "endTime": end, "page": page, "limit": PAGE}
            before = len(found)
            found = found.plus(self._orders(symbol, self._listed(endpoints.ALL_ORDERS, query)))
            barren = barren + 1 if len(found) == before else 0
            if barren == 2:
                return found
        raise Unavailable(
            f"{symbol}: the list of orders does not end within {MAX_PAGES} pages",
            action="ask for a shorter time",
            reason=VenueReason.INCOMPLETE,
        )

    def _orders(self, symbol: str | None, listed: Sequence[Any], side: Side | None = None) -> Listed:
        """Return the orders of rows, of a pair or of all, each row by itself."""
        found: dict[str, VenueOrder] = {}
        unread = set()
        for tree in _of(symbol, listed):
            try:
                order = self._order(tree, side)
            except BadInput as error:
                what = named_in("order", tree)
                said = f"{what} cannot be read: {error}"
                self._remarks.warn(events.ROW_LEFT_OUT, what, said, what=what)
                unread.add(unread_order(tree, str(error)))
                continue
            if symbol in (None, order.symbol):
                found[order.order_id] = order
        return Listed(found, frozenset(unread))

    def order(self, order_id: str) -> VenueOrder | None:
        """Return one order, None if there is none of that id."""
        try:
            tree, _ = self._client.read(endpoints.ORDER, id=_order_id(order_id))
        except Refused as error:
            if error.reason is VenueReason.UNKNOWN_ORDER:
                return None
            raise
        order = self._order(data_in(tree, dict))
        if order.order_id != order_id:
            raise BadInput(f"asked for order {order_id}, was given {order.order_id}")
        return order

    def fills(self, symbol: str, start: int, end: int) -> Sequence[VenueFill]:
        """Return the fills of a span.

        A span that holds more than the exchange gives is halved until it does not.
        """

        def check(part: Sequence[Any], low: int, high: int) -> None:
            _check_asked_for(symbol, _of(symbol, part), low, high)

        listed = self._spans(endpoints.FILLS, {"pairSymbol": symbol}, start, end, f"{symbol}: fills", check)
        found = [fill for fill in map(self._fill, _of(symbol, listed)) if fill.symbol == symbol]
        return [fill for fill in _in_time(found) if start <= fill.ts <= end]

    def flows(self, start: int, end: int) -> Sequence[VenueFlow]:
        """Return what came and went, out of both lists. A row that cannot be read is left out, and so are two
        that say other things of one flow."""
        found: dict[str, VenueFlow] = {}
        twofold: set[str] = set()
        for name, endpoint in (("fiat", endpoints.FIAT_FLOWS), ("crypto", endpoints.CRYPTO_FLOWS)):
            for tree in self._spans(endpoint, {}, start, end, f"the list of {name} flows: rows"):
                what = named_in(f"{name} flow", tree)
                try:
                    flow = self._flow(tree, name, what, start, end)
                    if flow is not None and found.setdefault(flow.flow_id, flow) != flow:
                        twofold.add(flow.flow_id)
                        raise BadInput("it is there twice, and differs")
                except BadInput as error:
                    self._remarks.warn(events.ROW_LEFT_OUT, what, f"{what} is left out: {error}", what=what)
        kept = [flow for name, flow in found.items() if name not in twofold and start <= flow.ts <= end]
        return sorted(kept, key=lambda flow: (flow.ts, flow.flow_id))

    def _spans(
        self,
        endpoint: endpoints.Endpoint,
        query: Mapping[str, object],
        start: int,
        end: int,
        what: str,
        check: Callable[[Sequence[Any], int, int], None] = lambda part, low, high: None,
    ) -> list[Any]:
        """Return the rows of a span, halved until the exchange holds none back.

        `check` raises what is wrong with an answer, by the first and the last millisecond asked for.
        """
        first, last = start // 1000, end // 1000
        found: list[Any] = []
        spans = [(at, min(at + _MAX_SPAN_MS, last + 1) - 1) for at in range(first, last + 1, _MAX_SPAN_MS)]
        while spans:
            low, high = spans.pop()
            part = self._listed(endpoint, {**query, "startDate": low, "endDate": high})
            check(part, low, high)
            if len(part) < FILLS_CAP:
                found += part
            elif low < high:
                middle = (low + high) // 2
                spans += [(low, middle), (middle + 1, high)]
            else:
                raise _held_back(f"{what} within one millisecond: {len(part)}")
        return found

    def order_fills(self, order_id: str) -> Sequence[VenueFill]:
        """Return the fills of one order. BadInput for one that does not say of which order it is."""
        listed = self._listed(endpoints.FILLS, {"orderId": _order_id(order_id)})
        if len(listed) >= FILLS_CAP:
            raise _held_back(f"order {order_id}: {len(listed)} fills or more")
        part = [self._fill(tree) for tree in listed if order_in(tree) in (order_id, None)]
        return _in_time([fill for fill in part if _order_of(fill) == order_id])

    # -- Venue ----------------------------------------------------------------------------------------

    def submit(self, order: NewOrder) -> Accepted:
        """Place a limit order."""
        body = submission(order)
        self._check_sound(order)
        envelope = self._client.write(endpoints.SUBMIT, lambda: self._permit.submit(order), body=body)
        return accepted(order, member(envelope, "data"), self._payloads)

    def cancel(self, order_id: str) -> None:
        """Ask for an order to be canceled."""
        query = {"id": _order_id(order_id)}
        self._client.write(endpoints.CANCEL, lambda: self._permit.cancel(order_id), query=query)

    def find(self, symbol: str, client_id: str, since: int) -> Sequence[VenueOrder]:
        """Look in the open orders, then in all of the span, then in its fills.

        In this order, since an order that ends meanwhile moves from the first list to the second.
        """
        until = min(self._client.clock.micros() // 1_000_000, since + FIND_SECONDS)
        listed = self._open_orders(symbol)
        for start in range(since, until + 1, _DAY + 1):
            listed = listed.plus(self._all_orders(symbol, start, min(start + _DAY, until)))
        ours = listed.named(client_id)
        if not ours:
            fills = self.fills(symbol, since * 1_000_000, until * 1_000_000 + 999_999)
            for order_id in {_order_of(fill) for fill in fills if fill.client_id == client_id}:
                ours[order_id] = self._of_fill(symbol, client_id, order_id)
        return Listed(ours).whole()

    def _of_fill(self, symbol: str, client_id: str, order_id: str) -> VenueOrder:
        """Return the order that a fill names: it was there, whatever is shown of it."""
        order = self.order(order_id)
        if order is None:
            raise NotShown(
                f"{symbol}: fills name order {order_id} as {client_id}, and the exchange does not show it",
                [order_id],
                action="ask again; compare with the exchange's web site if it stays so",
            )
        return order

    def _check_sound(self, order: NewOrder) -> None:
        """Raise BadInput for a pair of an asset whose balance, when last read, made no sense."""
        for asset, fault in self._unsound.items():
            if order.symbol in {pair for other in self._assets for pair in (asset + other, other + asset)}:
                raise BadInput(
                    f"{order.symbol}: {asset} is not traded: {fault}",
                    action=f"ask the exchange about its balance of {asset}; once it is right, read it again",
                )

    # -- Reading --------------------------------------------------------------------------------------

    def _order(self, tree: Any, side: Side | None = None) -> VenueOrder:
        return order_of(self._payloads.take(tree, rows.OrderRow, named_in("order", tree)), side)

    def _fill(self, tree: Any) -> VenueFill:
        return fill_of(self._payloads.take(tree, rows.FillRow, named_in("fill", tree)))

    def _flow(self, tree: Any, listed: str, what: str, start: int, end: int) -> VenueFlow | None:
        flow = flow_of(self._payloads.take(tree, rows.FlowRow, what), listed)
        rounded = _ROUNDED_MS * 1000
        if flow is not None and not start - rounded <= flow.ts <= end + rounded:
            raise BadInput(f"it is of {told_time(flow.ts // 1_000_000)}, which was not asked for")
        return flow

    def _listed(self, endpoint: endpoints.Endpoint, query: Mapping[str, object]) -> list[Any]:
        tree, _ = self._client.read(endpoint, query)
        listed: list[Any] = data_in(tree, list)
        return listed

    def _read(self, endpoint: endpoints.Endpoint, query: Mapping[str, object], kind: type[T]) -> T:
        tree, _ = self._client.read(endpoint, query)
        return self._payloads.take(data_in(tree, dict), kind, "$.data")


def _of(symbol: str | None, listed: Sequence[Any]) -> list[Any]:
    """Return the rows that may be of a pair: those of another need not be readable."""
    return [tree for tree in listed if may_be_of(tree, symbol)]


def _order_of(fill: VenueFill) -> str:
    if fill.order_id is None:
        raise BadInput(f"fill {fill.fill_id}: 'orderId' is missing, so it cannot be said whose it is")
    return fill.order_id


def _below_zero(balance: Balance) -> str:
    amounts = f"{balance.free:f} free, {balance.locked:f} locked, {balance.total:f} in all"
    return f"the exchange shows less than nothing of it: {amounts}"


def _in_time(fills: Sequence[VenueFill]) -> list[VenueFill]:
    """Return each fill once, by time, then by number, then by order. Where two orders of one account meet,
    both may have a fill of the same number: those are two. Raises BadInput for one that is told in two ways.
    """
    found: dict[tuple[int, int], VenueFill] = {}
    for fill in fills:
        if found.setdefault((int(fill.fill_id), int(fill.order_id or 0)), fill) != fill:
            raise BadInput(f"fill {fill.fill_id} is there twice, and differs")
    return [fill for _, fill in sorted(found.items(), key=lambda one: (one[1].ts, one[0]))]


def _check_asked_for(symbol: str, listed: Sequence[Any], low: int, high: int) -> None:
    """Raise Unavailable for a fill from far outside the milliseconds that were asked for, which an exchange
    may round to its days: what has answered another question lacks the answer to ours."""
    for tree in listed:
        stamp = stamp_in(tree)
        if stamp is not None and not low - _ROUNDED_MS <= stamp <= high + _ROUNDED_MS:
            raise Unavailable(
                f"{symbol}: {named_in('fill', tree)} of {told_time(stamp // 1000)} was given for those from "
                f"{told_time(low // 1000)} to {told_time(high // 1000)}, of which some may be missing",
                action="do not trade this pair until its fills were compared with the exchange's web site",
                reason=VenueReason.INCOMPLETE,
            )


def _held_back(what: str) -> Unavailable:
    return Unavailable(
        f"{what}, and the exchange gives at most {FILLS_CAP}: some may be missing",
        action="do not trade this pair until its fills were compared with the exchange's web site",
        reason=VenueReason.INCOMPLETE,
    )


def _order_id(text: str) -> str:
    if not _ORDER_ID.fullmatch(text):
        raise BadInput(f"{text!r} is not the number of an order at this exchange")
    return text
