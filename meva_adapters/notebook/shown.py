"""What a notebook's objects show of themselves: as text, and as HTML."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any, Final

import pyarrow as pa
from attrs import field, frozen

from meva_adapters.arrow_tables import STAMP
from meva_adapters.texts.comparison import figure_rows, setting_rows
from meva_adapters.texts.figures_page import (
    SYMBOL_COLUMNS,
    SYMBOLS_NOTE,
    page_lines,
    page_text,
    symbol_rows,
    title,
)
from meva_adapters.texts.layout import drawn_lines
from meva_adapters.texts.why_page import CYCLE_COLUMNS, cycle_rows, head_lines
from meva_adapters.texts.why_page import SYMBOL_COLUMNS as WHY_COLUMNS
from meva_adapters.texts.why_page import symbol_rows as why_rows
from meva_adapters.texts.words import as_text
from meva_core.history.explain_many import Held, Many
from meva_core.history.recorded import told_code
from meva_core.history.window import Window
from meva_core.history.words import Telling, explain

WIDTH: Final = 110
"""Places of a line of text."""

Document = Mapping[str, Any]


def page(document: Document, fingerprint: str) -> str:
    """Return the page of figures as text."""
    return "\n".join((title(document), page_text(document, WIDTH), f"fingerprint {fingerprint}"))


def page_html(document: Document, picture: object, fingerprint: str) -> str:
    """Return the page of figures with a picture as HTML."""
    lines = "".join(
        f"<tr><th>{escape(name)}</th><td>{'<br>'.join(map(escape, parts))}</td></tr>\n"
        for name, parts in page_lines(document)
    )
    return (
        f"<p>{escape(title(document))}</p>\n<table>\n{lines}</table>\n{picture}\n"
        f"{_table(SYMBOL_COLUMNS, list(symbol_rows(document)))}<p>{SYMBOLS_NOTE}</p>\n"
        f"<p>fingerprint <code>{escape(fingerprint)}</code></p>\n"
    )


@frozen(eq=False, repr=False)
class Why:
    """Why many cycles did, or did not, trade: how often each reason held, and how near it came to letting go.

    `cycles` is how many there were, `idle` how many of them placed no order.
    """

    _window: Window
    _many: Many
    _telling: Telling = field(init=False)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "_telling", Telling(self._many.kind, self._many.limits))

    @property
    def cycles(self) -> int:
        """How many cycles were looked at."""
        return self._many.cycles

    @property
    def idle(self) -> int:
        """How many of them placed no order."""
        return self._many.idle

    @property
    def table(self) -> pa.Table:
        """A row for each reason, without `symbol` where it is for whole cycles: in how many it held, in how
        many of these no order was placed, and what was measured where it came nearest to letting go."""
        rows = [self._row(held) for held in self._many.of_cycles()]
        for symbol in self._many.symbols():
            rows += [self._row(held) for held in self._many.of_symbol(symbol)]
        return pa.Table.from_pylist(rows, _WHY)

    def _row(self, held: Held) -> dict[str, Any]:
        nearest = held.nearest
        return {
            "symbol": nearest.scope or None,
            "code": nearest.code,
            "told": told_code(nearest, self._many.limits.largest_position),
            "step": nearest.step,
            "cycles": held.cycles,
            "idle": held.idle,
            "first_ts": held.first_ts,
            "last_ts": held.last_ts,
            "value": nearest.value,
            "limit": nearest.limit,
            "distance": nearest.distance,
            "unit": nearest.unit or None,
            "text": explain(nearest, self._telling),
        }

    def _tables(self) -> Iterator[tuple[Sequence[str], list[list[object]]]]:
        if rows := cycle_rows(self._many, self._telling):
            yield CYCLE_COLUMNS, rows
        yield WHY_COLUMNS, why_rows(self._many, self._telling)

    def __repr__(self) -> str:
        """Return what `meva why --last` prints."""
        parts = ["\n".join(head_lines(self._window, self._many))]
        parts += ["\n".join(drawn_lines(columns, rows, WIDTH)) for columns, rows in self._tables()]
        return "\n\n".join(parts)

    def _repr_html_(self) -> str:
        """Return what a notebook shows."""
        head = "<br>".join(escape(line.strip()) for line in head_lines(self._window, self._many))
        return f"<p>{head}</p>\n" + "".join(_table(columns, rows) for columns, rows in self._tables())


_WHY: Final = pa.schema(
    [
        *((name, pa.string()) for name in ("symbol", "code", "told", "step")),
        *((name, pa.int64()) for name in ("cycles", "idle")),
        *((name, STAMP) for name in ("first_ts", "last_ts")),
        *((name, pa.string()) for name in ("value", "limit", "distance", "unit", "text")),
    ]
)


@frozen(eq=False, repr=False)
class Comparison:
    """Runs side by side: their `names`, `figures` by name with a value for each, and the `settings` that
    differ, by name with a value for each."""

    names: tuple[str, ...]
    _document: Document

    @property
    def figures(self) -> dict[str, list[Any]]:
        """Every figure that is one value, for each run: amounts are Decimals; what is not defined is None."""
        first, *others = self._document["runs"]
        single = [name for name, value in first.items() if not isinstance(value, Mapping | list)]
        return {name: [run[name] for run in (first, *others)] for name in single}

    @property
    def settings(self) -> dict[str, list[Any]]:
        """The settings that are not the same in all runs."""
        return {name: list(values) for name, values in self._document["settings_apart"].items()}

    def _tables(self) -> Iterator[tuple[Sequence[str], list[list[str]]]]:
        yield ("figure", *self.names), list(figure_rows(self._document))
        if rows := list(setting_rows(self._document)):
            yield ("setting", *self.names), rows

    def __repr__(self) -> str:
        """Return what `meva report --compare` prints."""
        parts = ["\n".join(drawn_lines(columns, rows, WIDTH)) for columns, rows in self._tables()]
        return "\n\n".join(parts if self.settings else [*parts, "No setting differs."])

    def _repr_html_(self) -> str:
        """Return what a notebook shows."""
        none = "" if self.settings else "<p>No setting differs.</p>\n"
        return "".join(_table(columns, rows) for columns, rows in self._tables()) + none


def _table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a table; amounts are never cut."""
    cells = [("th", columns), *(("td", list(map(as_text, row))) for row in rows)]
    lines = ("".join(f"<{tag}>{escape(text)}</{tag}>" for text in texts) for tag, texts in cells)
    return "<table>\n" + "\n".join(f"<tr>{line}</tr>" for line in lines) + "\n</table>\n"
