"""An account that a person trades by hand beside us, at a venue with books of its own.

About every 90 minutes the person does something: buys and sells, also of what the bot holds and in a pair
that is not configured, brings in and takes out TRY and coins, which lists show at once, an hour late or
never. Balances freeze for up to 400 s, fills are shown up to 400 s late and some without a name, 7 % of
submits are never heard of. The book is driven cycle by cycle as a runner would drive it.
"""

from __future__ import annotations

from collections import Counter
from decimal import ROUND_HALF_EVEN, Decimal
from random import Random
from typing import Final

from attrs import define, evolve, field
from live_books import ACCOUNT, OPENED, SECOND
from usable_funds import cash_for_buys, to_sell

from meva_core.live.standing import Standing
from meva_core.live_book.alarms import Alarm
from meva_core.live_book.attribution import Ours, order_alarms
from meva_core.live_book.balances import explained, gaps, needs_flows, quiet
from meva_core.live_book.batch import Batch, book_batch
from meva_core.live_book.book import LiveBook, raised
from meva_core.live_book.complete import incomplete_alarms, looked_at
from meva_core.live_book.figures import assessed
from meva_core.live_book.ledger import DAY_MICROS, Ledger, faults, fold
from meva_core.live_book.opening import Read, opened
from meva_core.live_book.own_orders import OwnOrder
from meva_core.live_book.postings import Posting
from meva_core.live_book.readings import reading_of
from meva_core.live_book.windows import due, first_cursor, read, window
from meva_core.modes import Mode
from meva_core.orders import Side
from meva_core.venue import EXACT, Balance, VenueFill, VenueFlow

PAIRS: Final = ("BTCTRY", "ETHTRY", "SOLTRY")
UNIVERSE: Final = ("BTCTRY", "ETHTRY")
PRICES: Final = {"BTCTRY": Decimal(3000), "ETHTRY": Decimal(100), "SOLTRY": Decimal(7)}
FEE: Final = Decimal("0.0024")
HOUR: Final = 3600


@define
class Venue:
    """What is really there, and from when it is shown."""

    random: Random
    there: dict[str, Decimal]
    now: int = OPENED
    fills: list[tuple[int, VenueFill]] = field(factory=list)
    flows: list[tuple[int | None, VenueFlow]] = field(factory=list)
    names: int = 0
    freezes: int = OPENED + HOUR * SECOND
    frozen: tuple[int, dict[str, Decimal]] | None = None

    def name(self) -> str:
        self.names += 1
        return str(10_000 + self.names)

    def balances(self) -> dict[str, Balance]:
        if self.frozen is not None and self.frozen[0] <= self.now:
            self.frozen = None
        if self.frozen is None and self.now >= self.freezes:
            self.frozen = (self.now + self.random.randrange(400) * SECOND, dict(self.there))
            self.freezes = self.now + int(self.random.expovariate(1 / (4 * HOUR))) * SECOND
        shown = self.there if self.frozen is None else self.frozen[1]
        return {asset: Balance(asset, total, Decimal(0)) for asset, total in shown.items()}

    def trade(self, symbol: str, side: Side, qty: Decimal, order: str, name: str | None) -> Decimal:
        """Fill an order in one or two parts, as far as there is something to trade with; return how much."""
        price = EXACT.multiply(PRICES[symbol], Decimal(self.random.randrange(970, 1031)).scaleb(-3))
        asset, filled = symbol.removesuffix("TRY"), Decimal(0)
        for part in (
            (qty,) if self.random.random() < 0.7 else (qty * Decimal("0.375"), qty * Decimal("0.625"))
        ):
            part = part.quantize(Decimal("1e-10"), ROUND_HALF_EVEN)
            notional = EXACT.multiply(price, part)
            fee = EXACT.multiply(notional, FEE)
            sign = 1 if side is Side.BUY else -1
            money = EXACT.subtract(-sign * notional, fee)
            if self.there["TRY"] + money < 0 or self.there[asset] + sign * part < 0:
                break
            self.there["TRY"] = EXACT.add(self.there["TRY"], money)
            self.there[asset] = EXACT.add(self.there[asset], sign * part)
            late = self.random.randrange(400) if self.random.random() < 0.1 else self.random.randrange(3)
            told = None if self.random.random() < 0.1 else name
            fill = VenueFill(self.name(), order, told, symbol, side, price, part, fee, "TRY", self.now)
            self.fills.append((self.now + late * SECOND, fill))
            filled += part
        return filled

    def transfer(self, asset: str, amount: Decimal) -> str:
        late = self.random.choice((0, HOUR, None))
        flow = VenueFlow(f"list:{self.name()}", asset, amount, Decimal(0), self.now)
        self.there[asset] = EXACT.add(self.there[asset], amount)
        self.flows.append((None if late is None else self.now + late * SECOND, flow))
        return "out_unlisted" if late != 0 and amount < 0 else "flow"


@define
class Lived:
    """A run: what happened, cycle by cycle."""

    venue: Venue
    book: LiveBook
    opening: Ledger
    postings: list[Posting] = field(factory=list)
    orders: list[OwnOrder] = field(factory=list)
    known: dict[str, VenueFill] = field(factory=dict)
    seen: Counter[str] = field(factory=Counter)
    last_write: int | None = None
    spell: int = 0
    longest: int = 0

    @property
    def marks(self) -> dict[str, int]:
        return {symbol: int(price) * 10**8 for symbol, price in PRICES.items()}

    def ours(self) -> Ours:
        return Ours(tuple(self.orders), frozenset({self.book.run}), self.venue.now // SECOND)


def live(seed: int, interval: int, hours: int) -> Lived:
    """Let an account live for so many hours, a cycle every so many seconds, and then rest for one."""
    random = Random(seed)
    there = {"TRY": Decimal(50_000), "BTC": Decimal(1), "ETH": Decimal(0), "SOL": Decimal(10)}
    venue = Venue(random, there)
    first = {asset: Balance(asset, total, Decimal(0)) for asset, total in there.items()}
    book = opened("live", ACCOUNT, Read(OPENED, first), {})
    lived = Lived(venue, book, book.ledger)
    act, end = 600.0, hours * HOUR
    quiet_hours = max(HOUR, 12 * interval) + HOUR
    for second in range(interval, end + quiet_hours, interval):
        while act <= min(second, end):
            venue.now = OPENED + int(act) * SECOND
            lived.seen[f"act_{acts(venue, random)}"] += 1
            act += random.expovariate(1 / 5400)
        venue.now = OPENED + second * SECOND
        cycle(lived, starts=second == interval)
        if second <= end:
            trade(lived)
    return lived


def acts(venue: Venue, random: Random) -> str:
    """What the person does."""
    kind = random.choice(("buy", "sell", "sell", "in", "out"))
    if kind in ("buy", "sell"):
        symbol = random.choice(PAIRS)
        there = venue.there[symbol.removesuffix("TRY")]
        qty = Decimal(random.randrange(1, 100)).scaleb(-2) * (there if kind == "sell" else 1)
        side = Side.BUY if kind == "buy" else Side.SELL
        venue.trade(symbol, side, qty.quantize(Decimal("1e-8"), ROUND_HALF_EVEN), venue.name(), None)
        return kind
    asset = random.choice(("TRY", "TRY", "BTC", "ETH"))
    amount = Decimal(random.randrange(1, 50)).scaleb(-2)
    if kind == "in":
        return venue.transfer(asset, amount * (1000 if asset == "TRY" else 1))
    there = (venue.there[asset] * amount).quantize(Decimal("1e-8"), ROUND_HALF_EVEN)
    return venue.transfer(asset, -there) if there else "nothing"


def trade(lived: Lived) -> None:
    """What the bot does: a taking order now and then, which fills at once at the venue."""
    venue, random = lived.venue, lived.venue.random
    open_symbols = {order.symbol for order in lived.orders if not order.complete}
    blocked = {alarm.blocks for alarm in lived.book.alarms} | open_symbols
    symbol, side = random.choice(UNIVERSE), random.choice(tuple(Side))
    mode = max((alarm.mode for alarm in lived.book.alarms), default=Mode.NORMAL)
    if symbol in blocked or random.random() < 0.8 or (mode is not Mode.NORMAL and side is Side.BUY):
        return
    balances = venue.balances()
    if side is Side.SELL:
        free = to_sell(lived.book, symbol, balances[symbol.removesuffix("TRY")], lived.orders)
    else:
        cash = cash_for_buys(lived.book, balances["TRY"], lived.orders, 24 * 10**8)
        free = min(cash // 10, 500 * 10**8) * 10**8 // lived.marks[symbol]
    qty = Decimal(free // 2).scaleb(-8)
    if qty <= 0:
        return
    number, unheard = venue.name(), random.random() < 0.07
    name = f"s4:{lived.book.run}-20251009085320:{symbol}:{side.name[0]}:{number[-4:]}"
    filled = venue.trade(symbol, side, qty, number, name)
    order = OwnOrder(
        symbol, side, PRICES[symbol] * 2, qty, Standing.UNKNOWN if unheard else Standing.OPEN, name,
        None if unheard else number, lived.marks[symbol], created=venue.now,
    )  # fmt: skip
    lived.orders.append(order)
    lived.last_write = venue.now
    lived.seen["number:" + name] = int(number)
    lived.seen["filled:" + name] = int(filled * 10**10)


def settle(lived: Lived) -> None:
    """Look every order up: the venue knows at once what has filled."""
    for at, order in enumerate(lived.orders):
        if order.complete:
            continue
        filled = Decimal(lived.seen[f"filled:{order.client_id}"]).scaleb(-10)
        lived.orders[at] = evolve(
            order,
            order_id=str(lived.seen[f"number:{order.client_id}"]),
            standing=Standing.FILLED if filled == order.qty else Standing.CANCELED,
            filled=filled,
            ended=order.ended or lived.venue.now,
        )


def cycle(lived: Lived, *, starts: bool) -> None:
    """Steps 2 to 5 of a cycle."""
    venue, alarms = lived.venue, list[Alarm]()
    settle(lived)
    balances = venue.balances()
    open_orders = [order for order in lived.orders if not order.complete]
    for symbol in due(lived.book, PAIRS, open_orders, balances, UNIVERSE, starts=starts):
        cursor = lived.book.cursors.get(symbol, first_cursor(lived.book, open_orders))
        start, end = window(cursor, 30, venue.now)
        shown = [fill for when, fill in venue.fills if when <= venue.now and fill.symbol == symbol]
        # Incomplete orders are asked for their fills by number, whenever those were.
        asked = {order.order_id for order in open_orders}
        came = tuple(f for f in shown if start <= f.ts <= end or f.order_id in asked)
        batch = Batch(symbol, came, lived.known, True, venue.now)
        booked = book_batch(lived.book, batch, lived.ours(), lived.marks)
        lived.book, lived.orders = booked.booked.book, list(booked.ours.orders)
        lived.postings += booked.booked.postings
        lived.known |= {fill.fill_id: fill for fill in booked.fills}
        alarms += booked.booked.alarms
        balance = balances[symbol.removesuffix("TRY")]
        lived.book = read(lived.book, symbol, cursor, venue.now, balance, whole=booked.is_whole)
    for at, order in enumerate(lived.orders):
        lived.book, lived.orders[at] = looked_at(lived.book, order, venue.now)
    lived.book, told = quiet(lived.book, lived.orders, lived.last_write, venue.now)
    if told.is_quiet:
        lived.seen["quiet"] += 1
        flows = [flow for when, flow in venue.flows if when is not None and when <= venue.now]
        reading = reading_of(lived.book, balances, venue.now)
        flows = flows if needs_flows(lived.book, reading) else []
        done = explained(lived.book, reading, flows, lived.marks, venue.now)
        lived.book, alarms = done.book, [*alarms, *done.alarms]
        lived.postings += done.postings
    alarms += incomplete_alarms(lived.book, lived.orders, venue.now)
    alarms += order_alarms((), lived.ours())
    lived.book = raised(lived.book, alarms, venue.now)
    equity, day = lived.book.ledger.equity(lived.marks), venue.now // DAY_MICROS
    figures = assessed(lived.book.figures, equity, day, fresh=True)
    lived.book = evolve(lived.book, figures=figures, cycles=lived.book.cycles + 1)
    counted(lived, alarms)


def counted(lived: Lived, alarms: list[Alarm]) -> None:
    assert faults(lived.book.ledger, lived.marks) == []
    mode = max((alarm.mode for alarm in alarms), default=Mode.NORMAL)
    lived.seen["cycles"] += 1
    lived.spell = 0 if mode is Mode.NORMAL else lived.spell + 1
    lived.longest = max(lived.longest, lived.spell)
    lived.seen[f"mode_{mode.name}"] += 1
    lived.seen["kills"] += any(alarm.kills for alarm in alarms)
    for alarm in alarms:
        lived.seen[f"alarm_{alarm.code}"] += 1


def check_end(lived: Lived) -> None:
    """The book agrees, its rows fold to it, no own fill lacks, and no listed flow is there twice."""
    balances = {asset: Balance(asset, total, Decimal(0)) for asset, total in lived.venue.there.items()}
    off = {asset: gap for asset, gap in gaps(lived.book, balances).items() if gap}
    assert off == {}, off
    assert fold(lived.opening, lived.postings) == lived.book.ledger
    assert all(order.complete for order in lived.orders)
    rows = Counter(posting.id for posting in lived.postings)
    assert max(rows.values(), default=1) == 1
