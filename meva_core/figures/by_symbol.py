"""What each symbol gained and cost, as the ledger counts it: amounts that add up to the net result."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import define, field, frozen

from meva_core.figures.cycles import Cycles, Opening
from meva_core.figures.exact import summed_by
from meva_core.orders import Side


@define
class SymbolFigures:
    """One symbol: its fills, and amounts in e8. `unrealized` is what was gained on what is still held."""

    symbol: str
    fills: int = 0
    realized: int = 0
    unrealized: int = 0
    fees: int = 0
    slippage: int = 0

    @property
    def net(self) -> int:
        """What is left after fees and slippage."""
        return self.realized + self.unrealized - self.fees - self.slippage


@frozen
class BySymbol:
    """The symbols of a book, on their way."""

    _found: dict[str, SymbolFigures] = field(factory=dict)

    def of(self, symbol: str) -> SymbolFigures:
        """Return the figures of a symbol, to be counted on."""
        return self._found.setdefault(symbol, SymbolFigures(symbol))

    def take(self, part: Cycles) -> None:
        """Count the fills of the next cycles."""
        for symbol in part.symbols:
            self.of(symbol)
        used = slice(0, part.fills())
        if used.stop == 0:
            return
        f, count = part.out.journal.fills, len(part.symbols)
        places, sold = f.symbol[used], f.side[used] == Side.SELL
        apart = f.reference[used] - f.notional[used]
        apart[~sold] *= -1
        sums = {
            "fees": f.fee[used],
            "slippage": apart,
            "realized": (f.reference[used] - f.cost[used]) * sold,
            "fills": sold * 0 + 1,
        }
        for name, column in sums.items():
            for symbol, amount in zip(part.symbols, summed_by(places, column, count), strict=True):
                one = self.of(symbol)
                setattr(one, name, getattr(one, name) + amount)

    def done(self, gains: Mapping[str, int], opening: Opening) -> list[SymbolFigures]:
        """Return all symbols, the best first; `gains` are what holdings are worth above the cost of their
        lots after the last cycle."""
        for symbol in {*gains, *opening.unrealized}:
            self.of(symbol).unrealized = gains.get(symbol, 0) - opening.unrealized.get(symbol, 0)
        return sorted(self._found.values(), key=lambda one: (-one.net, one.symbol))


def gains_of(part: Cycles) -> dict[str, int]:
    """Return what each holding is worth above the cost of its lots after the last of some cycles."""
    account, last = part.out.account, part.stop - 1
    gains = (account.value[last] - account.cost[last]).tolist()
    return dict(zip(part.symbols, gains, strict=True))
