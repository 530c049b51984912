"""The JSON documents of a cycle: what was measured, ranked, planned and held."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from meva_core.cycle import Out
from meva_core.market import Market
from meva_core.modes import Mode
from meva_core.reasons import Code, fired_codes
from meva_core.steps.measure import CLOCK_SKEW, NO_MARK, ONE_SIDED, STALE
from meva_core.trace.happenings import CODE_TEXTS, SIDES, Intent
from meva_core.trace.texts import AMOUNT_PLACES, SCORE_PLACES, Texts, by_cycle, pairs

MODES: Final = tuple(mode.name for mode in Mode)
FLAGS: Final = {
    STALE: "stale_data",
    ONE_SIDED: "book_crossed",
    NO_MARK: "missing_mark_price",
    CLOCK_SKEW: "clock_skew",
}
_MARKET_AMOUNTS: Final = ("bid", "ask", "bid_qty", "ask_qty", "last", "high", "low", "quote_volume")
_SCORES: Final = ("total", "liquidity", "spread", "volatility")
_MARKET_NUMBERS: Final = ("book_ts", "ticker_ts", "close_ts", "closes", "closes_check", "volume_saturated")


class Documents:
    """Documents of the cycles of one stretch; columns are turned into text once, for all of them."""

    def __init__(
        self, symbols: Sequence[str], market: Market, out: Out, start: int, stop: int, texts: Texts
    ) -> None:
        part = slice(start, stop)

        def amounts(column: Any) -> list[Any]:
            return by_cycle(texts, column[part], AMOUNT_PLACES, signed=False)

        def signed(column: Any, places: int = AMOUNT_PLACES) -> list[Any]:
            return by_cycle(texts, column[part], places, signed=True)

        self.symbols = list(symbols)
        self.market = {name: amounts(getattr(market, name)) for name in _MARKET_AMOUNTS}
        self.market |= {name: getattr(market, name)[part].tolist() for name in _MARKET_NUMBERS}
        self.market["deviation"] = market.deviation[part].tolist()
        self.measured = {name: amounts(getattr(out.measure, name)) for name in ("mark", "valuation")}
        self.measured |= {
            name: getattr(out.measure, name)[part].tolist() for name in ("valuation_age", "book_age", "flags")
        }
        chosen = out.select
        self.scores = {name: signed(getattr(chosen, name), SCORE_PLACES) for name in _SCORES}
        self.raw_scores = {
            name: by_cycle(texts, getattr(chosen, name)[part], SCORE_PLACES, signed=False)
            for name in ("spread_raw", "volatility_raw")
        }
        self.ranks, self.chosen = chosen.rank[part].tolist(), chosen.selected[part].tolist()
        self.select_codes = chosen.code[part].tolist()
        self.plan = {
            name: signed(getattr(out.plan, name))
            for name in ("target", "value", "open_value", "delta", "amount")
        }
        self.plan_codes = out.plan.code[part].tolist()
        self.delta = out.plan.delta[part].tolist()
        self.held = {name: amounts(getattr(out.account, name)) for name in ("qty", "value", "cost")}
        self.cash = pairs(texts, out.account.cash_whole[part], out.account.cash_rest[part])
        self.plan_numbers = {
            name: getattr(out.plan, name)[part].tolist() for name in ("shares", "cycle_code")
        }
        self.plan_money = {
            name: texts(getattr(out.plan, name)[part], AMOUNT_PLACES, signed=False)
            for name in ("investable", "share", "cap_left")
        }

    def measure(self, c: int) -> dict[str, Any]:
        """Return what was measured, column by column, symbols in order; stamps in microseconds."""
        document: dict[str, Any] = {"symbols": self.symbols}
        for source in (self.market, self.measured):
            for name, column in source.items():
                document[name] = column[c]
        return document

    def universe(self, c: int) -> list[str]:
        """Return the selected symbols, best first."""
        ranks, selected = self.ranks[c], self.chosen[c]
        return [self.symbols[i] for _, i in sorted((ranks[i], i) for i, on in enumerate(selected) if on)]

    def ranking(self, c: int) -> list[dict[str, Any]]:
        """Return scores and fate of every candidate, best first."""
        ranks, selected, codes = self.ranks[c], self.chosen[c], self.select_codes[c]
        total, liquidity, spread, volatility = (self.scores[name][c] for name in _SCORES)
        spread_raw, volatility_raw = self.raw_scores["spread_raw"][c], self.raw_scores["volatility_raw"][c]
        return [
            {
                "symbol": self.symbols[i],
                "total_score": total[i],
                "rank": ranks[i] + 1,
                "selected": selected[i] == 1,
                "reason": CODE_TEXTS[codes[i]],
                "breakdown": {
                    "liquidity": liquidity[i],
                    "spread": spread[i],
                    "volatility": volatility[i],
                    "spread_raw": spread_raw[i],
                    "volatility_raw": volatility_raw[i],
                },
            }
            for i in sorted(range(len(ranks)), key=ranks.__getitem__)
            if codes[i] != Code.NOT_A_CANDIDATE
        ]

    def portfolio(self, c: int) -> dict[str, Any]:
        """Return the plan: targets of all symbols, and the differences with what became of them."""
        actions = [
            {
                "symbol": self.symbols[i],
                "side": SIDES[delta < 0],
                "amount_try": self.plan["amount"][c][i],
                "reason": CODE_TEXTS[code],
            }
            for i, (delta, code) in enumerate(zip(self.delta[c], self.plan_codes[c], strict=True))
            if delta
        ]
        return {
            "investable_try": self.plan_money["investable"][c],
            "share_try": self.plan_money["share"][c],
            "shares": self.plan_numbers["shares"][c],
            "cap_left_try": self.plan_money["cap_left"][c],
            "reason": CODE_TEXTS[self.plan_numbers["cycle_code"][c]],
            "symbols": self.symbols,
            "target_try": self.plan["target"][c],
            "value_try": self.plan["value"][c],
            "open_value_try": self.plan["open_value"][c],
            "delta_try": self.plan["delta"][c],
            "code": [CODE_TEXTS[code] for code in self.plan_codes[c]],
            "actions": actions,
        }

    def account(self, c: int) -> dict[str, Any]:
        """Return cash and positions after the cycle, at its marks."""
        return {
            "cash_try": self.cash[c],
            "symbols": self.symbols,
            "qty": self.held["qty"][c],
            "mark_price_try": self.measured["valuation"][c],
            "value_try": self.held["value"][c],
            "cost_try": self.held["cost"][c],
        }


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
