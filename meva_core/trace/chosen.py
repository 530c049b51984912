"""Some cycles of a stretch on their way into rows: what columns of text are made of, each made when it is
first asked for, and once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cached_property, partial
from itertools import islice, pairwise
from typing import Any, Final

import numpy as np
from attrs import frozen

from meva_core.cycle import Out
from meva_core.fingerprint import CycleDigests
from meva_core.ids import canonical_json
from meva_core.journal import Events, Fills, Intents
from meva_core.market import Market
from meva_core.params import Params
from meva_core.rules import Rules
from meva_core.steps.adapt import NO_CHANGE
from meva_core.trace.columns import Names
from meva_core.trace.counts import counted
from meva_core.trace.documents import CODE_NAMES, Documents
from meva_core.trace.ends import Ends
from meva_core.trace.fates import Fates, commonest, own_reasons
from meva_core.trace.happenings import Intent, Listed, intents_of
from meva_core.trace.texts import AMOUNT_PLACES, PLAIN, Texts, cycle_ids, moments, pairs, reason_row, stamps
from meva_core.why import intent_reason

CELLS: Final = 8192
"""Cycles times symbols that are rendered at once: they stay in the processor's cache, and what is on its way
does not grow with the stretch."""
FEW: Final = 256
"""Cycles times symbols that are rendered row by row: for so few, calls by column cost more than they save."""


def _plain() -> Texts:
    return PLAIN


@frozen
class Terms:
    """What is the same in all rows of a book.

    `encode` turns a document into stored JSON. `texts` gives what makes columns of text; it is asked where
    more than `few` cycles times symbols are wanted. `cells` is how many of them are rendered at a time.
    """

    names: Names
    params: Params
    starting_cash: str
    encode: Callable[[Any], str] = canonical_json
    texts: Callable[[], Texts] = _plain
    cells: int = CELLS
    few: int = FEW


class Made(dict[str, Any]):
    """Columns by name, each made when it is first asked for."""

    def __init__(self, make: Callable[[str], Any]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, name: str) -> Any:
        made = self[name] = self._make(name)
        return made


class Chosen:
    """Some cycles of a stretch, in which `rules` held; at least one.

    The journal's first rows are those of cycle `start`, which has the place `seq` in its run. `cycles` are
    places of rows in the columns, int64 [n], in any order; `digests` are theirs. Nothing of `market` and
    `out` is looked at before it is needed: they may be anything that has the attributes of Market and Out.
    """

    def __init__(
        self,
        terms: Terms,
        market: Market,
        rules: Rules,
        out: Out,
        start: int,
        cycles: Any,
        *,
        seq: int = 0,
        digests: Iterable[CycleDigests] | None = None,
    ) -> None:
        self.terms, self.market, self.rules, self.out = terms, market, rules, out
        self.names, self.encode = terms.names, terms.encode
        self.start, self.cycles, self.count = start, cycles, len(cycles)
        self.width = len(terms.names.symbols)
        whole = bool((cycles[1:] == cycles[:-1] + 1).all())
        self.at: Any = slice(int(cycles[0]), int(cycles[-1]) + 1) if whole else cycles
        """Where they lie in the columns; a slice copies nothing."""
        self.seqs: list[int] = (cycles - start + seq).tolist()
        self._seq, self._digests = seq, digests
        self.money = Made(self._money)
        """Totals as text, by name."""

    @cached_property
    def texts(self) -> Texts:
        """What makes columns of text of these cycles."""
        return PLAIN if self.count * self.width <= self.terms.few else self.terms.texts()

    # -- Names and times ------------------------------------------------------------------------------

    @cached_property
    def times(self) -> list[int]:
        """When the cycles were, seconds since 1970."""
        found: list[int] = self.market.time[self.at].tolist()
        return found

    @cached_property
    def _moments(self) -> list[str]:
        return moments(self.market.time[self.at])

    @cached_property
    def ids(self) -> list[str]:
        """The cycles' ids."""
        return cycle_ids(self.names.run_id, self._moments)

    @cached_property
    def stamps(self) -> list[str]:
        """The cycles' times as stored text."""
        return stamps(self._moments)

    @cached_property
    def digests(self) -> list[CycleDigests]:
        """The cycles' digests, which have to be given."""
        assert self._digests is not None, "the digests of the cycles were not given"
        found = list(islice(self._digests, self.count))
        assert len(found) == self.count, f"{len(found)} digests of {self.count} cycles"
        return found

    @cached_property
    def step_digests(self) -> list[tuple[bytes, ...]]:
        """The digests of all cycles, step by step."""
        return list(zip(*(digest.steps for digest in self.digests), strict=True))

    def repeated(self, value: Any) -> list[Any]:
        """Return a column in which all cycles have the same."""
        return [value] * self.count

    # -- What happened --------------------------------------------------------------------------------

    @cached_property
    def ends(self) -> Ends:
        """Which rows of the journal are whose."""
        return Ends(self.out.journal, self.start, self.cycles)

    @cached_property
    def counts(self) -> Made:
        """What was counted, int64 [n] each, by name."""
        return Made(partial(counted, self.out.journal, self.ends, self.width))

    @cached_property
    def journal(self) -> Listed:
        """The cycles' rows of the journal; `ends` says which are whose."""
        tables, ends = self.out.journal, self.ends
        return Listed(
            self._intent_rows,
            self.event_rows,
            Fills(*(column[ends.fills.at].tolist() for column in tables.fills)),
        )

    @cached_property
    def _intent_rows(self) -> Intents:
        return Intents(*(column[self.ends.intents.at].tolist() for column in self.out.journal.intents))

    @cached_property
    def event_rows(self) -> Events:
        """The cycles' order events."""
        return Events(*(column[self.ends.events.at].tolist() for column in self.out.journal.events))

    @cached_property
    def intents(self) -> dict[int, list[Intent]]:
        """The intents of the cycles that have some, by the cycle's place."""
        spans = self.ends.intents
        return {
            k: intents_of(self._intent_rows, spans.of(k), self.ids[k], self.names, self.encode)
            for k in np.flatnonzero(spans.counts).tolist()
        }

    @cached_property
    def final(self) -> list[int]:
        """The cycles' final modes."""
        found: list[int] = self.out.plan.mode[self.at].tolist()
        return found

    @cached_property
    def changed(self) -> Any:
        """The cycles that changed parameters, bool [n]."""
        return self.out.adapt.outcome[self.at] != NO_CHANGE

    def by_turns(self, columns: Iterable[Any], made: Callable[[int], Any]) -> list[Any]:
        """Return what `made` gives for each cycle, which follows from these columns: they stay as they are
        for hundreds of cycles."""
        values = np.column_stack([column[self.at] for column in columns])
        turns = np.flatnonzero((values[1:] != values[:-1]).any(axis=1)) + 1
        found: list[Any] = []
        for first, last in pairwise((0, *turns.tolist(), self.count)):
            found += [made(int(self.cycles[first]))] * (last - first)
        return found

    def _money(self, name: str) -> list[Any]:
        """Return a total as text."""
        account, texts = self.out.account, self.texts
        if name == "drawdown":
            return texts.listed(texts.fixed(account.max_drawdown[self.at], AMOUNT_PLACES))
        halves = (getattr(account, f"{name}_{half}")[self.at] for half in ("whole", "rest"))
        return texts.listed(pairs(texts, *halves))

    # -- Documents and reasons ------------------------------------------------------------------------

    @cached_property
    def symbols(self) -> list[str]:
        """The symbols in JSON."""
        return [self.encode(symbol) for symbol in self.names.symbols]

    @cached_property
    def documents(self) -> Documents:
        """The documents of all these cycles."""
        wished = self.terms.params.strategy != 0
        given = self.symbols, self.market, self.out, self.at, self.count, self.texts
        return Documents(*given, wished=wished)

    @cached_property
    def _least(self) -> Any:
        """The smallest order of each symbol in TRY, int64 [symbols]."""
        return np.maximum(self.rules.min_notional, self.terms.params.min_order_notional)

    @cached_property
    def _fates(self) -> Fates:
        """What became of the symbols; where there was an intent, its code."""
        fates = Fates(self.market, self.out, self.at, self._least, self.terms.params)
        if self.ends.intended.any():
            # By place: columns lie in memory as whoever gave them has them, and reshaped may be a copy.
            places = np.divmod(self._intent_cells, self.width)
            fates.codes[places] = self.out.journal.intents.code[self.ends.intents.at]
        return fates

    @cached_property
    def _intent_cells(self) -> Any:
        """The places of all intents among cycles x symbols, int64 [rows]."""
        rows = self.ends.intents
        return rows.owner * self.width + self.out.journal.intents.symbol[rows.at]

    @cached_property
    def common(self) -> list[str]:
        """The code that most symbols of each cycle share."""
        return [CODE_NAMES[code] for code in commonest(self._fates.codes).tolist()]

    @cached_property
    def reasons(self) -> list[str]:
        """The reasons of every cycle, in JSON: its own, then those of its symbols."""
        texts, terms = self.texts, self.terms
        cells = texts.replaced(self._fates.cells(self.symbols, texts), self._intent_reasons())
        own = own_reasons(self.market, self.out, self.cycles, self.at, self.rules, terms.params, self.encode)
        lists = texts.lists(cells, np.full(self.count, self.width))
        return texts.listed(texts.joined("[", texts.given(own), ",", lists, "]"))

    def _intent_reasons(self) -> dict[int, str]:
        """Return the reason, in JSON, of every intent by its place among cycles x symbols."""
        if not self.ends.intended.any():
            return {}
        rows, found = self._intent_rows, {}
        for row, cell in enumerate(self._intent_cells.tolist()):
            i = rows.symbol[row]
            reason = intent_reason(row, self.names.symbols[i], rows, self.rules, int(self._least[i]))
            found[cell] = self.encode(reason_row(reason))
        return found


def parts_of(
    terms: Terms,
    market: Market,
    rules: Rules,
    out: Out,
    start: int,
    stop: int,
    *,
    cycles: Any = None,
    seq: int = 0,
    digests: Iterable[CycleDigests] | None = None,
) -> Iterator[Chosen]:
    """Yield the cycles [start, stop) of a stretch, or those chosen of them, some at a time, in order.

    `cycles` are places of rows in the columns: a slice, or int64 [n], in the order in which they are wanted.
    `seq` is the place of cycle `start` in its run, `digests` are of the cycles chosen. `rules` held in those.
    """
    wanted = np.arange(start, stop) if cycles is None else cycles
    if isinstance(wanted, slice):
        wanted = np.arange(stop)[wanted]
    wanted = np.asarray(wanted, dtype=np.int64)
    size = max(1, terms.cells // len(terms.names.symbols))
    left = None if digests is None else iter(digests)
    for first in range(0, len(wanted), size):
        some = wanted[first : first + size]
        yield Chosen(terms, market, rules, out, start, some, seq=seq, digests=left)
