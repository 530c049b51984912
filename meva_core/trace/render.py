"""Rows of a run's cycles, rendered stretch by stretch.

`full` keeps everything of every cycle. `changes` keeps of a quiet cycle, one in which nothing was decided and
nothing happened, only metrics, reasons and digests. The fingerprint is the same at either level.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import compress
from typing import Any, Final

import numpy as np
from attrs import define, field

from meva_core.cycle import Out
from meva_core.errors import BadInput
from meva_core.fingerprint import CycleDigests
from meva_core.ids import canonical_json
from meva_core.market import Market
from meva_core.modes import Mode
from meva_core.params import Params
from meva_core.rules import Rules
from meva_core.steps.adapt import NO_CHANGE
from meva_core.trace.adaptation import change_document, change_row, checkpoint_row
from meva_core.trace.columns import Names, Rendered, Row
from meva_core.trace.counts import counted
from meva_core.trace.documents import CODE_NAMES, MODES, Documents, decisions, intents_summary, standing
from meva_core.trace.fates import Fates, commonest, own_reasons
from meva_core.trace.flags import ALERTS, QUALITY, alert_flags, quality_flags, raised
from meva_core.trace.happenings import (
    STATUSES,
    Ends,
    Intent,
    Orders,
    event_rows,
    fill_rows,
    intent_rows,
    intents_of,
    key_rows,
    listed,
)
from meva_core.trace.texts import AMOUNT_PLACES, PLAIN, Texts, cycle_names, pairs, reason_row
from meva_core.why import intent_reason

FULL: Final = "full"
CHANGES: Final = "changes"
CELLS: Final = 8192
"""Cycles times symbols whose documents are made at once: they stay in the processor's cache, and what is on
its way does not grow with the stretch."""
_LEDGER: Final = ("gross", "realized", "unrealized", "net", "fees", "slippage", "turnover", "equity")
"""The totals of stage7_ledger_metrics, in the order of its columns."""
_ORDERS: Final = ("planned", "skipped", "planned", "filled", "rejected", "canceled")
"""The counts of stage7_run_metrics, in the order of its columns."""
_MONEY: Final = ("equity", "gross", "net", "fees", "slippage")
"""The totals of stage7_run_metrics that come before its drawdown."""
_OBSERVE_ONLY: Final = int(Mode.OBSERVE_ONLY)
_LATENCIES: Final = 7
"""So many wall-clock times a cycle would have: cycles are run by the thousand, and they are 0."""
_BRIEF: Final = ("[]", "[]", "{}", None, None)
"""What stands for the documents of a cycle that are not kept."""


@define
class Renderer:
    """Renders the stretches of one book, in order.

    `encode` turns a document into stored JSON; `seq` is the place of the next cycle in the run, `last_mode`
    the final mode of the one before (-1 before the first), `gross` what open orders have traded by then
    (`state.open_gross`). `cells` is how many cycles times symbols are rendered at a time. Raises BadInput for
    a `level` that is neither `full` nor `changes`.
    """

    names: Names
    params: Params
    starting_cash: str
    level: str = FULL
    encode: Callable[[Any], str] = canonical_json
    texts: Texts = PLAIN
    seq: int = 0
    last_mode: int = -1
    gross: dict[tuple[int, int], int] = field(factory=dict)
    cells: int = CELLS
    symbols: list[str] = field(init=False)
    """The symbols in JSON."""

    def __attrs_post_init__(self) -> None:
        if self.level not in (FULL, CHANGES):
            raise BadInput(f"level: {self.level!r} is no level of the trace; expected {FULL} or {CHANGES}")
        self.symbols = [self.encode(symbol) for symbol in self.names.symbols]

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
        return _Stretch(self, market, rules, out, start, stop).render(digests)


class _Stretch:
    """One stretch on its way into rows: all cycles by column, then those one by one in which something
    happened."""

    def __init__(
        self, renderer: Renderer, market: Market, rules: Rules, out: Out, start: int, stop: int
    ) -> None:
        self.r, self.market, self.rules, self.out, self.start = renderer, market, rules, out, start
        # The smallest order of each symbol in TRY, int64 [symbols].
        self.least = np.maximum(rules.min_notional, renderer.params.min_order_notional)
        self.part = part = slice(start, stop)
        self.count = stop - start
        self.journal = listed(out.journal, stop - 1)
        self.ends = Ends(out.journal, start, stop)
        self.times = market.time[part].tolist()
        self.ids, self.stamps = cycle_names(renderer.names.run_id, market.time[part])
        self.runs = [renderer.names.run_id] * self.count
        self.counts = counted(out.journal, len(renderer.symbols), start, stop)
        self.final = out.plan.mode[part].tolist()
        self.changed = out.adapt.outcome[part] != NO_CHANGE
        self.intents = self._intents()

    def render(self, digests: Iterable[CycleDigests]) -> Rendered:
        """Return all rows, and leave the renderer where the next stretch begins."""
        r, done = self.r, Rendered()
        seqs = range(r.seq, r.seq + self.count)
        told = self._told()
        modes, fired, until = standing(self.out, self.part, r.encode)
        reasons, common = self._reasons()
        money = self._money()
        done.rows["stage7_cycle_trace"] = self._trace(told, modes, reasons)
        done.rows["stage7_ledger_metrics"] = self._ledger(money)
        done.rows["stage7_run_metrics"] = self._metrics(money, common)
        done.rows["stage7_cycle_digests"] = [
            (cycle, r.names.run_id, seq, ts, *digest.steps, digest.adapt, digest.link)
            for cycle, seq, ts, digest in zip(self.ids, seqs, self.stamps, digests, strict=True)
        ]
        done.rows["stage7_risk_decisions"] = list(compress(self._decisions(fired, until), told.tolist()))
        self._happenings(done)
        if r.params.adapt:
            self._adaptation(done.rows)
        r.seq, r.last_mode = seqs.stop, self.final[-1]
        return done

    def _intents(self) -> dict[int, list[Intent]]:
        """Return the intents of the cycles that have some."""
        r = self.r
        return {
            k: intents_of(self.journal, *self.ends.intents(k), self.ids[k], r.names, r.encode)
            for k in np.flatnonzero(self.ends.intended).tolist()
        }

    def _told(self) -> Any:
        """Return which cycles keep their documents, bool [cycles]: all, or at level `changes` those in which
        something was decided or happened."""
        if self.r.level == FULL:
            return np.ones(self.count, dtype=bool)
        moved = np.diff(self.final, prepend=self.r.last_mode) != 0
        return self.ends.intended | self.ends.happened | moved | self.changed

    # -- Rows of all cycles ---------------------------------------------------------------------------

    def _trace(self, told: Any, modes: list[str], reasons: list[str]) -> list[Row]:
        encode, count = self.r.encode, self.count
        decided, intended, change = ["[]"] * count, ["[]"] * count, ["{}"] * count
        for k, intents in self.intents.items():
            decided[k] = encode(decisions(intents, self._order_ends(k)))
            intended[k] = f"[{','.join(intent.text for intent in intents)}]"
        for k in np.flatnonzero(self.changed).tolist():
            change[k] = encode(change_document(self.out, self.start + k))
        summaries = self._summaries()
        for k in np.flatnonzero(~told).tolist():
            modes[k] = summaries[k] = "{}"
        universe, ranking, portfolio, measured, account = self._documents(told)
        versions = self.out.adapt.version_before[self.part].tolist()
        return list(
            zip(
                *(self.ids, self.stamps, self.runs, universe, ranking, summaries, modes, decided, portfolio),
                *(intended, versions, change, measured, account, reasons),
                strict=True,
            )
        )

    def _documents(self, told: Any) -> list[list[Any]]:
        """Return the documents of all cycles, kind by kind; something empty where they are not told."""
        r, found = self.r, [[nothing] * self.count for nothing in _BRIEF]
        for cycles in self._blocks(np.flatnonzero(told)):
            docs = Documents(r.symbols, self.market, self.out, self.start + cycles, r.texts)
            kinds = (docs.universe, docs.ranking, docs.portfolio, docs.measure, docs.account)
            for texts, kind in zip(found, kinds, strict=True):
                for k, text in zip(cycles.tolist(), r.texts.listed(kind()), strict=True):
                    texts[k] = text
        return found

    def _summaries(self) -> list[str]:
        """Return how many intents became what; few combinations make up nearly all cycles."""
        found: dict[tuple[int, ...], str] = {}
        names = tuple(dict.fromkeys(_ORDERS))
        rows = list(zip(*(self.counts[name].tolist() for name in names), strict=True))
        for row in set(rows):
            found[row] = self.r.encode(intents_summary(dict(zip(names, row, strict=True))))
        return [found[row] for row in rows]

    def _money(self) -> dict[str, list[Any]]:
        """Return the totals of the stretch as text."""
        account, texts, part = self.out.account, self.r.texts, self.part
        money = {
            name: pairs(
                texts, getattr(account, f"{name}_whole")[part], getattr(account, f"{name}_rest")[part]
            )
            for name in (*_LEDGER, "cash")
        }
        money["drawdown"] = texts.fixed(account.max_drawdown[part], AMOUNT_PLACES)
        return {name: texts.listed(column) for name, column in money.items()}

    def _ledger(self, money: Mapping[str, list[Any]]) -> list[Row]:
        names = (*_LEDGER, "drawdown", "drawdown", "cash")
        starting = [self.r.starting_cash] * self.count
        return list(
            zip(self.ids, self.stamps, self.runs, *(money[name] for name in names), starting, strict=True)
        )

    def _metrics(self, money: Mapping[str, list[Any]], common: list[str]) -> list[Row]:
        r, out, part, counts = self.r, self.out, self.part, self.counts
        modes = (out.plan.base_mode[part].tolist(), self.final)
        numbers = {name: column.tolist() for name, column in counts.items()}
        quality = quality_flags(self.market, out, part, counts)
        alerts = alert_flags(out, part, counts, r.params.reject_spike, r.params.retry_alert)
        fills = self.ends.counts("fills")
        totals = (*_MONEY, "drawdown", "drawdown", "turnover")
        none = [None if planned else code for planned, code in zip(numbers["planned"], common, strict=True)]
        return list(
            zip(
                *(self.ids, self.stamps, self.runs),
                *([MODES[mode] for mode in column] for column in modes),
                out.select.selected[part].sum(axis=1).tolist(),
                *(numbers[name] for name in _ORDERS),
                *(fills, fills, fills, numbers["positions"]),
                *(self.ends.counts("events"), numbers["ignored"]),
                *(money[name] for name in totals),
                *([0] * self.count for _ in range(_LATENCIES)),
                *(self._raised(quality, QUALITY), self._raised(alerts, ALERTS), none),
                strict=True,
            )
        )

    def _raised(self, flags: Any, names: tuple[str, ...]) -> list[str]:
        bits = flags.tolist()
        texts = {each: self.r.encode(raised(each, names)) for each in set(bits)}
        return [texts[each] for each in bits]

    def _decisions(self, fired: list[str], until: list[str | None]) -> Iterable[Row]:
        """Return what was decided about risk, with the hash of all that it was decided on."""
        assess = self.out.assess
        assessed = np.column_stack([column[self.part] for column in assess])
        return zip(
            *(self.ids, self.runs, self.stamps),
            [MODES[mode] for mode in assess.verdict[self.part].tolist()],
            *(fired, until),
            [hashlib.sha256(row).hexdigest() for row in assessed],
            [int(mode < _OBSERVE_ONLY) for mode in self.final],
            [1] * self.count,
            strict=True,
        )

    # -- Reasons --------------------------------------------------------------------------------------

    def _reasons(self) -> tuple[list[str], list[str]]:
        """Return the reasons of every cycle, and the code that most of its symbols share."""
        r, texts, width = self.r, self.r.texts, len(self.r.symbols)
        intents = self._intent_reasons()
        own = own_reasons(self.market, self.out, self.part, self.rules, r.params, r.encode)
        reasons: list[str] = []
        common: list[str] = []
        for cycles in self._blocks(np.arange(self.count)):
            first, last = int(cycles[0]), int(cycles[-1]) + 1
            part = slice(self.start + first, self.start + last)
            fates = Fates(self.market, self.out, part, self.least, r.params)
            bounds = range(first * width, last * width)
            told = {place - bounds.start: found for place, found in intents.items() if place in bounds}
            fates.codes.reshape(-1)[list(told)] = [code for code, _ in told.values()]
            cells = texts.replaced(
                fates.cells(r.symbols, texts), {at: text for at, (_, text) in told.items()}
            )
            heads = texts.given(own[first:last])
            lists = texts.lists(cells, np.full(last - first, width))
            reasons += texts.listed(texts.joined("[", heads, ",", lists, "]"))
            common += [CODE_NAMES[code] for code in commonest(fates.codes).tolist()]
        return reasons, common

    def _intent_reasons(self) -> dict[int, tuple[int, str]]:
        """Return code and reason, in JSON, of every intent by its place among cycles x symbols."""
        r, rows = self.r, self.journal.intents
        found = {}
        for k, intents in self.intents.items():
            first, _ = self.ends.intents(k)
            for intent in intents:
                row, i = first + intent.n, intent.symbol
                reason = intent_reason(row, r.names.symbols[i], rows, self.rules, int(self.least[i]))
                found[k * len(r.symbols) + i] = (rows.code[row], r.encode(reason_row(reason)))
        return found

    # -- Rows of what happened ------------------------------------------------------------------------

    def _happenings(self, done: Rendered) -> None:
        rows, r, journal = done.rows, self.r, self.journal
        orders = Orders(r.names, r.gross)
        for k in np.flatnonzero(self.ends.intended | self.ends.happened).tolist():
            cycle, ts, intents = self.ids[k], self.stamps[k], self.intents.get(k)
            events, fills = self.ends.events(k), self.ends.fills(k)
            if intents:
                rows["stage7_order_intents"] += intent_rows(intents, cycle, ts, r.names)
                rows["stage7_idempotency_keys"] += key_rows(intents, ts, r.params)
                orders.submit(self.times[k], intents)
            rows["stage7_order_events"] += event_rows(journal, events, cycle, ts, r.names, r.encode)
            orders.happened(journal, events, ts)
            rows["ledger_events"] += fill_rows(journal, fills, cycle, ts, r.names)
            orders.filled(journal, fills)
        rows["stage7_orders"] += orders.rows()
        done.order_changes += orders.changes()
        orders.drop_ended()

    def _adaptation(self, rows: dict[str, list[Row]]) -> None:
        r, out = self.r, self.out
        for k in np.flatnonzero(out.adapt.became_good[self.part]).tolist():
            rows["stage7_checkpoints"].append(
                checkpoint_row(out, self.start + k, self.stamps[k], r.names, r.encode)
            )
        for k in np.flatnonzero(self.changed).tolist():
            row = change_row(out, self.start + k, self.ids[k], self.stamps[k], r.names, r.encode)
            rows["stage7_param_changes"].append(row)

    def _order_ends(self, k: int) -> dict[int, str]:
        """Return the status at the end of the cycle of the orders that it submitted, by n."""
        e, time = self.journal.events, self.times[k]
        return {e.n[row]: STATUSES[e.status[row]] for row in self.ends.events(k) if e.time[row] == time}

    def _blocks(self, cycles: Any) -> Iterator[Any]:
        """Yield some of the cycles at a time, in order."""
        size = max(1, self.r.cells // len(self.r.symbols))
        for first in range(0, len(cycles), size):
            yield cycles[first : first + size]
