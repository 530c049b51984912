"""Runs over the same data in another form: what was recorded over text is the run over Parquet, too.

A run is named by its data. Those over text are named by the bytes of their files, and a run records beside
that what the data say (`content_sha256`), which is the same in every form; by that it is found again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from attrs import evolve

from meva_core.ports import Reads
from meva_core.stages.plan import RunPlan

CONTENT: Final = "content_sha256"
"""Where a run's manifest has what its data say."""


def as_same_content(
    plan: RunPlan, content: Callable[[], str], reads: Reads, decode: Callable[[str], Any]
) -> RunPlan:
    """Return the plan of the run as it stands in the store, if only the form of its data differs; else
    `plan`, with what its data say in its manifest.

    `content` is asked only where the run is not recorded under its own name.
    """
    if reads.run(plan.run_id) is not None:
        return plan
    said = content()
    for row in reads.runs():
        manifest = decode(row["manifest_json"]) if row["manifest_json"] else {}
        if row["dataset_sha256"] and manifest.get(CONTENT) == said:
            one = evolve(plan, source_sha256=row["dataset_sha256"])
            if one.run_id == row["run_id"]:  # the same settings, rules and times, too
                return one
    return evolve(plan, manifest={**(plan.manifest or {}), CONTENT: said})
