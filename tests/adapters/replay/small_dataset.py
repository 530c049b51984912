"""A small good dataset to break, one file at a time."""

from pathlib import Path

CANDLES = """ts,open,high,low,close,volume
2024-01-01T00:01:00Z,100,101.5,99,101,3.5
2024-01-01T00:02:00Z,101,103,100.25,102,0
2024-01-01T00:03:00Z,102,102,101,101.5,12.00000001
2024-01-01T00:04:00Z,101.5,104,101.5,103,7
"""
BOOK = """ts,best_bid,best_ask,bid_qty,ask_qty
2024-01-01T00:01:00Z,100.9,101.1,5,4.5
2024-01-01T00:02:00Z,101.9,102.1,0.5,2
2024-01-01T00:03:00Z,101.4,101.6,1,1
2024-01-01T00:04:00Z,102.9,103.1,3,3
"""
TICKER = """ts,last,high,low,volume,quote_volume
2024-01-01T00:01:00Z,101,101.5,99,3.5,353.5
2024-01-01T00:02:00Z,102,103,99,3.5,353.5
2024-01-01T00:03:00Z,101.5,103,99,15.50000001,1571.5
2024-01-01T00:04:00Z,103,104,99,22.50000001,2292.5
"""
GOOD = {"candles": CANDLES, "orderbook": BOOK, "ticker": TICKER}


def build(root: Path, symbol: str = "BTCTRY", **files: str | bytes) -> Path:
    """Write the good dataset for one symbol into `root`, with the given files in place of the good ones."""
    for kind, good in GOOD.items():
        content = files.get(kind, good)
        data = content if isinstance(content, bytes) else content.encode()
        (root / kind).mkdir(parents=True, exist_ok=True)
        (root / kind / f"{symbol}.csv").write_bytes(data)
    return root


def with_row(text: str, row: int, line: str) -> str:
    """Return `text` with its line number `row` (the header is 1) replaced."""
    lines = text.split("\n")
    lines[row - 1] = line
    return "\n".join(lines)
