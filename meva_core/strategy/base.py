"""What a strategy is: a class with parameters, and one method that says what shall be held."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final

import attrs
import numpy as np

from meva_core.errors import BadInput
from meva_core.ids import canonical_json
from meva_core.strategy.periods import seconds_of
from meva_core.strategy.raised import file_of, told, undisturbed

if TYPE_CHECKING:
    from meva_core.strategy.history import History
    from meva_core.strategy.view import View

_ID: Final = re.compile(r"[a-z0-9_]{1,40}", re.ASCII)
_MOST_BARS: Final = 1_000_000
SLACK: Final = 1e-9
"""Weights are sums of doubles: so much below 0 is 0, and so much above 1 in all is 1."""


def param(
    default: Any,
    *,
    least: Any = None,
    most: Any = None,
    check: Callable[[Any], object] | None = None,
    doc: str = "",
) -> Any:
    """Declare a parameter of a strategy: an int, a float, a bool or a text, as its default is.

    `least` and `most` are inclusive bounds of numbers; `check` is called with a value, and raises ValueError
    or TypeError, in words, for one that is none. Raises TypeError for another kind of default.
    """
    if type(default) not in (int, float, bool, str):
        raise TypeError(f"param: {default!r} is none of int, float, bool, str")
    return attrs.field(
        default=default,
        converter=lambda given: _converted(given, type(default)),
        validator=_within,
        metadata={"kind": type(default), "least": least, "most": most, "check": check, "doc": doc},
    )


def _converted(given: Any, kind: type) -> Any:
    """Return a value as a plain one of its parameter's kind, where that loses nothing."""
    if isinstance(given, np.generic):
        given = given.item()
    return kind(given) if kind is float and type(given) is int else given


def _within(strategy: Strategy, attribute: attrs.Attribute[Any], value: Any) -> None:
    """Raise BadInput for a value of another kind, beyond the bounds, or that its check refuses."""
    said = attribute.metadata
    low, high, kind, check = said["least"], said["most"], said["kind"], said["check"]
    fits = type(value) is kind and not (kind is float and not math.isfinite(value))
    wrong = f"{value!r}; expected {expected(attribute)}"
    if fits and (low is None or value >= low) and (high is None or value <= high):
        if check is None:
            return
        try:
            check(value)
        except (ValueError, TypeError) as error:
            wrong = str(error)
        else:
            return
    raise BadInput(
        f"strategy {strategy.name()}: parameter {attribute.name}: {wrong}",
        action=f"give {attribute.name} such a value, or leave it out for {attribute.default!r}",
    )


def expected(attribute: attrs.Attribute[Any]) -> str:
    """Return what a parameter may be, in words."""
    said = attribute.metadata
    word = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}[said["kind"]]
    bounds = [
        f"{text} {said[name]}" for name, text in (("least", ">="), ("most", "<=")) if said[name] is not None
    ]
    return " ".join([word, " and ".join(bounds)]).rstrip()


def snake_case(name: str) -> str:
    """Return the name of a class in snake case, the id of a strategy that gives itself no other."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


class Strategy:
    """What shall be held, cycle by cycle, as shares of what can be invested.

    A subclass becomes a frozen class whose fields are its parameters (`param`), given by name. It has either
    `weights`, for what follows from the market alone, or `decide`, for what depends on the book. `version` is
    the author's; `id` is the class's name in snake case unless given; `bars` is the interval of the candles
    that it looks at, such as "1h", None for the dataset's own; `calendar` says that it goes by dates, which
    `meva strategy check` takes for known by heart otherwise. It is pure: what it answers follows from its
    parameters and from what it is given alone.
    """

    id: ClassVar[str] = ""
    version: ClassVar[int] = 1
    bars: ClassVar[str | None] = None
    calendar: ClassVar[bool] = False

    if TYPE_CHECKING:

        def __init__(self, **parameters: Any) -> None: ...

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Make fields of the parameters. Raises TypeError for an id, a version or bars that cannot be, and
        for one that answers in both ways."""
        super().__init_subclass__(**kwargs)
        attrs.define(cls, slots=False, frozen=True, kw_only=True, auto_attribs=False, repr=False)
        if not _ID.fullmatch(cls.name()):
            raise TypeError(f"{cls.__name__}.id: {cls.name()!r} is not of the form [a-z0-9_]{{1,40}}")
        if type(cls.version) is not int or cls.version < 0:
            raise TypeError(f"{cls.__name__}.version: {cls.version!r} is no whole number from 0 on")
        bars: Any = cls.bars
        if bars is not None and not isinstance(bars, property):  # a property follows from a parameter
            seconds_of(bars)
        if cls.decides() and cls.weights is not Strategy.weights:
            raise TypeError(f"{cls.__name__} has weights(h) and decide(view, memory); expected one of them")

    @classmethod
    def name(cls) -> str:
        """Return its id."""
        return cls.id or snake_case(cls.__name__)

    def needs(self) -> int:
        """Return how many bars must lie before the first cycle."""
        return 0

    def weights(self, h: History) -> Any:
        """Return float64 [cycles, symbols]: shares from 0 to 1, in each cycle at most 1 in all; NaN goes on
        as decided."""
        raise NotImplementedError(f"{type(self).__name__} has no weights(h)")

    def decide(self, view: View, memory: dict[str, Any]) -> Any:
        """Return the share of each symbol by name; those left out, and NaN, go on as decided.

        Asked once a cycle. What `memory` holds at the return is given to the next cycle.
        """
        raise NotImplementedError(f"{type(self).__name__} has no decide(view, memory)")

    @classmethod
    def decides(cls) -> bool:
        """Whether it is asked cycle by cycle, with the book before its eyes."""
        return cls.decide is not Strategy.decide

    def parameters(self) -> dict[str, Any]:
        """Return the values of its parameters by name."""
        return {name: getattr(self, name) for name in fields_of(type(self))}

    def __repr__(self) -> str:
        """Return how it would be made."""
        given = ", ".join(f"{name}={value!r}" for name, value in self.parameters().items())
        return f"{type(self).__name__}({given})"


def fields_of(kind: type[Strategy]) -> Mapping[str, attrs.Attribute[Any]]:
    """Return the parameters of a strategy by name."""
    return {field.name: field for field in attrs.fields(kind)}  # type: ignore[arg-type]  # as above


def bars_needed(strategy: Strategy) -> int:
    """Return what a strategy's `needs` says. Raises BadInput for what is no number of bars, and for whatever
    it raises."""
    try:
        with undisturbed():
            needed = strategy.needs()
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise BadInput(
            f"strategy {strategy.name()}: needs() raised {told(error, file_of(type(strategy).needs))}",
            action="mend the strategy; --debug shows the traceback",
        ) from error
    needed = needed.item() if isinstance(needed, np.generic) else needed
    if type(needed) is not int or not 0 <= needed <= _MOST_BARS:
        raise BadInput(
            f"strategy {strategy.name()}: needs() returned {needed!r}; expected a whole number of bars from "
            f"0 to {_MOST_BARS}",
            action="return how many bars one answer is made of",
        )
    return needed


def identity_of(strategy: Strategy, source_sha256: str, **origin: str) -> dict[str, Any]:
    """Return what a strategy is, as a run records it; `origin` is the distribution it came with, if any.

    Raises BadInput for one that answers nothing, and for a parameter that JSON has no exact form of.
    """
    if not strategy.decides() and type(strategy).weights is Strategy.weights:
        raise BadInput(
            f"strategy {strategy.name()} says nothing: it has neither weights(h) nor decide(view, memory)",
            action="write one of the two",
        )
    document = {
        "id": strategy.name(),
        "version": strategy.version,
        "bars": strategy.bars,
        "parameters": strategy.parameters(),
        "source_sha256": source_sha256,
        **origin,
    }
    canonical_json(document)
    return document


def identity_text(identity: Mapping[str, Any]) -> str:
    """Return what a strategy is, as people read it: id, version, parameters."""
    given = "".join(f" {name}={value}" for name, value in identity["parameters"].items())
    return f"{identity['id']} version {identity['version']}{given}"
