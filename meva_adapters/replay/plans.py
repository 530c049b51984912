"""What a backtest over a dataset is: its pairs with their rules, its cycle times, and the plan that names
it."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from meva_adapters.replay.checking.manifest import manifest_tree
from meva_adapters.replay.dataset import Dataset
from meva_adapters.replay.format.faults import Fault
from meva_adapters.system import events
from meva_adapters.system.strict_json import read_json_file
from meva_core.errors import BadInput
from meva_core.ids import told_time
from meva_core.settings import Settings
from meva_core.stages.plan import BACKTEST, Pairs, RunPlan, choose_pairs, cycle_times
from meva_core.symbols import canonical_symbol

_LOG: Final = logging.getLogger(__name__)
_LEAST: Final = "STAGE7_RULES_FALLBACK_MIN_NOTIONAL_TRY"


def plan_backtest(
    dataset: Dataset,
    settings: Settings,
    *,
    configured: Sequence[str] | None = None,
    pair_info: Path | None = None,
    times: Any = None,
    start: int | None = None,
    end: int | None = None,
    step: int | None = None,
    cycles: int | None = None,
    seed: int = 0,
    adapt: bool = False,
) -> RunPlan:
    """Return the run of these settings over a dataset.

    `start`, `end` and `step` are seconds and default to what the dataset holds; `times` are cycle times given
    one by one instead. `configured` are the symbols that the user named, None for all of the dataset;
    `pair_info` is a file with the exchange's metadata to use instead of the dataset's. Raises BadInput for a
    window without a cycle or outside the data, and where no symbol may be selected.
    """
    if times is None:
        step = dataset.step_seconds if step is None else step
        first = dataset.start if start is None else start
        last = dataset.end if end is None else end
        if start is None or end is None or start <= end:  # else the core says what is wrong with the two
            _refuse_outside(dataset, first, last)
        times = cycle_times(first, last, step, cycles)
    if len(times):
        _refuse_outside(dataset, int(times[0]), int(times[-1]))
    return RunPlan(
        kind=BACKTEST,
        settings=settings,
        pairs=dataset_pairs(dataset, settings, configured, pair_info),
        times=times,
        step_seconds=step,
        source=source_of(dataset),
        source_sha256=dataset.sha256,
        manifest=manifest_tree(dataset.manifest) if dataset.manifest else None,
        seed=seed,
        adapt=adapt,
    )


def source_of(dataset: Dataset) -> str:
    """Return what a run over a dataset calls it; the name of a folder may be no UTF-8."""
    return dataset.root.name.encode(errors="backslashreplace").decode()


def _refuse_outside(dataset: Dataset, start: int, end: int) -> None:
    """Raise BadInput for a window that begins after the data end, or ends before they begin."""
    if start > dataset.end:
        asked = f"the window begins at {told_time(start)}"
    elif end < dataset.start:
        asked = f"the window ends at {told_time(end)}"
    else:
        return
    raise BadInput(
        f"{asked}; {_span(dataset)}", action="choose --start and --end within the data, or leave them out"
    )


def window_notes(dataset: Dataset, plan: RunPlan) -> list[str]:
    """Return what is to be said of a run whose window only overlaps the data."""
    if dataset.run is not None and plan.step_seconds is None:
        return []  # its own times
    first, last = int(plan.times[0]), int(plan.times[-1])
    notes = []
    if first < dataset.start:
        notes.append(f"the window begins at {told_time(first)}; {_span(dataset)}: cycles before see nothing")
    # The last row holds until the next one would come.
    if last > dataset.end + max(dataset.step_seconds, plan.step_seconds or 0):
        notes.append(
            f"the window ends at {told_time(last)}; {_span(dataset)}: cycles after see the last row grow old"
        )
    return notes


def look_ahead(dataset: Dataset) -> list[Fault]:
    """Return the warnings of a dataset that make what a run over it earns worth nothing."""
    return [fault for fault in dataset.warnings if fault.code == "opening_stamps"]


def _span(dataset: Dataset) -> str:
    return f"the order books of {dataset.root} go from {told_time(dataset.start)} to {told_time(dataset.end)}"


def dataset_pairs(
    dataset: Dataset, settings: Settings, configured: Sequence[str] | None, pair_info: Path | None
) -> Pairs:
    """Return the pairs of a dataset, with the rules of its metadata or of the file that takes their place."""
    least = settings.stage7.rules_fallback_min_notional_try
    metadata = read_pair_info(pair_info, least) if pair_info else pair_entries(dataset.exchangeinfo)
    return choose_pairs(dataset.symbols, metadata, settings, configured)


def pair_entries(document: Mapping[str, Any] | None) -> dict[str, Mapping[str, Any]] | None:
    """Return the exchange's metadata by symbol, None if there is none."""
    if document is None:
        return None
    inner = document.get("data", document)
    return {canonical_symbol(str(entry["name"]), "exchangeinfo"): entry for entry in inner["symbols"]}


def read_pair_info(path: Path, least: Decimal) -> dict[str, Mapping[str, Any]] | None:
    """Return the exchange's metadata out of a file in the exchange's own shape, or the earlier system's list.

    The list names no minimum of an order: there it is `least`, in TRY. Raises BadInput if the file cannot be
    read or has another shape.
    """
    try:
        document = read_json_file(path)
        return listed_pairs(document, least) if isinstance(document, list) else pair_entries(document)
    except (KeyError, TypeError, AttributeError) as error:
        raise BadInput(
            f"{path}: not the exchange's metadata: expected an object with a list 'symbols' of named pairs, "
            "or a list of pairs that each have a 'pairSymbol'"
        ) from error


def listed_pairs(entries: Sequence[Mapping[str, Any]], least: Decimal) -> dict[str, Mapping[str, Any]]:
    """Return the earlier system's list of pairs by symbol, with `least` where one names no minimum.

    Raises BadInput for a pair that stands there twice.
    """
    if not entries:
        raise KeyError("pairSymbol")
    found: dict[str, Mapping[str, Any]] = {}
    for entry in entries:
        symbol = canonical_symbol(str(entry.get("pairSymbol") or entry["name"]), "pair info")
        if symbol in found:
            raise BadInput(f"pair info: {symbol} stands there twice", action="leave one of them out")
        if entry.get("minTotalAmount") is None and not entry.get("filters"):
            said = f"the pair info names no least order of {symbol}: {least} TRY of {_LEAST} stands in"
            events.RULE_STANDS_IN.log(_LOG, said, symbol=symbol)
            entry = {**entry, "minTotalAmount": least}
        found[symbol] = entry
    return found
