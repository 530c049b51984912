"""Candles that are in memory already: data frames of any library that hands out Arrow, or columns by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from os import PathLike
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import pyarrow as pa
from attrs import asdict, frozen

from meva_adapters.importing.choices import Choices
from meva_adapters.importing.importing import Import, look_at
from meva_adapters.importing.needed import needed_settings
from meva_adapters.importing.sources import Source
from meva_adapters.importing.writing import write
from meva_core.amounts import parse_e8, to_decimal
from meva_core.errors import BadInput
from meva_core.symbols import canonical_symbol

_EITHER: Final = {
    "stamp": ("open", "close"),
    "dates": ("dmy", "mdy"),
    "decimal": (".", ","),
    "integers": ("whole", "e8"),
}
"""What has one of two values."""


@frozen
class Said:
    """What is said of frames, None for not: as the options of `meva replay import` of these names."""

    stamp: str | None = None
    spread_bps: str | float | Decimal | None = None
    depth_try: str | float | Decimal | None = None
    tz: str | None = None
    interval: int | None = None
    columns: Mapping[str, str] | None = None
    dates: str | None = None
    decimal: str | None = None
    integers: str | None = None
    exchangeinfo: str | PathLike[str] | None = None
    round_cells: bool | None = None
    drop_bad: bool | None = None

    @property
    def named(self) -> list[str]:
        """The names of what is said."""
        return [name for name, value in asdict(self).items() if value is not None]

    def choices(self) -> Choices:
        """Return it as the choices of an import. Raises BadInput for a value that is none."""
        for name, (one, other) in _EITHER.items():
            if (value := getattr(self, name)) not in (None, one, other):
                raise BadInput(f"{name}: {value!r} is neither {one!r} nor {other!r}")
        spread = Decimal(10) if self.spread_bps is None else _amount("spread_bps", self.spread_bps)
        if not 0 <= spread < 20_000:
            raise BadInput(f"spread_bps: {spread} is not a spread", action="give 0 <= bps < 20000")
        return Choices(
            stamp=self.stamp,
            spread_bps=spread,
            depth_try=None if self.depth_try is None else _amount("depth_try", self.depth_try),
            tz=self.tz,
            interval=self.interval,
            columns=dict(self.columns or {}),
            dates=self.dates,
            decimal=self.decimal,
            integers=self.integers,
            exchangeinfo=None if self.exchangeinfo is None else Path(self.exchangeinfo),
            round_cells=bool(self.round_cells),
            drop_bad=bool(self.drop_bad),
        )


def _amount(name: str, value: str | float | Decimal) -> Decimal:
    """Return a number as it is written; a float as its shortest text."""
    text = value if isinstance(value, str | Decimal) else f"{Decimal(repr(value)):f}"
    return to_decimal(parse_e8(text, name))


@contextmanager
def folder_of(
    given: str | PathLike[str] | Mapping[str, Any], said: Said
) -> Iterator[tuple[str | PathLike[str], Mapping[str, str]]]:
    """Yield the folder of a dataset, and the settings that its data need: of frames a folder that is made of
    them, and gone afterwards. Raises BadInput where something is said of frames, but a folder is given."""
    if isinstance(given, Mapping):
        with dataset_of(given, said.choices()) as (root, found):
            yield root, needed_settings(found)
        return
    if said.named:
        raise BadInput(
            f"{', '.join(said.named)} belong to frames, but {str(given)!r} is a folder",
            action="leave them out; `meva replay import` makes a dataset of files",
        )
    yield given, {}


@contextmanager
def dataset_of(frames: Mapping[str, Any], choices: Choices) -> Iterator[tuple[Path, Import]]:
    """Yield the folder of a dataset of these candles by symbol, which is gone afterwards, and the import.

    Raises BadInput as an import of files does.
    """
    if not frames:
        raise BadInput("no frame is given", action='give candles by symbol: {"BTCTRY": frame}')
    sources = [
        Source.of_frame(canonical_symbol(name), table_of(name, frame)) for name, frame in frames.items()
    ]
    found = look_at(sources, choices)
    with TemporaryDirectory(prefix="meva-") as folder:
        root = Path(folder) / "frames"
        write(found, root)
        yield root, found


def table_of(name: str, frame: Any) -> pa.Table:
    """Return a frame, or a mapping of columns, as an Arrow table. Raises BadInput for anything else."""
    try:
        return pa.table(frame)
    except (TypeError, ValueError, pa.ArrowException) as error:
        raise BadInput(
            f"the frame of {name}: {type(frame).__name__} is no table: {error}",
            action="give a data frame of pandas, polars or pyarrow, or a dict of columns",
        ) from error
