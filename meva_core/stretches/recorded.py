"""A recorded run, as far as its columns need it: symbols, parameters, and what its cycles are called."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import product
from typing import Any, Final

from attrs import field, frozen

from meva_core.amounts import format_e8, parse_e8
from meva_core.errors import BadInput, StoreUnready
from meva_core.params import STRATEGY, Params, own_tuned, params_from, with_lists, with_strategy
from meva_core.settings import in_order, settings_recorded
from meva_core.state import State, new_state
from meva_core.stretches.body import ColumnCodec
from meva_core.stretches.layout import Layout, layout_of
from meva_core.stretches.opened import Opened, named, open_stretch, refuse_altered
from meva_core.stretches.rule_rows import KnownSpans
from meva_core.stretches.stored import StoredStretch

UNREADABLE: Final = (ValueError, KeyError, TypeError, IndexError, OverflowError, AttributeError, BadInput)
"""What reading a document may raise that is not as it was written."""


@frozen
class RecordedRun:
    """A run out of its row: enough to open its stretches, to decide its cycles again, and to render them."""

    run_id: str
    symbols: tuple[str, ...]
    params: Params
    quote: str
    starting_cash: int
    _layouts: dict[str, Layout] = field(factory=dict, eq=False, repr=False)
    _spans: KnownSpans = field(factory=KnownSpans, eq=False, repr=False)

    def opened(self, stored: StoredStretch, codec: ColumnCodec, code_version: str | None) -> Opened:
        """Return the columns of one of its stretches; `code_version` is Meva's that wrote the form, if known.

        Raises StoreUnready for a form that this version does not know, StoreCorrupt for damage.
        """
        if self.layout(stored.form) is None:
            refuse_altered(stored)
            writer = f", {code_version}" if code_version else ""
            raise StoreUnready(
                f"the stored columns of {named(stored)} are of form {stored.form[:12]}, which this version "
                "of Meva does not know",
                action=f"read them with the version that wrote them{writer}",
            )
        return open_stretch(stored, self.symbols, self._layouts[stored.form], codec, self._spans)

    def layout(self, form: str) -> Layout | None:
        """Return the layout of a form, None for one that this version does not know."""
        if not self._layouts:
            for bars, aside in product((False, True), repeat=2):
                layout = layout_of(self.params, bars=bars, aside=aside)
                self._layouts[layout.form()] = layout
        return self._layouts.get(form)

    def new_state(self) -> State:
        """Return the state of a book before the first cycle of a run that continues no other."""
        return new_state(
            len(self.symbols), self.starting_cash, own_tuned(self.params), self.params.token_burst
        )

    def starting_text(self) -> str:
        """Return the cash at the start as stored text."""
        return format_e8(self.starting_cash)


def recorded_run(row: Mapping[str, Any], decode: Callable[[str], Any]) -> RecordedRun:
    """Return a run out of its row of stage7_runs.

    Raises BadInput for settings that this version of Meva cannot read.
    """
    record: Mapping[str, Any] = decode(row["settings_json"])
    settings = settings_recorded(record)
    params = params_from(settings, seed=record["seed"], adapt=record["include_adaptation"])
    written = {name: value for name, value in record.items() if in_order(value) != value}
    return RecordedRun(
        row["run_id"],
        tuple(decode(row["symbols_json"])),
        with_strategy(with_lists(params, written), record.get(STRATEGY)),
        settings.stage7.universe_quote_ccy,
        parse_e8(row["starting_cash_try"]),
    )
