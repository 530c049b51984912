"""The JSON documents of cycles: what was measured, ranked, planned and held.

A document is canonical JSON, put together out of columns of text: of all cycles that it is asked for at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import groupby, pairwise
from typing import Any, Final

import numpy as np

from meva_core.amounts import ABSENT
from meva_core.cycle import Out
from meva_core.ids import stamp_text
from meva_core.market import Market
from meva_core.modes import Mode
from meva_core.reasons import Code, fired_codes
from meva_core.steps.measure import CLOCK_SKEW, NO_MARK, ONE_SIDED, STALE
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

    `symbols` are their names in JSON, `cycles` places of rows in `market` and `out`, int64 [cycles].
    """

    def __init__(
        self,
        symbols: Sequence[str],
        market: Market,
        out: Out,
        cycles: Any,
        texts: Texts,
    ) -> None:
        self.market, self.out, self.texts = market, out, texts
        first, last = int(cycles[0]), int(cycles[-1])
        self.cycles = slice(first, last + 1) if last - first + 1 == len(cycles) else cycles  # copies less
        self.names = symbols
        self.symbols = f"[{','.join(symbols)}]"
        self.count = len(cycles)
        self.widths = np.full(self.count, len(symbols))
        selected = out.select
        # Where the symbols of each cycle lie in a flattened column, best first.
        best = np.argsort(selected.rank[cycles], axis=1, kind="stable")
        self._best = best + np.arange(self.count)[:, np.newaxis] * len(symbols)
        self._valuation = self._amounts(out.measure.valuation)

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
        amounts = {f"{name}_try": getattr(plan, name) for name in ("target", "value", "open_value", "delta")}
        return self._document(
            {
                name: texts.quoted(texts.fixed(column[self.cycles], AMOUNT_PLACES, none=ABSENT))
                for name, column in money.items()
            }
            | {name: self._amounts(column, none=None) for name, column in amounts.items()}
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


def modes(out: Out, c: int, until: str | None) -> dict[str, Any]:
    """Return the final mode with all its parts; `until` is when a running cooldown ends."""
    fired = [code.text for code in fired_codes(int(out.assess.fired[c]))]
    return {
        "base_mode": MODES[out.plan.base_mode[c]],
        "override_mode": MODES[out.plan.override_mode[c]] if out.plan.override_mode[c] else None,
        "risk_mode": MODES[out.assess.verdict[c]],
        "rules_mode": MODES[out.plan.rules_mode[c]],
        "final_mode": MODES[out.plan.mode[c]],
        "risk_reasons": fired or ["ok"],
        "floor": MODES[out.assess.floor[c]],
        "cooldown_until": until,
    }


def standing(
    out: Out, part: slice, encode: Callable[[Any], str]
) -> tuple[list[str], list[str], list[str | None]]:
    """Return, for some cycles in a row, the modes and the rules that fired as JSON, and until when those
    restrict: they stay as they are for hundreds of cycles."""
    plan, assess = out.plan, out.assess
    parts = (plan.base_mode, plan.override_mode, plan.rules_mode, plan.mode)
    columns = (*parts, assess.verdict, assess.fired, assess.floor, assess.until)
    values = np.column_stack([column[part] for column in columns])
    turns = np.flatnonzero((values[1:] != values[:-1]).any(axis=1)) + 1
    texts: list[str] = []
    fired: list[str] = []
    ends: list[str | None] = []
    for first, last in pairwise((0, *turns.tolist(), len(values))):
        c = part.start + first
        until = stamp_text(int(assess.until[c])) if assess.floor[c] else None
        document = modes(out, c, until)
        texts += [encode(document)] * (last - first)
        fired += [encode(document["risk_reasons"])] * (last - first)
        ends += [until] * (last - first)
    return texts, fired, ends


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
