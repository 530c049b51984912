"""The JSON documents of cycles: what was measured, ranked, planned and held.

A document is canonical JSON, put together out of columns of text: of all cycles that it is asked for at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from itertools import groupby
from typing import Any, Final

import numpy as np

from meva_core.amounts import ABSENT
from meva_core.cycle import Out
from meva_core.ids import stamp_text
from meva_core.market import Market
from meva_core.modes import Mode
from meva_core.reasons import Code, fired_codes
from meva_core.steps.measure import CLOCK_SKEW, NO_MARK, ONE_SIDED, STALE
from meva_core.steps.plan import mode_of_failures
from meva_core.trace.happenings import CODE_TEXTS, SIDES, Intent
from meva_core.trace.texts import AMOUNT_PLACES, SCORE_PLACES, Texts, pairs

MODES: Final = tuple(mode.name for mode in Mode)
FLAGS: Final = {
    STALE: "stale_data",
    ONE_SIDED: "book_crossed",
    NO_MARK: "missing_mark_price",
    CLOCK_SKEW: "clock_skew",
}
CODE_NAMES: Final = tuple(CODE_TEXTS.get(number, "") for number in range(max(CODE_TEXTS) + 1))
"""The texts of codes by number; empty where there is no code."""
CODES_IN_JSON: Final = tuple(f'"{name}"' for name in CODE_NAMES)
_SIDES_IN_JSON: Final = tuple(f'"{side}"' for side in SIDES)
_MARKET_AMOUNTS: Final = ("bid", "ask", "bid_qty", "ask_qty", "last", "high", "low", "quote_volume")
_MARKET_NUMBERS: Final = (
    "book_ts",
    "ticker_ts",
    "close_ts",
    "closes",
    "closes_check",
    "volume_saturated",
    "deviation",
)
_BREAKDOWN: Final = ("liquidity", "spread", "volatility")
_RAW: Final = ("spread_raw", "volatility_raw")

Parts = tuple[Any, ...]
"""Columns and texts that are put together to a piece of a document."""


class Documents:
    """Documents of some cycles of a stretch, each kind as a column of text [cycles].

    `symbols` are their names in JSON, `cycles` the places of `count` rows in `market` and `out`: a slice,
    which copies less, or int64 [cycles]. `wished`: a strategy says what is wished for.
    """

    def __init__(
        self,
        symbols: Sequence[str],
        market: Market,
        out: Out,
        cycles: Any,
        count: int,
        texts: Texts,
        *,
        wished: bool = False,
    ) -> None:
        self.wished = wished
        self.market, self.out, self.texts = market, out, texts
        self.cycles, self.count = cycles, count
        self.names = symbols
        self.symbols = f"[{','.join(symbols)}]"
        self.widths = np.full(count, len(symbols))

    @cached_property
    def _best(self) -> Any:
        """Where the symbols of each cycle lie in a flattened column, best first."""
        best = np.argsort(self.out.select.rank[self.cycles], axis=1, kind="stable")
        return best + np.arange(self.count)[:, np.newaxis] * len(self.names)

    @cached_property
    def _valuation(self) -> Parts:
        return self._amounts(self.out.measure.valuation)

    def measure(self) -> Any:
        """Return what was measured, column by column, symbols in order; stamps in microseconds."""
        market, measured = self.market, self.out.measure
        amounts = {name: getattr(market, name) for name in _MARKET_AMOUNTS} | {"mark": measured.mark}
        numbers = {name: getattr(market, name) for name in _MARKET_NUMBERS}
        numbers |= {name: getattr(measured, name) for name in ("valuation_age", "book_age", "flags")}
        return self._document(
            {name: self._amounts(column) for name, column in amounts.items()}
            | {name: self._numbers(column) for name, column in numbers.items()}
            | {"valuation": self._valuation, "symbols": self.symbols}
        )

    def universe(self) -> Any:
        """Return the selected symbols, best first."""
        selected = self._flat(self.out.select.selected)[self._best] == 1
        names = self.texts.lists(self._symbol(self._best[selected]), selected.sum(axis=1))
        return self.texts.joined("[", names, "]")

    def ranking(self) -> Any:
        """Return scores and fate of every candidate, best first."""
        texts, chosen = self.texts, self.out.select
        candidates = self._flat(chosen.code)[self._best] != Code.NOT_A_CANDIDATE
        places = self._best[candidates]

        def score(name: str, none: int | None = None) -> Any:
            numbers = self._flat(getattr(chosen, name))[places]
            return texts.quoted(texts.fixed(numbers, SCORE_PLACES, none=none))

        breakdown = {name: score(name) for name in _BREAKDOWN} | {name: score(name, ABSENT) for name in _RAW}
        cells = self._document(
            {
                "symbol": self._symbol(places),
                "total_score": score("total"),
                "rank": texts.whole(self._flat(chosen.rank)[places] + 1),
                "selected": texts.chosen(("false", "true"), self._flat(chosen.selected)[places]),
                "reason": texts.chosen(CODES_IN_JSON, self._flat(chosen.code)[places]),
                "breakdown": self._document(breakdown),
            }
        )
        return texts.joined("[", texts.lists(cells, candidates.sum(axis=1)), "]")

    def portfolio(self) -> Any:
        """Return the plan: targets of all symbols, and the differences with what became of them."""
        texts, plan = self.texts, self.out.plan
        money = {f"{name}_try": getattr(plan, name) for name in ("investable", "share", "cap_left")}
        chosen = self.out.select
        wished: dict[str, Any] = {}
        if self.wished:
            wished = {
                "weight": self._amounts(chosen.weight, none=ABSENT),
                "wish_try": self._amounts(chosen.wish, none=None),
            }
        amounts = {f"{name}_try": getattr(plan, name) for name in ("target", "value", "open_value", "delta")}
        return self._document(
            {
                name: texts.quoted(texts.fixed(column[self.cycles], AMOUNT_PLACES, none=ABSENT))
                for name, column in money.items()
            }
            | {name: self._amounts(column, none=None) for name, column in amounts.items()}
            | wished
            | {
                "shares": texts.whole(plan.shares[self.cycles]),
                "reason": texts.chosen(CODES_IN_JSON, plan.cycle_code[self.cycles]),
                "symbols": self.symbols,
                "code": self._arrays(plan.code, partial(texts.chosen, CODES_IN_JSON)),
                "actions": self._actions(),
            }
        )

    def _actions(self) -> Parts:
        texts, plan = self.texts, self.out.plan
        wanted = plan.delta[self.cycles] != 0
        places = np.flatnonzero(wanted)
        sides = (self._flat(plan.delta)[places] < 0).astype(np.int64)
        cells = self._document(
            {
                "symbol": self._symbol(places),
                "side": texts.chosen(_SIDES_IN_JSON, sides),
                "amount_try": texts.quoted(texts.fixed(self._flat(plan.amount)[places], AMOUNT_PLACES)),
                "reason": texts.chosen(CODES_IN_JSON, self._flat(plan.code)[places]),
            }
        )
        return "[", texts.lists(cells, wanted.sum(axis=1)), "]"

    def account(self) -> Any:
        """Return cash and positions after the cycle, at its marks."""
        account, cycles = self.out.account, self.cycles
        cash = pairs(self.texts, account.cash_whole[cycles], account.cash_rest[cycles])
        return self._document(
            {
                "cash_try": self.texts.quoted(cash),
                "symbols": self.symbols,
                "qty": self._amounts(account.qty),
                "mark_price_try": self._valuation,
                "value_try": self._amounts(account.value),
                "cost_try": self._amounts(account.cost),
            }
        )

    # -- Parts of documents ---------------------------------------------------------------------------

    def _flat(self, column: Any) -> Any:
        """Return the wanted cycles of a column by symbol, one after the other."""
        return column[self.cycles].reshape(-1)

    def _symbol(self, places: Any) -> Any:
        """Return the names, in JSON, of the symbols at places of a flattened column."""
        return self.texts.chosen(self.names, places % len(self.names))

    def _amounts(self, column: Any, none: int | None = ABSENT) -> Parts:
        def made(numbers: Any) -> Any:
            return self.texts.quoted(self.texts.fixed(numbers, AMOUNT_PLACES, none=none))

        return self._arrays(column, made)

    def _numbers(self, column: Any) -> Parts:
        return self._arrays(column, self.texts.whole)

    def _arrays(self, column: Any, made: Callable[[Any], Any]) -> Parts:
        """Return arrays with all symbols of a column, whose cells `made` turns into JSON.

        Many columns stay as they are from cycle to cycle: each array is made once.
        """
        rows = column[self.cycles]
        new = np.ones(len(rows), dtype=bool)
        new[1:] = (rows[1:] != rows[:-1]).any(axis=1)
        lists = self.texts.lists(made(rows[new].reshape(-1)), self.widths[new])
        return "[", lists if new.all() else self.texts.chosen(lists, np.cumsum(new) - 1), "]"

    def _document(self, fields: Mapping[str, Any]) -> Any:
        """Return JSON objects; a field's value is a column of JSON, one text for all, or parts of it."""
        parts: list[Any] = ["{"]
        for name in sorted(fields):
            value = fields[name]
            parts += [
                "," if len(parts) > 1 else "",
                f'"{name}":',
                *(value if isinstance(value, tuple) else (value,)),
            ]
        return self.texts.joined(*_merged([*parts, "}"]))


def _merged(parts: Sequence[Any]) -> Iterator[Any]:
    """Yield the parts, neighbouring texts as one: each costs time in every row."""
    for constant, group in groupby(parts, key=lambda part: isinstance(part, str)):
        if constant:
            yield "".join(group)
        else:
            yield from group


def modes(out: Out, c: int, *, wished: bool = False) -> dict[str, Any]:
    """Return the final mode of cycle c with all its parts; `wished`: a strategy says what is wished for."""
    failed = int(out.plan.strategy_failed[c])
    return {
        **({"strategy_mode": MODES[mode_of_failures(failed)], "strategy_failed": failed} if wished else {}),
        "base_mode": MODES[out.plan.base_mode[c]],
        "override_mode": MODES[out.plan.override_mode[c]] if out.plan.override_mode[c] else None,
        "risk_mode": MODES[out.assess.verdict[c]],
        "rules_mode": MODES[out.plan.rules_mode[c]],
        "final_mode": MODES[out.plan.mode[c]],
        "risk_reasons": risk_reasons(int(out.assess.fired[c])),
        "floor": MODES[out.assess.floor[c]],
        "cooldown_until": restricted_until(out, c),
    }


def risk_reasons(fired: int) -> list[str]:
    """Return the rules of risk whose bits are set, or `ok`."""
    return [code.text for code in fired_codes(fired)] or ["ok"]


def restricted_until(out: Out, c: int) -> str | None:
    """Return when the cooldown that runs in cycle c ends."""
    return stamp_text(int(out.assess.until[c])) if out.assess.floor[c] else None


def decisions(intents: Sequence[Intent], ends: dict[int, str]) -> list[dict[str, Any]]:
    """Return what became of a cycle's intents; `ends` has the status of those that became orders, by n."""
    return [
        {
            "symbol": intent.document["symbol"],
            "side": intent.document["side"],
            "client_order_id": intent.client,
            "status": ends.get(intent.n, "SKIPPED"),
            "reason": intent.document["skip_reason"],
        }
        for intent in intents
    ]


def intents_summary(counts: Mapping[str, int]) -> dict[str, Any]:
    """Return how many intents a cycle had, and what became of its orders."""
    return {
        "order_intents_total": counts["planned"] + counts["skipped"],
        "order_intents_planned": counts["planned"],
        "order_intents_skipped": counts["skipped"],
        "oms_summary": {
            "orders_submitted": counts["planned"],
            "orders_filled": counts["filled"],
            "orders_rejected": counts["rejected"],
            "orders_canceled": counts["canceled"],
        },
    }
