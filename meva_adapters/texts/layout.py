"""Tables, pairs and lines within the width of a terminal.

Nothing is cut. What does not fit is wrapped between words; columns for which there is no room go, with their
names, to lines of their own under the row. Only a word wider than a whole line is broken, and an amount not
even then.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Final

from attrs import define

from meva_adapters.texts.words import as_text

GAP: Final = 2
INDENT: Final = 4
LEAST: Final = 24
"""Words in a column narrower than this are hard to read."""
MOST_LINES: Final = 3
"""A cell that would take more lines than this is not worth a column."""
OWN_LINE: Final = "to do"
"""The column that is the first to leave a table that is too wide: what to do is read on its own."""
_AMOUNT: Final = re.compile(r"[-+]?[0-9.]+[,;]?")


def wide(text: str) -> int:
    """Return how many places of a terminal a text takes."""
    if text.isascii():
        return len(text)
    # Imported here: hardly any text needs it.
    from rich.cells import cell_len

    return cell_len(text)


def wrapped(text: str, width: int, hanging: int = 0) -> list[str]:
    """Return a text as lines of at most `width` places, those after the first indented by `hanging`."""
    if wide(text) <= width:
        return [text]
    begin = " " * (len(text) - len(text.lstrip(" ")))
    lines, line = [], ""
    for word in text.split():
        for piece in _pieces(word, width - max(len(begin), hanging)):
            if line and wide(line) + 1 + wide(piece) > width:
                lines.append(line)
                line = ""
            line = f"{line} {piece}" if line else (" " * hanging if lines else begin) + piece
    return [*lines, line]


def _pieces(word: str, width: int) -> list[str]:
    """Return a word, in pieces if it is wider than a line and no amount."""
    if wide(word) <= width or width < 1 or _AMOUNT.fullmatch(word):
        return [word]
    pieces, piece = [], ""
    for letter in word:
        if piece and wide(piece + letter) > width:
            pieces.append(piece)
            piece = ""
        piece += letter
    return [*pieces, piece]


def _longest_word(text: str) -> int:
    return max(map(wide, text.split()), default=0)


# -- Pairs --------------------------------------------------------------------------------------------


def pair_lines(pairs: Mapping[str, str], width: int) -> Iterator[str]:
    """Yield names with their values, aligned; a value with a word too wide for its place goes below its
    name."""
    names = max(map(len, pairs), default=0)
    start = names + GAP
    for name, text in pairs.items():
        longest = _longest_word(text)
        if longest > width - start and longest <= width - GAP:
            yield name
            yield from wrapped(" " * GAP + text, width, GAP)
        else:
            yield from wrapped_after(f"{name:<{start}}", text, width)


def wrapped_after(head: str, text: str, width: int) -> Iterator[str]:
    """Yield a text behind a head, its further lines indented by the head's width."""
    room = max(width - len(head), 1)
    first, *others = wrapped(text, room)
    yield f"{head}{first}".rstrip()
    for line in others:
        yield f"{' ' * len(head)}{line}"


def beside_each_other(texts: Sequence[str], width: int) -> Iterator[str]:
    """Yield lines of as many texts as fit beside each other; one that is wider than a line has its own."""
    line = ""
    for text in texts:
        longer = f"{line}{' ' * (GAP + 1)}{text}" if line else text
        if line and wide(longer) > width:
            yield line
            longer = text
        line = longer
    if line:
        yield line


def texts_lines(name: str, texts: Sequence[str], width: int, head: int = 10) -> Iterator[str]:
    """Yield texts behind a name of `head` places, beside each other as they fit."""
    shown = f"{name:<{head}}"
    for together in beside_each_other(texts, max(width - head, 1)):
        yield from wrapped_after(shown, together, width)
        shown = " " * head


# -- Tables -------------------------------------------------------------------------------------------


@define
class _Arrangement:
    """Which columns stand side by side, at which widths, and which below the row."""

    beside: list[int]
    below: list[int]
    widths: list[int]

    @property
    def total(self) -> int:
        return sum(self.widths[i] for i in self.beside) + GAP * (len(self.beside) - 1)


def drawn_lines(
    columns: Sequence[str], rows: Sequence[Sequence[object]], width: int, rule: str = "─"
) -> Iterator[str]:
    """Yield a table of values (`table_lines`); a column that holds numbers alone is set to the right."""
    numeric = [all(isinstance(row[i], int | Decimal | None) for row in rows) for i in range(len(columns))]
    yield from table_lines(columns, [list(map(as_text, row)) for row in rows], numeric, width, rule)


def table_lines(
    columns: Sequence[str], rows: Sequence[Sequence[str]], numeric: Sequence[bool], width: int, rule: str
) -> Iterator[str]:
    """Yield a table: names, a line of `rule`, rows. Numbers are set to the right."""
    placed = _arranged(columns, rows, numeric, width)
    yield from _row(columns, placed, numeric)
    yield (" " * GAP).join(rule * placed.widths[i] for i in placed.beside)
    for row in rows:
        yield from _row(row, placed, numeric)
        for i in placed.below:
            if row[i]:
                yield from wrapped(f"{' ' * INDENT}{columns[i]}: {row[i]}", width, INDENT + GAP)


def without_spared(
    columns: Sequence[str], rows: Sequence[Sequence[str]], spared: Sequence[str], width: int
) -> list[str]:
    """Return the columns that fit beside each other into a width, without as few of `spared`, from the first
    on, as that takes; all that are never spared where even these do not fit."""
    natural = {
        name: max(map(wide, [name, *(row[place] for row in rows)])) for place, name in enumerate(columns)
    }
    shown = list(columns)
    for name in spared:
        if sum(natural[one] for one in shown) + GAP * (len(shown) - 1) <= width:
            break
        shown.remove(name)
    return shown


def _row(cells: Sequence[str], placed: _Arrangement, numeric: Sequence[bool]) -> Iterator[str]:
    folded = {i: wrapped(cells[i], placed.widths[i]) for i in placed.beside}
    for k in range(max(map(len, folded.values()))):
        padded = []
        for i, lines in folded.items():
            text = lines[k] if k < len(lines) else ""
            blanks = " " * (placed.widths[i] - wide(text))
            padded.append(blanks + text if numeric[i] else text + blanks)
        yield (" " * GAP).join(padded).rstrip()


def _arranged(
    columns: Sequence[str], rows: Sequence[Sequence[str]], numeric: Sequence[bool], width: int
) -> _Arrangement:
    """Find the layout: all beside each other, with words wrapped, or with columns moved below."""
    cells = [[columns[i], *(row[i] for row in rows)] for i in range(len(columns))]
    natural = [max(map(wide, column)) for column in cells]
    least = [natural[i] if numeric[i] else _least(column, natural[i]) for i, column in enumerate(cells)]
    placed = _Arrangement(list(range(len(columns))), [], natural)
    if placed.total > width and OWN_LINE in columns[1:]:
        _move(placed, columns.index(OWN_LINE))
    while placed.total > width:
        narrow = _Arrangement(placed.beside, placed.below, least)
        if narrow.total <= width:
            return _spread(narrow, natural, width)
        movable = placed.beside[1:]
        if not movable:
            # One column left, and that is too wide: its words are broken.
            placed.widths = [min(one, max(width, 1)) for one in natural]
            break
        _move(placed, max(movable, key=lambda i: (not numeric[i], natural[i], i)))
    return placed


def _least(column: Sequence[str], natural: int) -> int:
    """Return the least width of a column of words: its widest word, and no more than a few lines a cell."""
    readable = max(LEAST, -(-natural // MOST_LINES) + GAP)
    return min(natural, max(readable, *map(_longest_word, column)))


def _move(placed: _Arrangement, i: int) -> None:
    placed.beside.remove(i)
    placed.below = sorted([*placed.below, i])


def _spread(placed: _Arrangement, natural: Sequence[int], width: int) -> _Arrangement:
    """Give the columns that are narrower than they could be what room is left, evenly."""
    placed.widths = list(placed.widths)
    while placed.total < width:
        wanting = [i for i in placed.beside if placed.widths[i] < natural[i]]
        if not wanting:
            break
        placed.widths[min(wanting, key=lambda i: placed.widths[i])] += 1
    return placed
