"""How bugs are planted to see them caught: what is told of each, and where they are listed.

A checker that has never failed is unproven.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from attrs import field, frozen

from meva_adapters.rehearsal.faults import Fault
from meva_adapters.rehearsal.worlds import Shape
from meva_core.operating.guards.permit import Canary

Plant = Callable[[pytest.MonkeyPatch], None]


@frozen(kw_only=True)
class Bug:
    """A bug: what it does, the worlds in which it shows, and what is said of it then.

    `caught` are the invariants of which one fails first, with words of the sentence that tells of it behind a
    colon where the invariant says too little: of "bug", an error with which the program itself ends, which
    one. `rates` are those of the faults that it takes to show, `hand` is how often a person acts. It shows in
    the world of the seed `first`, if in none before.
    """

    name: str
    plant: Plant
    caught: Sequence[str]
    rates: Mapping[Fault, float] = field(factory=dict)
    hand: int = 0
    interval: int = 60
    steps: int = 25
    settings: Mapping[str, str] | None = None
    canary: Canary | None = None
    adopted: bool = False
    first: int = 0

    @property
    def shape(self) -> Shape:
        """How its worlds are drawn."""
        return Shape(
            stage=4, rates=self.rates, hand_every=self.hand, interval=self.interval, settings=self.settings,
            canary=self.canary, adopted=self.adopted,
        )  # fmt: skip

    def is_meant(self, broken: str) -> bool:
        """Whether it is this bug that is told of."""
        code, _, text = broken.partition(": ")
        meant = (one.partition(": ") for one in self.caught)
        return any(code == of and words in text for of, _, words in meant)


BUGS: list[Bug] = []


def bug(name: str, *caught: str, **more: Any) -> Callable[[Plant], Plant]:
    """List the bug that a function plants."""

    def listed(plant: Plant) -> Plant:
        BUGS.append(Bug(name=name, plant=plant, caught=caught, **more))
        return plant

    return listed
