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

from meva_core.cycle import Out
from meva_core.errors import BadInput
from meva_core.fingerprint import CycleDigests
from meva_core.ids import canonical_json, cycle_id, stamp_text
from meva_core.journal import Journal
from meva_core.market import Market
from meva_core.modes import Mode
from meva_core.params import Params
from meva_core.reasons import Code, Reason
from meva_core.rules import Rules
from meva_core.steps.adapt import NO_CHANGE
from meva_core.trace.adaptation import change_document, change_row, checkpoint_row
from meva_core.trace.columns import Names, Rendered, Row
from meva_core.trace.counts import COUNTS, counted
from meva_core.trace.documents import MODES, Documents, decisions, intents_summary, modes
from meva_core.trace.flags import ALERTS, QUALITY, alert_flags, quality_flags, raised
from meva_core.trace.happenings import (
    STATUSES,
    Intent,
    Orders,
    event_rows,
    fill_rows,
    intent_rows,
    intents_of,
    key_rows,
    listed,
)
from meva_core.trace.texts import AMOUNT_PLACES, Texts, pairs, plain_texts, reason_row
from meva_core.why import Fates, cycle_reasons

FULL: Final = "full"
CHANGES: Final = "changes"
_LEDGER: Final = ("gross", "realized", "unrealized", "net", "fees", "slippage", "turnover", "equity")
"""The totals of stage7_ledger_metrics, in the order of its columns."""
_ORDERS: Final = ("planned", "skipped", "planned", "filled", "rejected", "canceled")
"""The counts of stage7_run_metrics, in the order of its columns."""
_MONEY: Final = ("equity", "gross", "net", "fees", "slippage")
"""The totals of stage7_run_metrics that come before its drawdown."""
_NO_INTENTS: Final[list[Intent]] = []
_UNRESTRICTED: Final = reason_row(Reason(Code.OK.text, "assess"))
"""What `cycle_reasons` gives where no rule fired and every mode is NORMAL."""
_OBSERVE_ONLY: Final = int(Mode.OBSERVE_ONLY)
_NO_LATENCIES: Final = (0,) * 7
"""Cycles are run by the thousand: there is no wall-clock time of one."""


@define
class Renderer:
    """Renders the stretches of one book, in order.

    `encode` turns a document into stored JSON; `seq` is the place of the next cycle in the run, `last_mode`
    the final mode of the one before (-1 before the first), `gross` what open orders have traded by then
    (`state.open_gross`). Raises BadInput for a `level` that is neither
    `full` nor `changes`.
    """

    names: Names
    params: Params
    starting_cash: str
    level: str = FULL
    encode: Callable[[Any], str] = canonical_json
    texts: Texts = plain_texts
    seq: int = 0
    last_mode: int = -1
    gross: dict[tuple[int, int], int] = field(factory=dict)

    def __attrs_post_init__(self) -> None:
        if self.level not in (FULL, CHANGES):
            raise BadInput(f"level: {self.level!r} is no level of the trace; expected {FULL} or {CHANGES}")

    def render(
        self,
        market: Market,
        rules: Rules,
        out: Out,
        start: int,
        stop: int,
        digests: Iterable[CycleDigests],
    ) -> Rendered:
        """Return the rows of cycles [start, stop) of a stretch, in which `rules` held."""
        stretch = _Stretch(self, market, rules, out, start, stop)
        for c, digest in zip(range(start, stop), digests, strict=True):
            stretch.cycle(c, digest)
        return stretch.finish()


class _Stretch:
    """One stretch on its way into rows."""

    def __init__(
        self, renderer: Renderer, market: Market, rules: Rules, out: Out, start: int, stop: int
    ) -> None:
        self.r = renderer
        self.market = market
        self.rules = rules
        self.fates = Fates(renderer.names.symbols, rules, renderer.params)
        self.out = out
        self.start = start
        self.done = Rendered()
        self.orders = Orders(renderer.names, renderer.gross)
        self.documents = Documents(renderer.names.symbols, market, out, start, stop, renderer.texts)
        self.summaries: dict[tuple[int, ...], str] = {}
        self.journal = listed(out.journal, stop - 1)
        self.ends = _Ends(out.journal, start, stop)
        part = slice(start, stop)
        self._money(part)
        self._tallies(part)
        assessed = np.column_stack([column[part] for column in out.assess])
        self.inputs_hashes = [hashlib.sha256(row.tobytes()).hexdigest() for row in assessed]

    def _money(self, part: slice) -> None:
        """Turn the totals of the stretch into text."""
        account, texts = self.out.account, self.r.texts
        money = {
            name: pairs(
                texts, getattr(account, f"{name}_whole")[part], getattr(account, f"{name}_rest")[part]
            )
            for name in (*_LEDGER, "cash")
        }
        drawdown = texts(account.max_drawdown[part], AMOUNT_PLACES, signed=True)
        start = [self.r.starting_cash] * len(drawdown)
        ledger = [money[name] for name in _LEDGER]
        self.ledger = list(zip(*ledger, drawdown, drawdown, money["cash"], start, strict=True))
        self.money = list(
            zip(*(money[name] for name in _MONEY), drawdown, drawdown, money["turnover"], strict=True)
        )

    def _tallies(self, part: slice) -> None:
        """Count and flag all cycles of the stretch."""
        r, out, plan = self.r, self.out, self.out.plan
        counts = counted(out.journal, len(r.names.symbols), part.start, part.stop)
        quality = quality_flags(self.market, out, part, counts)
        alerts = alert_flags(out, part, counts, r.params.reject_spike, r.params.retry_alert)
        self.quality, self.alerts = quality.tolist(), alerts.tolist()
        rows = zip(*(counts[name].tolist() for name in COUNTS), strict=True)
        self.counts = [dict(zip(COUNTS, row, strict=True)) for row in rows]
        self.universe_sizes = out.select.selected[part].sum(axis=1).tolist()
        self.base, self.final = plan.base_mode[part].tolist(), plan.mode[part].tolist()
        self.changed = (out.adapt.outcome[part] != NO_CHANGE).tolist()
        restricting = plan.base_mode[part] | plan.override_mode[part] | plan.rules_mode[part]
        standing = np.column_stack([column[part] for column in (*_standing(out), out.assess.until)])
        self.as_before = [False, *(standing[1:] == standing[:-1]).all(axis=1).tolist()]
        unrestricted = (out.assess.fired[part] | restricting | plan.cycle_code[part]) == 0
        self.unrestricted = unrestricted.tolist()

    def finish(self) -> Rendered:
        """Add what only the end of the stretch knows: how its orders stand."""
        self.done.rows["stage7_orders"] += self.orders.rows()
        self.done.order_changes += self.orders.changes()
        self.orders.drop_ended()
        return self.done

    def cycle(self, c: int, digest: CycleDigests) -> None:
        """Render cycle c."""
        r, k = self.r, c - self.start
        time = int(self.market.time[c])
        cycle, ts = cycle_id(r.names.run, time), stamp_text(time)
        first, last = self.ends.intents(k)
        intents = _NO_INTENTS
        if last > first:
            intents = intents_of(self.journal, first, last, cycle, r.names, r.encode)
        events, fills = self.ends.events(k), self.ends.fills(k)
        mode = self.final[k]
        quiet = not intents and not events and not fills and mode == r.last_mode and not self.changed[k]
        brief = quiet and r.level == CHANGES
        reasons = self._reasons(c, first, intents)
        if not self.as_before[k]:
            self._restate(c)
        self._trace(c, cycle, ts, intents, events, reasons, brief)
        rows = self.done.rows
        rows["stage7_ledger_metrics"].append((cycle, ts, r.names.run, *self.ledger[k]))
        rows["stage7_run_metrics"].append(self._metrics(k, cycle, ts, len(events), len(fills), reasons))
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
                self._summary(k),
                self.mode_text,
                encode(decisions(intents, self._order_ends(events, c))) if intents else "[]",
                encode(docs.portfolio(k)),
                f"[{','.join(intent.text for intent in intents)}]",
                version,
                encode(change_document(self.out, c)) if self.changed[k] else "{}",
                encode(docs.measure(k)),
                encode(docs.account(k)),
            )
        row: Row = (cycle, ts, r.names.run, *body, encode(reasons))
        self.done.rows["stage7_cycle_trace"].append(row)

    def _metrics(self, k: int, cycle: str, ts: str, events: int, fills: int, reasons: list[Any]) -> Row:
        encode, counts = self.r.encode, self.counts[k]
        quality, alerts = self.quality[k], self.alerts[k]
        return (
            cycle,
            ts,
            self.r.names.run,
            MODES[self.base[k]],
            MODES[self.final[k]],
            self.universe_sizes[k],
            *(counts[name] for name in _ORDERS),
            *(fills, fills, fills, counts["positions"]),
            *(events, counts["ignored"]),
            *self.money[k],
            *_NO_LATENCIES,
            encode(raised(quality, QUALITY)) if quality else "{}",
            encode(raised(alerts, ALERTS)) if alerts else "{}",
            None if counts["planned"] else _no_trades(reasons),
        )

    def _decision(self, c: int, cycle: str, ts: str) -> Row:
        k = c - self.start
        return (
            cycle,
            self.r.names.run,
            ts,
            MODES[self.out.assess.verdict[c]],
            self.fired_text,
            self.until,
            self.inputs_hashes[k],
            int(self.final[k] < _OBSERVE_ONLY),
            1,
        )

    def _happenings(
        self, time: int, cycle: str, ts: str, intents: list[Intent], events: range, fills: range
    ) -> None:
        rows, r, journal = self.done.rows, self.r, self.journal
        if intents:
            rows["stage7_order_intents"] += intent_rows(intents, cycle, ts, r.names)
            rows["stage7_idempotency_keys"] += key_rows(intents, ts, r.params)
            self.orders.submit(time, intents)
        if events:
            rows["stage7_order_events"] += event_rows(journal, events, cycle, ts, r.names, r.encode)
            self.orders.happened(journal, events, ts)
        if fills:
            rows["ledger_events"] += fill_rows(journal, fills, cycle, ts, r.names)
            self.orders.filled(journal, fills)

    def _adaptation(self, c: int, cycle: str, ts: str) -> None:
        r, rows = self.r, self.done.rows
        if self.out.adapt.became_good[c]:
            rows["stage7_checkpoints"].append(checkpoint_row(self.out, c, ts, r.names, r.encode))
        if self.changed[c - self.start]:
            rows["stage7_param_changes"].append(change_row(self.out, c, cycle, ts, r.names, r.encode))

    # -- Parts of documents ---------------------------------------------------------------------------

    def _order_ends(self, events: range, c: int) -> dict[int, str]:
        """Return the status at the end of the cycle of the orders that it submitted, by n."""
        e, time = self.journal.events, int(self.market.time[c])
        return {e.n[row]: STATUSES[e.status[row]] for row in events if e.time[row] == time}

    def _reasons(self, c: int, first_intent: int, intents: list[Intent]) -> list[Any]:
        r = self.r
        if self.unrestricted[c - self.start]:
            found = [_UNRESTRICTED]
        else:
            reasons = cycle_reasons(c, self.market, self.out, self.rules, r.params)
            found = [reason_row(reason) for reason in reasons]
        by_symbol = {intent.symbol: first_intent + intent.n for intent in intents}
        for i in range(len(r.names.symbols)):
            reason = self.fates.reason(c, i, self.market, self.out, by_symbol.get(i))
            found.append(reason_row(reason))
        return found

    def _restate(self, c: int) -> None:
        """Render the modes and what they came from: they stay as they are for hundreds of cycles."""
        a = self.out.assess
        self.until = stamp_text(int(a.until[c])) if a.floor[c] else None
        document = modes(self.out, c, self.until)
        self.mode_text = self.r.encode(document)
        self.fired_text = self.r.encode(document["risk_reasons"])

    def _summary(self, k: int) -> str:
        """Return how many intents became what; few combinations make up nearly all cycles."""
        counts = self.counts[k]
        key = tuple(counts[name] for name in _ORDERS)
        text = self.summaries.get(key)
        if text is None:
            text = self.summaries[key] = self.r.encode(intents_summary(counts))
        return text


def _standing(out: Out) -> tuple[Any, ...]:
    """Return the columns that the modes and their reasons are made of."""
    plan, assess = out.plan, out.assess
    parts = (plan.base_mode, plan.override_mode, plan.rules_mode, plan.mode)
    return (*parts, assess.verdict, assess.fired, assess.floor)


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


def _no_trades(reasons: list[Any]) -> str:
    """Return the reason that most symbols share, the first of equals."""
    codes = [row[0] for row in reasons if row[2]]
    common: str = max(codes, key=codes.count) if codes else reasons[0][0]
    return common
