"""What moves the markets: seeded paths for some pairs, a recorded market for others."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from itertools import islice
from random import Random
from typing import Final

from attrs import define, field

from meva_adapters.emulator.exchange.accounts import TradingAccount
from meva_adapters.emulator.exchange.matching import Exchange
from meva_adapters.emulator.exchange.orders import Side
from meva_adapters.emulator.exchange.pairs import Pair
from meva_adapters.emulator.markets.candles import HISTORY, SeededHistory, Tape
from meva_adapters.emulator.markets.makers import ENDOWMENT, Ladder, Taker
from meva_adapters.emulator.markets.prices import PricePath
from meva_adapters.emulator.markets.recorded import DatasetRecording, RecordedRow
from meva_core.amounts import E8

LEVELS: Final = 20
"""Levels that a maker keeps on each side."""
_PAIRS_A_STEP: Final = 12
"""Seeded pairs that are moved in one step; the others follow in the next ones, round and round."""
_MOMENTS_A_STEP: Final = 20
"""Recorded moments that are shown in one step; at a higher speed the market falls behind."""
_WARM_SECONDS: Final = 60
_WARM_STEPS: Final = 1200
"""Steps of all seeded pairs together before the doors open."""


@define(eq=False, repr=False)
class Driver:
    """Moves all markets. `speed` is how many recorded seconds pass in one; with 0 they pass on command only.

    Seeded pairs follow the time that they are given, so equal times and an equal seed give equal markets.
    """

    exchange: Exchange
    maker: TradingAccount
    strangers: TradingAccount
    ladders: dict[str, Ladder]
    tapes: dict[str, Tape]
    seeded: list[tuple[PricePath, Taker]]
    recording: DatasetRecording | None = None
    speed: Fraction = Fraction(1)
    position: int = 0
    _begun_ms: int = 0
    _turn: int = 0
    _draws: Random = field(factory=lambda: Random(0))  # noqa: S311 - sizes of trades on the tape

    def begin(self, now: int) -> None:
        """Open all books at `now` in ms."""
        self._begun_ms = now
        # A little past, so that nobody meets an empty tape.
        seconds = min(_WARM_SECONDS, max(2, _WARM_STEPS // max(1, len(self.seeded))))
        for second in range(seconds, 0, -1):
            for path, taker in self.seeded:
                self._move(path, taker, now - second * 1000)
        for tape in self.tapes.values():
            # Made up now, so that the first ticker does not wait for it.
            tape.day(now // 1000)
        if self.recording is not None:
            self.position = self.recording.start
            self._play(now)

    def step(self, now: int) -> None:
        """Move the markets to `now`, as far as that is left to time."""
        for _ in range(min(_PAIRS_A_STEP, len(self.seeded))):
            self._turn = (self._turn + 1) % len(self.seeded)
            self._move(*self.seeded[self._turn], now)
        if self.recording is not None and self.speed:
            begun = self.recording.start
            self.position = max(self.position, begun + int((now - self._begun_ms) * self.speed / 1000))
            self._play(now, _MOMENTS_A_STEP)

    def forward(self, seconds: int, now: int) -> None:
        """Move the recorded market on by so many of its seconds, all at once."""
        self.position += seconds
        self._play(now)

    def _play(self, now: int, most: int | None = None) -> None:
        """Show what was recorded up to the position, or the first so many moments of it."""
        if self.recording is None:
            return
        for rows in islice(self.recording.until(self.position), most):
            for row in rows:
                self._show(row, now)

    def _show(self, row: RecordedRow, now: int) -> None:
        ladder = self.ladders[row.pair]
        bid, ask = on_grid(ladder.pair, row.bid, row.ask)
        if bid <= 0:
            return
        self.tapes[row.pair].recorded = row.day
        ladder.move(bid, ask, now, _lots(ladder.pair, row.bid_qty), _lots(ladder.pair, row.ask_qty))
        if row.last > 0:
            book = self.exchange.books[row.pair]
            side = Side.SELL if row.last < book.last else Side.BUY
            qty = max(
                ladder.pair.qty_step, _lots(ladder.pair, self._draws.randrange(1, 500) * E8**2 // row.last)
            )
            self.exchange.print_trade(row.pair, row.last, qty, side, now)

    def _move(self, path: PricePath, taker: Taker, now: int) -> None:
        middle = path.price(now // 1000)
        pair = taker.pair
        half = max(pair.price_step, middle // 4000 // pair.price_step * pair.price_step)
        bid = max(pair.price_step, middle - half)
        self.ladders[pair.name].move(bid, bid + 2 * half, now)
        taker.step(now)


def build(
    exchange: Exchange,
    start_prices: Mapping[str, int],
    seed: int,
    now: int,
    recorded: Mapping[str, Tape],
) -> Driver:
    """Return a driver for all pairs of an exchange, with the tape of each.

    `recorded` are the tapes of the pairs that a recording moves. `now` is in ms.
    """
    maker, strangers = (exchange.open_account(name, house=True) for name in ("maker", "strangers"))
    for asset in sorted({asset for pair in exchange.pairs.values() for asset in (pair.base, pair.quote)}):
        for account in (maker, strangers):
            exchange.clearing.deposit(account, asset, ENDOWMENT, now)
    ladders = {name: Ladder(exchange, pair, maker, LEVELS, seed) for name, pair in exchange.pairs.items()}
    driver = Driver(exchange, maker, strangers, ladders, dict(recorded), [])
    for name, pair in exchange.pairs.items():
        if name in recorded:
            continue
        start = start_prices[name]
        path = PricePath(seed, name, start, pair.price_step)
        driver.tapes[name] = Tape((SeededHistory(path, now // 1000 - _WARM_SECONDS, _typical(pair, start)),))
        draws = Random(f"{seed}:{name}")  # noqa: S311 - a seeded market, nothing to keep secret
        driver.seeded.append((path, Taker(exchange, pair, strangers, draws)))
    return driver


def leading_minutes(pair: Pair, price: int, seed: int, now: int, since: int) -> SeededHistory:
    """Return made-up minutes from `since` on that end near an e8 price; `since` and `now` are in seconds."""
    path = PricePath(seed, pair.name, price, pair.price_step)
    level = max(pair.price_step, price * price // path.price(now))
    path = PricePath(seed, pair.name, level, pair.price_step)
    return SeededHistory(path, now, _typical(pair, price), min(HISTORY, max(0, now - since)))


def _typical(pair: Pair, price: int) -> int:
    """Return the volume of an average minute: some 20 000 lira, or 500 dollars."""
    money = (20_000 if pair.quote == "TRY" else 500) * E8
    return max(pair.qty_step, money * E8 // price)


def on_grid(pair: Pair, bid: int, ask: int) -> tuple[int, int]:
    """Return a recorded touch on the price grid, at least a step apart; (0, 0) where there is none."""
    if bid <= 0 or ask <= 0:
        return 0, 0
    low = min(bid, ask) // pair.price_step * pair.price_step
    high = -(-max(bid, ask) // pair.price_step) * pair.price_step
    low = max(low, pair.price_step)
    return low, max(high, low + pair.price_step)


def _lots(pair: Pair, qty: int) -> int:
    """Return a recorded quantity in whole lots, 0 where it was not recorded."""
    return 0 if qty <= 0 else max(pair.qty_step, qty - qty % pair.qty_step)
