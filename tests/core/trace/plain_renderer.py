"""Rows of cycles, rendered one after the other: what rendering by column is held to.

Everything is read out of the columns number by number and encoded by `canonical_json`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

import numpy as np
from attrs import define, field

from meva_core.amounts import ABSENT, E8, LIMIT, format_e8, join_pair
from meva_core.cycle import Out
from meva_core.fingerprint import CycleDigests
from meva_core.ids import canonical_json, cycle_id, stamp_text
from meva_core.journal import Journal
from meva_core.market import Market
from meva_core.modes import Mode
from meva_core.orders import Event
from meva_core.params import Params
from meva_core.reasons import CODES, Code, Reason
from meva_core.rules import Rules
from meva_core.trace import Names, Rendered
from meva_core.trace.adaptation import change_document, change_row, checkpoint_row
from meva_core.trace.documents import MODES, decisions, intents_summary, modes, risk_reasons
from meva_core.trace.flags import ALERTS, QUALITY, alert_flags, quality_flags, raised
from meva_core.trace.happenings import (
    SIDES,
    STATUSES,
    Intent,
    Listed,
    Orders,
    event_rows,
    fill_rows,
    intent_rows,
    intents_of,
    key_rows,
)
from meva_core.trace.texts import maybe_text, reason_row, score_text
from meva_core.why import cycle_reasons, intent_reason, spread_bps

MARKET_AMOUNTS = ("bid", "ask", "bid_qty", "ask_qty", "last", "high", "low", "quote_volume")
MARKET_NUMBERS = (
    "book_ts",
    "ticker_ts",
    "close_ts",
    "closes",
    "closes_check",
    "volume_saturated",
    "deviation",
)
MEASURED_NUMBERS = ("valuation_age", "book_age", "flags")
LEDGER = ("gross", "realized", "unrealized", "net", "fees", "slippage", "turnover", "equity")


@define
class PlainRenderer:
    """`Renderer`, cycle by cycle."""

    names: Names
    rules: Rules
    params: Params
    starting_cash: str
    seq: int = 0
    gross: dict[tuple[int, int], int] = field(factory=dict)

    def render(
        self, market: Market, out: Out, start: int, stop: int, digests: Iterable[CycleDigests]
    ) -> Rendered:
        """Return the rows of cycles [start, stop) of a stretch."""
        done, orders = Rendered(), Orders(self.names, self.gross)
        journal = listed(out.journal)
        for c, digest in zip(range(start, stop), digests, strict=True):
            cycle = _Cycle(self, market, out, journal, c, start)
            for table, rows in cycle.rows(digest, orders).items():
                done.rows[table] += rows
            self.seq += 1
        done.rows["stage7_orders"] += orders.rows()
        done.order_changes += orders.changes()
        orders.drop_ended()
        return done


def listed(journal: Journal) -> Listed:
    """All rows of a journal, its columns as lists."""
    tables = (journal.intents, journal.events, journal.fills)
    return Listed(*(type(table)(*(column.tolist() for column in table)) for table in tables))


class _Cycle:
    """One cycle and its rows."""

    def __init__(
        self, renderer: PlainRenderer, market: Market, out: Out, journal: Listed, c: int, start: int
    ) -> None:
        self.r, self.market, self.out, self.journal, self.c = renderer, market, out, journal, c
        self.symbols = renderer.names.symbols
        self.time = int(market.time[c])
        self.cycle, self.ts = cycle_id(renderer.names.run_id, self.time), stamp_text(self.time)

        def rows(ends: Any) -> range:
            return range(int(ends[c - 1]) if c > start else 0, int(ends[c]))

        ends = out.journal
        self.events, self.fills, self.own = (
            rows(ends.events_end),
            rows(ends.fills_end),
            rows(ends.intents_end),
        )
        self.intents: list[Intent] = []
        if self.own:
            self.intents = intents_of(journal.intents, self.own, self.cycle, renderer.names, canonical_json)
        self.changed = bool(out.adapt.outcome[c])

    def rows(self, digest: CycleDigests, orders: Orders) -> dict[str, list[Any]]:
        """Return the cycle's rows by table."""
        r, c, out, names = self.r, self.c, self.out, self.r.names
        reasons = self.reasons()
        money = self.money()
        head = (self.cycle, self.ts, names.run_id)
        found: dict[str, list[Any]] = {
            "stage7_cycle_trace": [(*head, *self.documents(), canonical_json(reasons))],
            "stage7_ledger_metrics": [
                (
                    *head,
                    *(money[name] for name in (*LEDGER, "drawdown", "drawdown", "cash")),
                    r.starting_cash,
                )
            ],
            "stage7_run_metrics": [(*head, *self.metrics(money, reasons))],
            "stage7_cycle_digests": [
                (self.cycle, names.run_id, r.seq, self.ts, *digest.steps, digest.adapt, digest.link)
            ],
            "stage7_risk_decisions": [self.decision()],
            "stage7_order_intents": list(intent_rows(self.intents, self.cycle, self.ts, names)),
            "stage7_idempotency_keys": list(key_rows(self.intents, self.ts, r.params)),
            "stage7_order_events": list(
                event_rows(self.journal, self.events, self.cycle, self.ts, names, canonical_json)
            ),
            "ledger_events": list(fill_rows(self.journal, self.fills, self.cycle, self.ts, names)),
        }
        orders.submit(self.time, self.intents)
        orders.happened(self.journal, self.events, self.ts)
        orders.filled(self.journal, self.fills)
        if r.params.adapt and out.adapt.became_good[c]:
            found["stage7_checkpoints"] = [checkpoint_row(out, c, self.ts, names, canonical_json)]
        if r.params.adapt and self.changed:
            found["stage7_param_changes"] = [change_row(out, c, self.cycle, self.ts, names, canonical_json)]
        return found

    def documents(self) -> tuple[Any, ...]:
        """Return what stage7_cycle_trace has between its head and the reasons."""
        version = int(self.out.adapt.version_before[self.c])
        ends = {
            self.journal.events.n[row]: STATUSES[self.journal.events.status[row]]
            for row in self.events
            if self.journal.events.time[row] == self.time
        }
        return (
            canonical_json(self.universe()),
            canonical_json(self.ranking()),
            canonical_json(intents_summary(self.counts())),
            canonical_json(modes(self.out, self.c)),
            canonical_json(decisions(self.intents, ends)),
            canonical_json(self.portfolio()),
            canonical_json([intent.document for intent in self.intents]),
            version,
            canonical_json(change_document(self.out, self.c)) if self.changed else "{}",
            canonical_json(self.measure()),
            canonical_json(self.account()),
        )

    def until(self) -> str | None:
        assess = self.out.assess
        return stamp_text(int(assess.until[self.c])) if assess.floor[self.c] else None

    # -- Documents ------------------------------------------------------------------------------------

    def amounts(self, column: Any) -> list[str | None]:
        return [maybe_text(int(amount)) for amount in column[self.c]]

    def signed(self, column: Any) -> list[str]:
        return [format_e8(int(amount)) for amount in column[self.c]]

    def measure(self) -> dict[str, Any]:
        market, measured, c = self.market, self.out.measure, self.c
        return (
            {"symbols": list(self.symbols)}
            | {name: self.amounts(getattr(market, name)) for name in MARKET_AMOUNTS}
            | {name: getattr(market, name)[c].tolist() for name in MARKET_NUMBERS}
            | {name: self.amounts(getattr(measured, name)) for name in ("mark", "valuation")}
            | {name: getattr(measured, name)[c].tolist() for name in MEASURED_NUMBERS}
        )

    def best_first(self) -> list[int]:
        ranks = self.out.select.rank[self.c].tolist()
        return sorted(range(len(ranks)), key=lambda i: (ranks[i], i))

    def universe(self) -> list[str]:
        return [self.symbols[i] for i in self.best_first() if self.out.select.selected[self.c, i]]

    def ranking(self) -> list[dict[str, Any]]:
        chosen, c = self.out.select, self.c
        scores = ("liquidity", "spread", "volatility")
        raw = ("spread_raw", "volatility_raw")

        def number(name: str, i: int) -> int:
            return int(getattr(chosen, name)[c, i])

        return [
            {
                "symbol": self.symbols[i],
                "total_score": score_text(number("total", i)),
                "rank": number("rank", i) + 1,
                "selected": number("selected", i) == 1,
                "reason": CODES[number("code", i)].text,
                "breakdown": {name: score_text(number(name, i)) for name in scores}
                | {name: None if number(name, i) == ABSENT else score_text(number(name, i)) for name in raw},
            }
            for i in self.best_first()
            if chosen.code[c, i] != Code.NOT_A_CANDIDATE
        ]

    def portfolio(self) -> dict[str, Any]:
        plan, c = self.out.plan, self.c
        codes = [CODES[code].text for code in plan.code[c].tolist()]
        amounts = self.signed(plan.amount)
        return (
            {
                f"{name}_try": maybe_text(int(getattr(plan, name)[c]))
                for name in ("investable", "share", "cap_left")
            }
            | {
                f"{name}_try": self.signed(getattr(plan, name))
                for name in ("target", "value", "open_value", "delta")
            }
            | {
                "shares": int(plan.shares[c]),
                "reason": CODES[int(plan.cycle_code[c])].text,
                "symbols": list(self.symbols),
                "code": codes,
                "actions": [
                    {
                        "symbol": self.symbols[i],
                        "side": SIDES[delta < 0],
                        "amount_try": amounts[i],
                        "reason": codes[i],
                    }
                    for i, delta in enumerate(plan.delta[c].tolist())
                    if delta
                ],
            }
        )

    def account(self) -> dict[str, Any]:
        account = self.out.account
        return {
            "cash_try": self.money()["cash"],
            "symbols": list(self.symbols),
            "qty": self.amounts(account.qty),
            "mark_price_try": self.amounts(self.out.measure.valuation),
            "value_try": self.amounts(account.value),
            "cost_try": self.amounts(account.cost),
        }

    # -- Metrics --------------------------------------------------------------------------------------

    def money(self) -> dict[str, str]:
        account = self.out.account
        pairs = {
            name: format_e8(
                join_pair(*(int(getattr(account, f"{name}_{part}")[self.c]) for part in ("whole", "rest")))
            )
            for name in (*LEDGER, "cash")
        }
        return pairs | {"drawdown": format_e8(int(account.max_drawdown[self.c]))}

    def counts(self) -> dict[str, int]:
        events = self.journal.events
        kinds = [Event(events.kind[row]).name for row in self.events]
        return {
            "planned": sum(intent.planned for intent in self.intents),
            "skipped": sum(not intent.planned for intent in self.intents),
            "filled": kinds.count("FILLED"),
            "rejected": kinds.count("REJECTED"),
            "canceled": kinds.count("CANCELED"),
            "ignored": kinds.count("DUPLICATE_IGNORED"),
            "throttled": kinds.count("THROTTLED"),
            "retries": kinds.count("RETRY_SCHEDULED"),
            "giveups": kinds.count("RETRY_GIVEUP"),
            "positions": len({events.symbol[row] for row in self.events if events.qty[row]}),
        }

    def metrics(self, money: dict[str, str], reasons: list[list[str | None]]) -> tuple[Any, ...]:
        out, c, p, counts = self.out, self.c, self.r.params, self.counts()
        part = slice(c, c + 1)
        counted = {name: np.array([count]) for name, count in counts.items()}
        quality = int(quality_flags(self.market, out, part, counted)[0])
        alerts = int(alert_flags(out, part, counted, p.reject_spike, p.retry_alert)[0])
        codes = [reason[0] for reason in reasons if reason[2]]
        return (
            MODES[out.plan.base_mode[c]],
            MODES[out.plan.mode[c]],
            int(out.select.selected[c].sum()),
            *(counts[name] for name in ("planned", "skipped", "planned", "filled", "rejected", "canceled")),
            *[len(self.fills)] * 3,
            counts["positions"],
            len(self.events),
            counts["ignored"],
            *(money[name] for name in ("equity", "gross", "net", "fees", "slippage")),
            *(money["drawdown"], money["drawdown"], money["turnover"]),
            *[0] * 7,
            canonical_json(raised(quality, QUALITY)),
            canonical_json(raised(alerts, ALERTS)),
            None if counts["planned"] else max(codes, key=codes.count),
        )

    def decision(self) -> tuple[Any, ...]:
        out, c = self.out, self.c
        assessed = b"".join(int(column[c]).to_bytes(8, "little", signed=True) for column in out.assess)
        return (
            self.cycle,
            self.r.names.run_id,
            self.ts,
            MODES[out.assess.verdict[c]],
            canonical_json(risk_reasons(int(out.assess.fired[c]))),
            self.until(),
            hashlib.sha256(assessed).hexdigest(),
            int(out.plan.mode[c] < Mode.OBSERVE_ONLY),
            1,
        )

    # -- Reasons --------------------------------------------------------------------------------------

    def reasons(self) -> list[list[str | None]]:
        """Return the cycle's own reasons, then one for each symbol."""
        r = self.r
        found = list(cycle_reasons(self.c, self.market, self.out, r.rules, r.params))
        rows = {self.journal.intents.symbol[row]: row for row in self.own}
        for i, symbol in enumerate(self.symbols):
            if i in rows:
                found.append(intent_reason(rows[i], symbol, self.out.journal.intents, r.rules, self.least(i)))
            else:
                found.append(self.fate(i, symbol))
        return [reason_row(reason) for reason in found]

    def least(self, i: int) -> int:
        return max(self.r.params.min_order_notional, int(self.r.rules.min_notional[i]))

    def fate(self, i: int, symbol: str) -> Reason:
        """Return why symbol i did not get as far as an intent."""
        select, plan = (CODES[int(group.code[self.c, i])] for group in (self.out.select, self.out.plan))
        if plan is Code.NOT_SELECTED and select is not Code.OK:
            return self.unselected(select, i, symbol)
        if plan in (Code.ABOVE_MAX_SPREAD, Code.BELOW_MIN_VOLUME):
            return self.unselected(plan, i, symbol)
        return self.unplanned(plan, i, symbol)

    def unselected(self, code: Code, i: int, symbol: str) -> Reason:
        market, out, c = self.market, self.out, self.c
        if code is Code.BELOW_MIN_VOLUME:
            volume, limit = max(0, int(market.quote_volume[c, i])), int(out.adapt.min_volume_try[c])
            return numbers(code, "select", symbol, volume, limit, "TRY")
        if code is Code.ABOVE_MAX_SPREAD:
            spread = spread_bps(int(market.bid[c, i]), int(market.ask[c, i]))
            return numbers(code, "select", symbol, spread, int(out.adapt.max_spread_bps[c]), "bps")
        if code is Code.UNIVERSE_FULL:
            place, size = int(out.select.rank[c, i]) + 1, int(out.adapt.universe_size[c])
            return numbers(code, "select", symbol, place * E8, size * E8, "rank")
        return Reason(code.text, "select", symbol)

    def unplanned(self, code: Code, i: int, symbol: str) -> Reason:
        out, c, least = self.out, self.c, self.least(i)
        amount, left = int(out.plan.amount[c, i]), int(out.plan.cap_left[c])
        if code in (Code.MIN_NOTIONAL, Code.DUST):
            return numbers(code, "plan", symbol, amount, least, "TRY")
        if code is Code.WITHIN_BAND:
            equity = int(out.assess.equity_whole[c]) * E8 + int(out.assess.equity_rest[c])
            equity = max(0, min(equity, LIMIT - 1))
            band = -(-equity * self.r.params.rebalance_band // 10**12)
            return numbers(code, "plan", symbol, abs(int(out.plan.delta[c, i])), band, "TRY")
        if code is Code.TURNOVER_CAP:
            return numbers(code, "plan", symbol, left, least if left < least else amount, "TRY")
        if code is Code.SHARE_BELOW_MINIMUM:
            share = int(out.plan.investable[c]) // (int(out.plan.shares[c]) + 1)
            return numbers(code, "plan", symbol, share, least, "TRY")
        if code is Code.STALE_MARKET_DATA:
            age, limit = int(out.measure.book_age[c, i]), self.r.params.max_data_age
            if age == ABSENT:
                return Reason(code.text, "plan", symbol, limit=str(limit), unit="s")
            return numbers(code, "plan", symbol, age * E8, limit * E8, "s")
        if code is Code.MAX_ORDERS:
            most = int(out.adapt.max_orders[c])
            return numbers(code, "plan", symbol, (most + 1) * E8, most * E8, "orders")
        if code in (Code.OBSERVE_ONLY, Code.MODE_REDUCE_RISK_ONLY):
            delta = format_e8(int(out.plan.delta[c, i]))
            return Reason(code.text, "plan", symbol, value=delta, unit="TRY")
        return Reason(code.text, "plan", symbol)


def numbers(code: Code, step: str, symbol: str, value: int, limit: int, unit: str) -> Reason:
    """Return a reason with a value and its limit, and how far apart they are."""
    texts = (format_e8(amount) for amount in (value, limit, abs(value - limit)))
    return Reason(code.text, step, symbol, *texts, unit)
