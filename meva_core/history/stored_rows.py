"""Two cycles compared by their stored rows, and what such a comparison covers.

Runs of ours tell all that is stored of a cycle but the market. Two files of the earlier system are compared
by what both stored; a cycle of it and one of ours by what both have in one form.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from itertools import zip_longest
from typing import Any, Final

from attrs import define, field

from meva_core.history.comparable import comparable, is_ratio
from meva_core.history.differences import first_difference
from meva_core.history.stored_cycles import (
    ADAPT,
    ENDS,
    MOVING,
    OURS_ONLY,
    PARTS,
    TABLES,
    UNTIL,
    Cycle,
    opened,
    sources_of,
)
from meva_core.history.window import LEGACY, Decode

_WORDS: Final[Mapping[str, str]] = {
    "mode_base": "modes",
    "mode_final": "modes",
    "mode_json": "modes",
    "reasons_json": "reasons",
    "universe_scores_json": "scores",
    "selected_universe_json": "universe",
    "portfolio_plan_json": "plans",
    "risk_decisions": "risk decisions",
    "intents": "intents",
    "order_intents_json": "intents",
    "orders": "orders",
    "order_ends": "orders",
    "order_events": "order events",
    "fills": "fills",
    "account_json": "holdings",
    "equity_try": "equity",
    "param_change_json": "adaptation",
    "active_param_version": "adaptation",
}
"""What parts are called when people are told of them; all others are `_FIGURES`."""
_FIGURES: Final = "ledger and counts"
_SHARED: Final = frozenset(
    {
        "mode_base",
        "mode_final",
        "selected_universe_json",
        "intents",
        "orders",
        "gross_pnl_try",
        "realized_pnl_try",
        "unrealized_pnl_try",
        "net_pnl_try",
        "fees_try",
        "slippage_try",
        "turnover_try",
        "equity_try",
        "intents_planned_count",
        "oms_filled_count",
        "oms_rejected_count",
    }
)
"""The parts that cycles of the earlier system and ours have in one form."""
_UNSHARED: Final = frozenset({*OURS_ONLY, "intent_json"})
_COLUMNS: Final = {table.name: table for table in TABLES}


@define
class StoredRows:
    """Compares cycles of two runs by their rows, and says what it could compare.

    `lacking` is what an upgrade had to add to one of the files (`table X`, `column X.Y`): its cycles never
    had it. `step` is the grid of TRY amounts, None for exact amounts; `end` is where the window ends.
    """

    run_ids: tuple[str, str]
    lacking: frozenset[str]
    decode: Decode
    step: Decimal | None = None
    end: datetime | None = None
    adaptation: bool = False
    brief: int = 0
    """Cycles so far of which a brief trace left the documents out."""
    _parts: list[str] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._parts = [name for name in PARTS if self._compares(name)]

    def difference(self, one: Cycle, other: Cycle) -> tuple[str, Any, Any] | None:
        """Return (field, value of A, value of B) of the first part that differs, None if none does."""
        brief = one.brief or other.brief
        self.brief += brief
        for name in self._parts:
            if brief and name.endswith("_json") and name != "reasons_json":
                continue
            found = self._part(name, one.parts[name], other.parts[name])
            if found is not None:
                return found
        return None

    def compared(self) -> list[str]:
        """Return what is compared of every cycle, in words."""
        found = list(dict.fromkeys(_WORDS.get(name, _FIGURES) for name in self._parts))
        grid = [] if self.step is None else [f"TRY amounts rounded to multiples of {self.step:f}"]
        return ["cycle times", *found, *grid]

    def not_compared(self) -> list[str]:
        """Return what is not compared, in words."""
        told = {_WORDS.get(name, _FIGURES) for name in self._parts}
        words = dict.fromkeys(_WORDS.get(name, _FIGURES) for name in PARTS if self._belongs(name))
        found = [word for word in words if word not in told]
        found += [f"{name} (a file never had it)" for name in self._missed_columns()]
        found += [] if self.adaptation else ["adaptation (--include-adaptation)"]
        if self.step is not None:
            found += ["coin quantities but by what they are worth", "drawdown ratios"]
        if LEGACY in self.run_ids:
            found += ["ids, hashes over ids, times of the wall clock"]
        found += ["market data"]
        if self.brief:
            found += [f"documents of {self.brief} quiet cycles, which --trace changes left out"]
        return found

    def _missed_columns(self) -> list[str]:
        """Return the columns that a file lacks of the tables that are compared."""
        if LEGACY not in self.run_ids:
            return []
        columns = [
            f"{table.table}.{column}"
            for table in TABLES
            if table.name in self._parts
            for column, name in table.columns.items()
            if name not in OURS_ONLY
        ]
        return [column for column in columns if f"column {column}" in self.lacking]

    def _belongs(self, name: str) -> bool:
        """Whether a part is one that runs of these kinds have, and that was asked for."""
        if name in ADAPT and not self.adaptation:
            return False
        legacy = [one == LEGACY for one in self.run_ids]
        if name == ENDS:
            return not any(legacy)
        table = _COLUMNS.get(name)
        if table is not None:
            return any(table.legacy if old else table.own for old in legacy)
        return name not in OURS_ONLY or not all(legacy)

    def _compares(self, name: str) -> bool:
        if not self._belongs(name) or (self.step is not None and is_ratio(name)):
            return False
        if LEGACY not in self.run_ids:
            return True
        one_form = set(self.run_ids) == {LEGACY} or name in _SHARED
        return one_form and not self.lacking & set(sources_of(name))

    def _part(self, name: str, a: Any, b: Any) -> tuple[str, Any, Any] | None:
        if a == b:
            return None
        pair = [opened(name, part, self.decode) for part in (a, b)]
        if name in _COLUMNS:
            pair = [[self._known(name, row) for row in rows] for rows in pair]
        if name == "orders":
            self._let_go_what_moved_later(*pair)
        elif name == ENDS:
            pair = [[{k: v for k, v in row.items() if k != UNTIL} for row in rows] for rows in pair]
        first, second = (comparable(part, self.step, name) for part in pair)
        return first_difference(first, second, name.removesuffix("_json"))

    def _known(self, name: str, row: Mapping[str, Any]) -> dict[str, Any]:
        """Return a row without the columns that one of the files lacks, or that only ours have."""
        if LEGACY not in self.run_ids:
            return dict(row)
        table = _COLUMNS[name].table
        gone = {column for column in row if f"column {table}.{column}" in self.lacking}
        gone |= {column for column in row if column in OURS_ONLY}
        if set(self.run_ids) != {LEGACY}:
            gone |= _UNSHARED
        return {column: value for column, value in row.items() if column not in gone}

    def _let_go_what_moved_later(self, a: list[dict[str, Any]], b: list[dict[str, Any]]) -> None:
        """Take out of orders how they stand where a later cycle, which may differ, has a part in it.

        Of ours that shows in the cycle that ends an order. The earlier system's rows do not tell it: there
        the end of the window decides, since runs end at other times.
        """
        for one, other in zip_longest(a, b):
            rows = [row for row in (one, other) if row is not None]
            until = [row.pop(UNTIL, None) for row in rows]
            later = self.end is not None and any(isinstance(ts, datetime) and ts > self.end for ts in until)
            if later or LEGACY not in self.run_ids:
                for row in rows:
                    for column in MOVING:
                        row.pop(column, None)
