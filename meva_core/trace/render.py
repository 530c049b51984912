"""Rows of a run's cycles, rendered stretch by stretch.

`full` keeps everything of every cycle. `changes` keeps of a quiet cycle, one in which nothing was decided and
nothing happened, only metrics, reasons and digests. The fingerprint is the same at either level.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from typing import Any, Final

import numpy as np
from attrs import define, field

from meva_core.amounts import format_e8
from meva_core.cycle import Out
from meva_core.fingerprint import CycleDigests
from meva_core.ids import canonical_json, content_hash, cycle_id, stamp_text
from meva_core.journal import Journal
from meva_core.market import Market
from meva_core.modes import Mode
from meva_core.orders import Event
from meva_core.params import Params
from meva_core.reasons import Code, Reason, fired_codes
from meva_core.rules import Rules
from meva_core.state import TUNED
from meva_core.steps.adapt import NO_CHANGE, ROLLED_BACK
from meva_core.trace.columns import Names, Rendered, Row
from meva_core.trace.documents import MODES, Documents, decisions, modes
from meva_core.trace.flags import alert_flags, quality_flags
from meva_core.trace.happenings import (
    STATUSES,
    Intent,
    Orders,
    event_rows,
    fill_rows,
    intent_rows,
    intents_of,
    key_rows,
)
from meva_core.trace.texts import Texts, pairs, plain_texts, reason_row
from meva_core.why import Fates, cycle_reasons

FULL: Final = "full"
CHANGES: Final = "changes"
_LEDGER: Final = ("gross", "realized", "unrealized", "net", "fees", "slippage", "turnover", "equity")
"""The totals of stage7_ledger_metrics, in the order of its columns."""
_ORDER_COUNTS: Final = ("planned", "skipped", "planned", "filled", "rejected", "canceled")
_UNRESTRICTED: Final = reason_row(Reason(Code.OK.text, "assess"))
"""What `cycle_reasons` gives where no rule fired and every mode is NORMAL."""
_NO_LATENCIES: Final = (0,) * 7
"""Cycles are run by the thousand: there is no wall-clock time of one."""


@define
class Renderer:
    """Renders the stretches of one book, in order.

    `encode` turns a document into stored JSON; `seq` is the place of the next cycle in the run, `last_mode`
    the final mode of the one before (-1 before the first).
    """

    names: Names
    rules: Rules
    params: Params
    starting_cash: str
    level: str = FULL
    encode: Callable[[Any], str] = canonical_json
    texts: Texts = plain_texts
    seq: int = 0
    last_mode: int = -1
    reject_spike: int = 3
    retry_alert: int = 5
    fates: Fates = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.fates = Fates(self.names.symbols, self.rules, self.params)

    def render(
        self, market: Market, out: Out, start: int, stop: int, digests: Iterable[CycleDigests]
    ) -> Rendered:
        """Return the rows of cycles [start, stop) of a stretch."""
        stretch = _Stretch(self, market, out, start, stop)
        for c, digest in zip(range(start, stop), digests, strict=True):
            stretch.cycle(c, digest)
        return stretch.finish()


class _Stretch:
    """One stretch on its way into rows."""

    def __init__(self, renderer: Renderer, market: Market, out: Out, start: int, stop: int) -> None:
        self.r = renderer
        self.market = market
        self.out = out
        self.start = start
        self.done = Rendered()
        self.orders = Orders(renderer.names)
        self.documents = Documents(renderer.names.symbols, market, out, start, stop, renderer.texts)
        part = slice(start, stop)
        account = out.account
        self.money = {
            name: pairs(getattr(account, f"{name}_whole")[part], getattr(account, f"{name}_rest")[part])
            for name in (*_LEDGER, "cash")
        }
        self.drawdown = [format_e8(x) for x in account.max_drawdown[part].tolist()]
        self.universe_sizes = out.select.selected[part].sum(axis=1).tolist()
        self.ends = _Ends(out.journal, start, stop)
        plan = out.plan
        modes = plan.base_mode[part] | plan.override_mode[part] | plan.rules_mode[part]
        self.unrestricted = (out.assess.fired[part] | modes | plan.cycle_code[part]) == 0
        seen = np.where(market.book_ts[part] >= 0, out.measure.flags[part], 0).any(axis=1)
        calm = ~seen & (out.assess.fired[part] == 0) & (out.assess.wide[part] == 0)
        self.calm = (calm & (out.assess.fresh[part] > 0)).tolist()
        assessed = np.column_stack([column[part] for column in out.assess])
        self.inputs_hashes = [hashlib.sha256(row.tobytes()).hexdigest() for row in assessed]

    def finish(self) -> Rendered:
        """Add what only the end of the stretch knows: how its orders stand."""
        self.done.rows["stage7_orders"] += self.orders.rows()
        self.done.order_changes += self.orders.changes()
        return self.done

    def cycle(self, c: int, digest: CycleDigests) -> None:
        """Render cycle c."""
        r, k = self.r, c - self.start
        time = int(self.market.time[c])
        cycle, ts = cycle_id(r.names.run, time), stamp_text(time)
        intents = intents_of(self.out.journal, *self.ends.intents(k), cycle, r.names, r.encode)
        events, fills = self.ends.events(k), self.ends.fills(k)
        mode = int(self.out.plan.mode[c])
        changed = int(self.out.adapt.outcome[c]) != NO_CHANGE
        quiet = not intents and not events and not fills and mode == r.last_mode and not changed
        brief = quiet and r.level == CHANGES
        reasons = self._reasons(c, self.ends.intents(k)[0], intents)
        counts = _counts(self.out.journal, events, intents)
        self._trace(c, cycle, ts, intents, events, counts, reasons, brief)
        rows = self.done.rows
        rows["stage7_ledger_metrics"].append(self._ledger(k, cycle, ts))
        metrics = self._metrics(c, cycle, ts, counts, len(events), len(fills), reasons)
        rows["stage7_run_metrics"].append(metrics)
        rows["stage7_cycle_digests"].append(
            (cycle, r.names.run, r.seq, ts, *digest.steps, digest.adapt, digest.link)
        )
        if not brief:
            self.done.rows["stage7_risk_decisions"].append(self._decision(c, cycle, ts))
        self._happenings(time, cycle, ts, intents, events, fills)
        if r.params.adapt:
            self._adaptation(c, cycle, ts)
        r.seq += 1
        r.last_mode = mode

    # -- Rows of a cycle ------------------------------------------------------------------------------

    def _trace(
        self,
        c: int,
        cycle: str,
        ts: str,
        intents: list[Intent],
        events: range,
        counts: dict[str, int],
        reasons: list[Any],
        brief: bool,
    ) -> None:
        r, k, docs, encode = self.r, c - self.start, self.documents, self.r.encode
        version = int(self.out.adapt.version_before[c])
        body: Row
        if brief:
            body = ("[]", "[]", "{}", "{}", "[]", "{}", "[]", version, "{}", None, None)
        else:
            body = (
                encode(docs.universe(k)),
                encode(docs.ranking(k)),
                encode(_intents_summary(counts)),
                encode(modes(self.out, c, self._until(c))),
                encode(decisions(intents, _order_ends(self.out.journal, events, int(self.market.time[c])))),
                encode(docs.portfolio(k)),
                f"[{','.join(intent.text for intent in intents)}]",
                version,
                encode(self._change(c)) if self.out.adapt.outcome[c] else "{}",
                encode(docs.measure(k)),
                encode(docs.account(k)),
            )
        row: Row = (cycle, ts, r.names.run, *body, encode(reasons))
        self.done.rows["stage7_cycle_trace"].append(row)

    def _ledger(self, k: int, cycle: str, ts: str) -> Row:
        money = [self.money[name][k] for name in _LEDGER]
        drawdown = self.drawdown[k]
        cash = self.money["cash"][k]
        return (cycle, ts, self.r.names.run, *money, drawdown, drawdown, cash, self.r.starting_cash)

    def _metrics(
        self, c: int, cycle: str, ts: str, counts: dict[str, int], events: int, fills: int, reasons: list[Any]
    ) -> Row:
        r, k, plan = self.r, c - self.start, self.out.plan
        quality: dict[str, bool] = {}
        alerts: dict[str, bool] = {}
        if events or not self.calm[k]:
            quality = quality_flags(c, self.market, self.out, r.params, counts)
            alerts = alert_flags(c, self.out, quality, counts, r.reject_spike, r.retry_alert)
        money = [self.money[name][k] for name in ("equity", "gross", "net", "fees", "slippage")]
        orders = [
            counts[name] for name in ("planned", "skipped", "planned", "filled", "rejected", "canceled")
        ]
        drawdown = self.drawdown[k]
        return (
            cycle,
            ts,
            r.names.run,
            MODES[plan.base_mode[c]],
            MODES[plan.mode[c]],
            self.universe_sizes[k],
            *orders,
            *(fills, fills, fills, counts["positions"]),
            *(events, counts["ignored"]),
            *money,
            *(drawdown, drawdown, self.money["turnover"][k]),
            *_NO_LATENCIES,
            r.encode(quality) if quality else "{}",
            r.encode(alerts) if alerts else "{}",
            None if counts["planned"] else _no_trades(reasons),
        )

    def _decision(self, c: int, cycle: str, ts: str) -> Row:
        a = self.out.assess
        mode = int(a.verdict[c])
        fired = [code.text for code in fired_codes(int(a.fired[c]))] or ["ok"]
        final = int(self.out.plan.mode[c])
        return (
            cycle,
            self.r.names.run,
            ts,
            MODES[mode],
            self.r.encode(fired),
            self._until(c),
            self.inputs_hashes[c - self.start],
            int(final < Mode.OBSERVE_ONLY),
            1,
        )

    def _happenings(
        self, time: int, cycle: str, ts: str, intents: list[Intent], events: range, fills: range
    ) -> None:
        rows, r, journal = self.done.rows, self.r, self.out.journal
        if intents:
            rows["stage7_order_intents"] += intent_rows(intents, cycle, ts, r.names)
            rows["stage7_idempotency_keys"] += key_rows(intents, ts, r.params)
            self.orders.submit(time, intents)
        if events:
            rows["stage7_order_events"] += event_rows(journal, events, cycle, ts, r.names, r.encode)
            self.orders.happened(journal, events, ts)
        if fills:
            rows["ledger_events"] += fill_rows(journal, fills, cycle, ts, r.names, r.encode)

    def _adaptation(self, c: int, cycle: str, ts: str) -> None:
        a, r = self.out.adapt, self.r
        if a.became_good[c]:
            params = r.encode(self._tuned(c))
            row = (r.names.run, int(a.version_before[c]), ts, params, 1)
            self.done.rows["stage7_checkpoints"].append(row)
        if a.outcome[c] != NO_CHANGE:
            change = self._change(c)
            rolled_back = a.outcome[c] == ROLLED_BACK
            digest = content_hash([r.names.run, change])[:12]
            versions = f"{change['from_version']}->{change['to_version']}"
            self.done.rows["stage7_param_changes"].append(
                (
                    f"s7chg:{cycle.partition('-')[2]}:{versions}:{digest}",
                    ts,
                    r.names.run,
                    change["from_version"],
                    change["to_version"],
                    r.encode(change),
                    "ROLLED_BACK" if rolled_back else "APPLIED",
                    ", ".join(change["why"]),
                )
            )

    # -- Parts of documents ---------------------------------------------------------------------------

    def _reasons(self, c: int, first_intent: int, intents: list[Intent]) -> list[Any]:
        r = self.r
        if self.unrestricted[c - self.start]:
            found = [_UNRESTRICTED]
        else:
            reasons = cycle_reasons(c, self.market, self.out, r.rules, r.params)
            found = [reason_row(reason) for reason in reasons]
        by_symbol = {intent.symbol: first_intent + intent.n for intent in intents}
        for i in range(len(r.names.symbols)):
            reason = r.fates.reason(c, i, self.market, self.out, by_symbol.get(i))
            found.append(reason_row(reason))
        return found

    def _until(self, c: int) -> str | None:
        return stamp_text(int(self.out.assess.until[c])) if self.out.assess.floor[c] else None

    def _tuned(self, c: int) -> dict[str, Any]:
        """Return the tuned parameters in force during cycle c, as text."""
        counts = ("universe_size", "max_orders")
        values = {name: int(getattr(self.out.adapt, name)[c]) for name in TUNED}
        return {name: value if name in counts else format_e8(value) for name, value in values.items()}

    def _change(self, c: int) -> dict[str, Any]:
        a = self.out.adapt
        return {
            "from_version": int(a.version_before[c]),
            "to_version": int(a.version[c]),
            "why": [name for bit, name in WHY.items() if a.why[c] & bit],
            "params_before": self._tuned(c),
        }


WHY: Final = {
    1: "drawdown_breach",
    2: "reject_spike",
    4: "throttled",
    8: "losing_cycles",
    16: "near_drawdown_limit",
    32: "missing_mark_price",
    64: "healthy",
}
"""What the bits of `Adapted.why` mean."""


class _Ends:
    """Where the journal's rows of each cycle of a stretch begin and end."""

    def __init__(self, journal: Journal, start: int, stop: int) -> None:
        part = slice(start, stop)
        self._intents = [0, *journal.intents_end[part].tolist()]
        self._events = [0, *journal.events_end[part].tolist()]
        self._fills = [0, *journal.fills_end[part].tolist()]

    def intents(self, k: int) -> tuple[int, int]:
        """Return the rows of intents of the k-th cycle of the stretch."""
        return self._intents[k], self._intents[k + 1]

    def events(self, k: int) -> range:
        """Return its rows of events."""
        return range(self._events[k], self._events[k + 1])

    def fills(self, k: int) -> range:
        """Return its rows of fills."""
        return range(self._fills[k], self._fills[k + 1])


def _counts(journal: Journal, events: range, intents: list[Intent]) -> dict[str, int]:
    """Count what happened in a cycle."""
    planned = sum(intent.planned for intent in intents)
    counts = dict.fromkeys(
        ("filled", "rejected", "canceled", "ignored", "throttled", "retries", "giveups", "positions"), 0
    )
    counts |= {"planned": planned, "skipped": len(intents) - planned}
    if events:
        kinds = journal.events.kind[events.start : events.stop].tolist()
        for name, kind in _COUNTED:
            counts[name] = kinds.count(kind)
        filled = journal.events.symbol[events.start : events.stop][
            journal.events.qty[events.start : events.stop] > 0
        ]
        counts["positions"] = len(np.unique(filled))
    return counts


def _intents_summary(counts: dict[str, int]) -> dict[str, Any]:
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


_COUNTED: Final = (
    ("filled", Event.FILLED),
    ("rejected", Event.REJECTED),
    ("canceled", Event.CANCELED),
    ("ignored", Event.DUPLICATE_IGNORED),
    ("throttled", Event.THROTTLED),
    ("retries", Event.RETRY_SCHEDULED),
    ("giveups", Event.RETRY_GIVEUP),
)


def _order_ends(journal: Journal, events: range, time: int) -> dict[int, str]:
    """Return the status at the end of the cycle of the orders that it submitted, by n."""
    e = journal.events
    return {int(e.n[row]): STATUSES[e.status[row]] for row in events if e.time[row] == time}


def _no_trades(reasons: list[Any]) -> str:
    """Return the reason that most symbols share, the first of equals."""
    codes = [row[0] for row in reasons if row[2]]
    common: str = max(codes, key=codes.count) if codes else reasons[0][0]
    return common
