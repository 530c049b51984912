"""The settings, and options of a run, that two runs were recorded with other values of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from attrs import frozen

from meva_core.fingerprint import STEPS
from meva_core.params import READS, READS_IF_SET, READS_TUNED, VARIABLES
from meva_core.settings import in_order

_BESIDE: Final[dict[str, tuple[str, ...]]] = {
    "measure": ("SYMBOLS",),
    "assess": ("DRY_RUN_TRY_BALANCE",),
}
"""The variables that shape what a step starts from without being a parameter of it: which symbols there are,
and the first cash."""


@frozen
class Apart:
    """A setting with both values. `step` is the first that reads it, empty where no step does.

    `order_only` says that both are the same names in another order. Versions that did not sort them recorded
    such lists, and digested them as they were written.
    """

    name: str
    a: Any
    b: Any
    step: str
    order_only: bool


def settings_apart(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[Apart]:
    """Return the settings that differ between two runs' records, those of earlier steps first.

    What a record leaves out is None: give it `with_later`.
    """
    found: dict[str, Apart] = {}
    for step in (*STEPS, "adapt"):
        for name in variables_read(step):
            if a.get(name) != b.get(name):
                found.setdefault(name, _apart(name, a, b, step))
    for name in sorted({*a, *b} - found.keys()):
        if a.get(name) != b.get(name):
            found[name] = _apart(name, a, b, "")
    return list(found.values())


def variables_read(step: str) -> Iterator[str]:
    """Yield the variables that a step reads or starts from."""
    parameters = (*READS[step], *READS_IF_SET.get(step, ()), *READS_TUNED.get(step, ()))
    yield from (VARIABLES[name] for name in parameters)
    yield from _BESIDE.get(step, ())


def _apart(name: str, a: Mapping[str, Any], b: Mapping[str, Any], step: str) -> Apart:
    x, y = a.get(name), b.get(name)
    return Apart(name, x, y, step, order_only=in_order(x) == in_order(y))
