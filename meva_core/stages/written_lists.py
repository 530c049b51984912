"""Runs of versions that did not sort lists of names: such a run is found again under the id it has.

Those versions made a run's id, and the head of measure's digests, of each list as it was written. A run that
they recorded goes on so, and keeps its id and fingerprint; no other run is made of an unsorted list.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from attrs import evolve

from meva_core.ports import Reads
from meva_core.settings import in_order, settings_texts
from meva_core.stages.plan import RunPlan


def as_recorded(plan: RunPlan, reads: Reads, decode: Callable[[str], Any]) -> RunPlan:
    """Return the plan of the run as it stands in the store, if only the order of lists differs; else `plan`.

    Where several differ from it by that alone, it is the one whose lists are as they are written now.
    """
    if reads.run(plan.run_id) is not None:
        return plan
    found = list(_other_orders(plan, reads, decode))
    as_given = (
        one for one in found if _lists(one.settings_record()) <= _lists(settings_texts(plan.settings))
    )
    return next(as_given, found[0] if found else plan)


def _lists(settings: Mapping[str, Any]) -> set[tuple[str, ...]]:
    """Return the lists among settings, each behind its name, as they are written."""
    return {(name, *names) for name, names in settings.items() if isinstance(names, list | tuple)}


def _other_orders(plan: RunPlan, reads: Reads, decode: Callable[[str], Any]) -> Iterator[RunPlan]:
    """Yield the plan with the lists of each recorded run that it then is."""
    settings = plan.settings_record()
    for row in reads.runs():
        record: Mapping[str, Any] = decode(row["settings_json"] or "{}")
        written = {name: value for name, value in record.items() if in_order(value) != value}
        if written and {name: in_order(value) for name, value in record.items()} == settings:
            one = evolve(plan, written=written)
            if one.run_id == row["run_id"]:  # the same rules and data, too
                yield one


def order_note(plan: RunPlan) -> str:
    """Return what is to be said of a run whose lists are not sorted."""
    lists = " and ".join(f"{name}={','.join(names)}" for name, names in plan.written.items())
    return (
        f"run {plan.run_id} was recorded with {lists}, before such lists were sorted: only the order "
        "differs, so it is this run, and keeps its id and fingerprint"
    )
