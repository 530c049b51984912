"""What a run stores of its cycles: rows and documents rendered out of the engine's columns, in batches.

`Renderer` gives the rows of a stretch of cycles; `COLUMNS` names their tables and columns.
"""

from meva_core.trace.columns import COLUMNS, ORDER_CHANGES, Names, Rendered
from meva_core.trace.render import CHANGES, FULL, Renderer
from meva_core.trace.texts import PLAIN, PlainTexts, Texts

__all__ = [
    "CHANGES",
    "COLUMNS",
    "FULL",
    "ORDER_CHANGES",
    "PLAIN",
    "Names",
    "PlainTexts",
    "Rendered",
    "Renderer",
    "Texts",
]
