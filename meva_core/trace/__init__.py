"""What a run stores of its cycles: rows and documents rendered out of the engine's columns, in batches.

`Renderer` gives the rows of a stretch of cycles; `COLUMNS` names their tables and columns. Of the tables that
have a row for every cycle (`TABLES`), `parts_of` and `rows` make what was asked for, and nothing else.
"""

from meva_core.trace.chosen import Chosen, Terms, parts_of
from meva_core.trace.columns import COLUMNS, ORDER_CHANGES, Names, Rendered
from meva_core.trace.per_cycle import TABLES, rows
from meva_core.trace.render import FULL, ONLY_COLUMNS, Renderer
from meva_core.trace.texts import PLAIN, PlainTexts, Texts

__all__ = [
    "COLUMNS",
    "FULL",
    "ONLY_COLUMNS",
    "ORDER_CHANGES",
    "PLAIN",
    "TABLES",
    "Chosen",
    "Names",
    "PlainTexts",
    "Rendered",
    "Renderer",
    "Terms",
    "Texts",
    "parts_of",
    "rows",
]
