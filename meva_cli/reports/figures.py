"""The page of figures, printed."""

from __future__ import annotations

from meva_adapters.texts.figures_page import SYMBOL_COLUMNS, SYMBOLS_NOTE, Document, page_lines, symbol_rows
from meva_cli.render import print_line, print_table, print_texts


def print_page(document: Document) -> None:
    """Print the page of a document of figures (`summary_document`)."""
    for name, parts in page_lines(document):
        print_texts(name, parts)
    rows = list(symbol_rows(document))
    if rows:
        print_table(SYMBOL_COLUMNS, rows)
        print_line(SYMBOLS_NOTE)
