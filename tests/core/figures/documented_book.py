"""The book of the worked example in docs/reference/figures.md, read from there."""

from __future__ import annotations

import csv
import re
from datetime import UTC, datetime
from pathlib import Path

from small_books import SmallBook, Traded

PAGE = Path(__file__).parents[3] / "docs/reference/figures.md"


def text() -> str:
    """Return the page."""
    return PAGE.read_text(encoding="utf-8")


def blocks() -> list[list[dict[str, str]]]:
    """Return the page's blocks of CSV: the days, and the fills."""
    return [
        list(csv.DictReader(block.splitlines()))
        for block in re.findall(r"```csv\n(.*?)```", text(), re.DOTALL)
    ]


def book() -> SmallBook:
    """Return the book."""
    days, fills = blocks()
    return SmallBook(
        cash="1000",
        fee_bps="10",
        lots={"AAATRY": "0.01", "BBBTRY": "1"},
        marks={moment(row["day"]): {name: row[name] for name in ("AAATRY", "BBBTRY")} for row in days},
        fills=[
            Traded(moment(row["day"]), row["side"], row["symbol"], row["qty"], row["price"]) for row in fills
        ],
        restricted={moment(row["day"]): row["mode"] for row in days if row["mode"] != "NORMAL"},
    )


def moment(day: str) -> datetime:
    """Return midnight of a day."""
    return datetime.fromisoformat(day).replace(tzinfo=UTC)


def examples() -> dict[str, str]:
    """Return the example of every figure by its key, as the tables' last column has it."""
    rows = re.findall(r"^\| `([\w.]+)` \|.*\| ([^|]*) \|$", text(), re.MULTILINE)
    return {key: example.strip("` ") for key, example in rows}
