"""Options and parameter types that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from meva_adapters.texts.numerals import number_of, whole_of
from meva_core.amounts import parse_e8
from meva_core.errors import BadInput
from meva_core.settings.kinds import Symbols

F = TypeVar("F", bound=Callable[..., Any])


class TimeParam(click.ParamType[int]):
    """A time in ISO 8601, as whole seconds since 1970-01-01 UTC; without an offset it is UTC."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read a time, or fail with what was expected."""
        if isinstance(value, int):
            return value
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is no ISO 8601 time; expected one such as 2026-01-31T12:00:00Z", param, ctx)
        try:
            moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
        except OverflowError:
            self.fail(f"{value!r} lies outside the years 1 to 9999", param, ctx)
        if moment.microsecond:
            self.fail(f"{value!r} has a fraction of a second; cycles run on whole seconds", param, ctx)
        return int(moment.timestamp())


class AmountParam(click.ParamType[Decimal]):
    """An exact decimal that fits an amount."""

    name = "decimal"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Decimal:
        """Read plain digits, or fail with what was expected."""
        try:
            parse_e8(value, "value")
        except BadInput as error:
            self.fail(str(error), param, ctx)
        return Decimal(value)


class SymbolsParam(click.ParamType[tuple[str, ...]]):
    """Pair symbols, written as the setting `SYMBOLS` is."""

    name = "symbols"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        """Read symbols, or fail with what was expected."""
        if isinstance(value, tuple):
            return value
        try:
            return Symbols().parse(value)
        except ValueError as error:
            self.fail(f"{error}; expected {Symbols().expected}", param, ctx)


class SymbolParam(click.ParamType[str]):
    """One pair symbol, written as in the setting `SYMBOLS`."""

    name = "symbol"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Read a symbol, or fail with what was expected."""
        symbols = SYMBOLS.convert(value, param, ctx)
        if len(symbols) != 1:
            self.fail(f"{value!r} is not one symbol", param, ctx)
        return symbols[0]


class _AsWritten(click.ParamType[Any]):
    """A number in ASCII digits: by itself click takes `4_8`, and the digits of every script, for one."""

    def reads(self, text: str) -> Any:
        """Return the number. Raises ValueError for what is none."""
        return whole_of(text)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read a number, or fail as click does."""
        if isinstance(value, str):
            try:
                value = self.reads(value)
            except ValueError:
                self.fail(f"{value[:60]!r} is not a valid {self.name}.", param, ctx)
        return super().convert(value, param, ctx)


class WholeParam(_AsWritten, click.types.IntParamType):
    """A whole number."""


class WholeRange(_AsWritten, click.IntRange):
    """A whole number within bounds."""


class RealRange(_AsWritten, click.FloatRange):
    """A number within bounds, not NaN and not infinite."""

    def reads(self, text: str) -> float:
        """Return the number. Raises ValueError for what is none."""
        return number_of(text)


TIME: Final = TimeParam()
WHOLE: Final = WholeParam()
COUNT: Final = WholeRange(1, 10**12)
"""How many of something; what is beyond would not fit where it is counted."""
SYMBOLS: Final = SymbolsParam()
SYMBOL: Final = SymbolParam()
AMOUNT: Final = AmountParam()
FOLDER: Final = click.Path(path_type=Path)
"""A folder that the command itself checks, so that its message can say what to do."""


def json_option(command: F) -> F:
    """Add `--json`, which the command takes as `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")(command)


VERIFY: Final = click.option(
    "--verify",
    is_flag=True,
    help="Compute the SHA-256 of every file, also of large ones that look as they did.",
)
ENGINE: Final = click.option(
    "--engine",
    type=click.Choice(["auto", "interpreted", "compiled"]),
    default="auto",
    show_default=True,
    help="Both give the same bits. auto: compiled where its machine code is at hand; "
    "else a long run compiles beside, and goes on compiled.",
)
