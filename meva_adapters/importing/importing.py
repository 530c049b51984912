"""The import as a whole: every file read and checked first, then the dataset written, or nothing."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from attrs import define, field, frozen

from meva_adapters.importing.books import tick_of
from meva_adapters.importing.choices import Choices
from meva_adapters.importing.joining import in_order, joined, on_the_grid, without_duplicates
from meva_adapters.importing.reading import Part, read_parts
from meva_adapters.importing.rules import ImportedRules, rules_for
from meva_adapters.importing.series import Repairs, Series
from meva_adapters.importing.sources import Source, find_sources
from meva_adapters.importing.symbols import quote_of
from meva_adapters.importing.unsaid import AllUnsaid, Unsaid, with_all_asked
from meva_adapters.replay.format.layout import CANDLES, KINDS
from meva_core.counting import counted, were
from meva_core.errors import BadInput, Problem

_LEAST_ROWS: Final = KINDS[CANDLES].min_rows


@frozen
class Looked:
    """What one file was taken for, with what was repaired in it, in words."""

    source: Source
    symbols: tuple[str, ...]
    rows: int
    told: tuple[tuple[str, str], ...]


@define
class Pair:
    """One symbol as it is going to be written: candles stamped when they were complete, recorded books."""

    symbol: str
    candles: Series
    books: Series | None
    repairs: Repairs

    @property
    def has_volume(self) -> bool:
        """Whether the files told what was traded."""
        return "volume_whole" in self.candles.values


@frozen
class Import:
    """An import that can be written: its pairs by symbol, their interval in seconds, what is told of it."""

    choices: Choices
    pairs: tuple[Pair, ...]
    interval: int
    files: tuple[Looked, ...]
    rules: ImportedRules
    passed_over: tuple[str, ...] = field(factory=tuple)

    @property
    def quote(self) -> str:
        """The quote currency of most pairs, empty where none is known."""
        quotes = [quote_of(pair.symbol) for pair in self.pairs]
        return max(quotes, key=quotes.count, default="")

    @property
    def without_rules(self) -> list[str]:
        """The symbols that have no rules of their own."""
        return self.rules.lacks([pair.symbol for pair in self.pairs])

    def tick_of(self, symbol: str) -> int:
        """Return the tick of a pair in e8: that of its rules, else the one that its closes lie on."""
        known = self.rules.ticks.get(symbol)
        if known is not None:
            return known
        pair = next(pair for pair in self.pairs if pair.symbol == symbol)
        return tick_of(pair.candles.values["close"])


def look(
    paths: Sequence[Path], choices: Choices, progress: Callable[[str], None] = lambda name: None
) -> Import:
    """Read what `paths` name and return what would be written. Raises BadInput, with one problem a file, for
    what cannot be imported as it is."""
    sources, passed = find_sources(paths)
    return look_at(sources, choices, passed, progress)


def look_at(
    sources: Sequence[Source],
    choices: Choices,
    passed: Sequence[str] = (),
    progress: Callable[[str], None] = lambda name: None,
) -> Import:
    """Read sources and return what would be written, as `look` does."""
    parts: dict[str, list[Part]] = {}
    files: list[Looked] = []
    problems: list[tuple[BadInput, str]] = []
    for source, found in _read_all(sources, choices):
        progress(source.name)
        if isinstance(found, BadInput):
            problems.append((found, source.name))
            continue
        for part in found:
            parts.setdefault(part.symbol, []).append(part)
        files.append(_looked(source, found))
    if problems:
        raise _refusal(problems, sources, choices)
    _refuse_unused(parts, choices)
    names = [source.name for source in sources]
    pairs = tuple(_pair(symbol, parts.pop(symbol), choices, names) for symbol in sorted(parts))
    interval = _one_interval(pairs, files)
    rules = rules_for([pair.symbol for pair, _ in pairs], choices.exchangeinfo)
    return Import(choices, tuple(pair for pair, _ in pairs), interval, tuple(files), rules, tuple(passed))


def _read_all(sources: Sequence[Source], choices: Choices) -> Iterator[tuple[Source, list[Part] | BadInput]]:
    """Yield what each source has, or why it is refused, in order; several are read at a time."""

    def read(numbered: tuple[int, Source]) -> list[Part] | BadInput:
        try:
            return read_parts(numbered[1], numbered[0], choices)
        except BadInput as error:
            return error

    with ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1)) as pool:
        yield from zip(sources, pool.map(read, enumerate(sources)), strict=True)


def _refusal(
    problems: Sequence[tuple[BadInput, str]], sources: Sequence[Source], choices: Choices
) -> BadInput:
    """Return the first refusal, with those of the other files beside it; where it is a question, with all
    that have to be answered."""
    first, _ = problems[0]
    if isinstance(first, Unsaid):
        refused = {name for _, name in problems}
        again = [source for source in sources if source.name in refused]
        first = with_all_asked(
            first,
            choices,
            lambda said: [found for _, found in _read_all(again, said) if isinstance(found, BadInput)],
        )
    if isinstance(first, AllUnsaid):
        return first
    more = f" ({len(problems)} of {len(sources)} files are refused)" if len(problems) > 1 else ""
    listed = [_problem(error, name) for error, name in problems]
    return BadInput(f"{first}{more}", action=first.action, problems=listed)


def _problem(error: BadInput, name: str) -> Problem:
    """Return why a file is refused; the beginning of its message says where."""
    text = str(error) if str(error).startswith(name) else f"{name}: {error}"
    where, _, message = text[len(name) :].partition(": ")
    return Problem("import", name + where, "", message, error.action)


def _refuse_unused(parts: dict[str, list[Part]], choices: Choices) -> None:
    for source, name in choices.names.items():
        if name not in parts:
            raise BadInput(
                f"--as {source}={name}: no file is of {source}; the files are of {', '.join(sorted(parts))}",
                action="name a symbol that there is",
            )


def _pair(symbol: str, parts: list[Part], choices: Choices, files: Sequence[str]) -> tuple[Pair, int]:
    """Return the files of one symbol as one series, in order and without contradictions."""
    repairs = Repairs()
    with_candles = [part for part in parts if part.candles is not None]
    if not with_candles:
        raise BadInput(
            f"{symbol}: has order books, but no file has its candles or trades",
            action="import them together",
        )
    intervals = sorted({part.interval for part in with_candles})
    if len(intervals) > 1:
        raise BadInput(
            f"{symbol}: its files have candles of {' and '.join(map(str, intervals))} s",
            action="import files of one interval",
        )
    interval = intervals[0]
    candles = in_order(joined([part.candles for part in with_candles if part.candles]), repairs)
    candles = without_duplicates(candles, repairs, choices, files)
    candles = on_the_grid(candles, interval, repairs, choices, files)
    if len(candles.ts) < _LEAST_ROWS:
        raise BadInput(f"{symbol}: fewer than {_LEAST_ROWS} candles", action="import more of it")
    recorded = [part.books for part in parts if part.books is not None]
    books = in_order(joined(recorded), repairs) if recorded else None
    for part in parts:
        repairs.add(part.repairs)
    return Pair(symbol, candles, books, repairs), interval


def _one_interval(pairs: Sequence[tuple[Pair, int]], files: Sequence[Looked]) -> int:
    intervals: dict[int, str] = {}
    for pair, interval in pairs:
        intervals.setdefault(interval, pair.symbol)
    if len(intervals) > 1:
        listed = ", ".join(f"{symbol} {interval} s" for interval, symbol in sorted(intervals.items()))
        raise BadInput(
            f"the candles of a dataset have one interval, but there are several: {listed}",
            action="import files of one interval into one folder",
        )
    return next(iter(intervals))


def _looked(source: Source, parts: Sequence[Part]) -> Looked:
    told = list(parts[0].told)
    if len(parts) > 1:
        names = ", ".join(part.symbol for part in parts)
        told = [(what, why) for what, why in told if what != "symbol"]
        told.insert(1, ("symbols", f"{len(parts)}: {names}"))
    return Looked(source, tuple(part.symbol for part in parts), sum(part.rows for part in parts), tuple(told))


def repairs_told(pair: Pair) -> list[str]:
    """Return what was repaired in a pair's rows, one sentence each; nothing where nothing was."""
    done = pair.repairs
    told = []
    if done.falling:
        told.append("rows stood in falling order and were turned round")
    elif done.reordered:
        told.append(f"{counted(done.reordered, 'row')} {were(done.reordered)} put in order")
    if done.duplicates:
        told.append(f"{counted(done.duplicates, 'exact duplicate')} {were(done.duplicates)} left out")
    if done.missing_values:
        rows = counted(done.missing_values, "row without a value", "rows without a value")
        told.append(f"{rows} {were(done.missing_values)} left out")
    if done.rounded:
        largest = f"{done.largest_change:.1E}"
        told.append(
            f"{counted(done.rounded, 'cell')} {were(done.rounded)} rounded half even to 8 places, "
            f"by {largest} of the value at most"
        )
    if done.absent:
        told.append(f"{counted(done.absent, 'interval')} without a candle, which stays so")
    told += [f"left out ({count}): {why}" for why, count in sorted(done.dropped.items())]
    return told
