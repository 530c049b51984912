"""What a strategy that decides sees of one cycle: the market, and the book as it stands after settle and
assess of this very cycle. It is the same in all stages; each fills in its own figures."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from attrs import field, frozen

from meva_core.modes import Mode
from meva_core.orders import Side
from meva_core.rules import SymbolRules
from meva_core.strategy.history import History


@frozen
class OpenOrder:
    """An order of ours that rests; `left` is what of `qty` has not traded yet, `time` when it was submitted,
    UTC."""

    time: datetime
    side: Side
    limit: Decimal
    qty: Decimal
    left: Decimal


@frozen
class SymbolView:
    """One symbol. Prices in TRY, quantities in coins; None is missing.

    `bid_size` and `ask_size` are None where none was recorded. `age` is that of the order book, in seconds.
    `in_universe` says whether it may be bought: its lists, rules, mark, spread and volume are as the settings
    want them. `avg_cost` is what a coin of what is held cost with its fee, and `paid` all of it: a sale of q
    out of Q takes the part q / Q of that. `to_sell` is what is held less what own sells still want.
    """

    name: str
    bid: Decimal | None
    ask: Decimal | None
    bid_size: Decimal | None
    ask_size: Decimal | None
    mark: Decimal | None
    last: Decimal | None
    age: int | None
    rules: SymbolRules
    in_universe: bool
    qty: Decimal
    avg_cost: Decimal | None
    paid: Decimal
    to_sell: Decimal
    orders: tuple[OpenOrder, ...]

    def has_open(self, side: Side) -> bool:
        """Whether an order of ours of this side may rest."""
        return any(order.side is side for order in self.orders)


@frozen
class View:
    """One cycle, at `time`, UTC. Amounts in TRY.

    `equity` is cash and all that is held at its marks, `cash_free` what of cash no open buy holds back,
    `cash_target` what a stage leaves aside of it: 0 in Stage 7, whose weights are shares of what is beyond
    that already. `day_pnl` counts from the last cycle before this UTC day; `drawdown` is how far equity is
    below its peak, as a ratio of that. `symbols` are in order of their names, and `view[name]` is one of
    them. `history` ends with this cycle: as many bars as the strategy needs, the newest last, and this one
    cycle.
    """

    time: datetime
    stage: str
    budget_mode: Mode
    degrade_mode: Mode
    equity: Decimal
    cash_free: Decimal
    cash_target: Decimal
    day_pnl: Decimal
    drawdown: Decimal
    symbols: tuple[SymbolView, ...]
    history: History = field(repr=False)

    def __getitem__(self, name: str) -> SymbolView:
        """Return a symbol by its name. Raises KeyError for one that is not there."""
        for symbol in self.symbols:
            if symbol.name == name:
                return symbol
        raise KeyError(name)
