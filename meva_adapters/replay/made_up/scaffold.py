"""A new dataset folder: its layout, and a README and schema that explain it to whoever finds it."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any, Final

from meva_adapters.replay.format.layout import COLUMN_MEANINGS, KINDS, KNOWN
from meva_adapters.replay.made_up.synthetic import claim_folder, write_synthetic
from meva_adapters.replay.recording.writer import write_json
from meva_adapters.system.files import replacing

DEFAULT_SYMBOLS: Final = ("BTCTRY", "ETHTRY", "SOLTRY")
DEFAULT_START: Final = 1_704_067_200
"""2024-01-01T00:00:00Z"""

_README: Final = """# A Meva replay dataset

```
candles/<SYMBOL>.csv    {candles}
orderbook/<SYMBOL>.csv  {orderbook}
ticker/<SYMBOL>.csv     {ticker}
exchangeinfo.json       the exchange's own pair metadata (optional)
manifest.json           where the data come from, and the SHA-256 of every file (optional)
```

One file per symbol, named after it: 5 to 16 of A-Z and 0-9. The folder `ticker` may be missing; columns in
one pair of brackets may be left out together.

`ts` is ISO 8601 in UTC (`2024-01-31T23:59:00Z`), epoch seconds or epoch milliseconds, and never decreases
within a file. A candle's `ts` is the time at which it was complete. `known` is the whole second at which
whoever recorded the row had it; without it that is `ts`. Numbers are plain digits with at most one point: no
sign, exponent, space, quote or thousands separator. `schema.json` describes every column.

Check the folder with `meva replay validate`, look at it with `meva replay info`, and run it with
`meva backtest --data`.
"""


def init(
    path: str | PathLike[str],
    *,
    empty: bool = False,
    symbols: Sequence[str] = DEFAULT_SYMBOLS,
    minutes: int = 2880,
    seed: int = 1,
    start: int = DEFAULT_START,
    step_seconds: int = 60,
) -> Path:
    """Create a dataset folder with README and schema, and made-up markets unless `empty`; return its path.

    Raises BadInput if the folder holds something already, or for what `write_synthetic` refuses.
    """
    root = Path(path)
    if empty:
        claim_folder(root)
        for kind in KINDS:
            (root / kind).mkdir(mode=0o700)
    else:
        write_synthetic(
            root, symbols=symbols, minutes=minutes, seed=seed, start=start, step_seconds=step_seconds
        )
    with replacing(root / "README.md") as file:
        file.write(readme().encode())
    write_json(root / "schema.json", schema())
    return root


def readme() -> str:
    """Return the text that explains a dataset folder."""
    return _README.format(**{name: _columns_line(name) for name in KINDS})


def schema() -> dict[str, Any]:
    """Return every file kind with its columns, in order."""
    return {
        kind.folder: {
            "required": kind.required,
            "columns": [
                {"name": name, "required": name in kind.columns, "meaning": COLUMN_MEANINGS[name]}
                for name in (*kind.columns, *kind.optional, KNOWN)
            ],
        }
        for kind in KINDS.values()
    }


def _columns_line(name: str) -> str:
    kind = KINDS[name]
    optional = f"[,{','.join(kind.optional)}]" if kind.optional else ""
    return ",".join(kind.columns) + optional + f"[,{KNOWN}]"
