"""All settings together: out of raw texts, and into the document that a run records."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any, Final

from attrs import Factory, field, fields, frozen

from meva_core.errors import BadInput, Problem
from meva_core.settings.general import Alerts, Exchange, Gates, State
from meva_core.settings.operational import Degrade, Live, Risk, Universe
from meva_core.settings.stage7 import Stage7
from meva_core.settings.strategy import StrategyChoice
from meva_core.settings.variables import Variable, refuse_all, variables_of

STAGE7_READS: Final = (
    "SYMBOLS",
    "TTL_SECONDS",
    "MIN_ORDER_NOTIONAL_TRY",
    "DRY_RUN_TRY_BALANCE",
    "MAX_ORDERS_PER_CYCLE",
    "NOTIONAL_CAP_TRY_PER_CYCLE",
    "MAX_POSITION_NOTIONAL_TRY",
    "TRY_CASH_TARGET",
    "TRY_CASH_MAX",
)
"""What a Stage 7 cycle reads from other groups than its own."""
OPERATING_GROUPS: Final = ("gates", "live", "risk", "degrade", "universe")
OPERATING_READS: Final = ("SYMBOLS", "STAGE7_MARK_PRICE_SOURCE")
"""What a cycle of Stages 3 and 4 reads: groups, and of others these."""


@frozen(kw_only=True)
class Settings:
    """All groups. `meva.toml` has them under the names of these attributes."""

    gates: Gates = field(default=Factory(Gates))
    exchange: Exchange = field(default=Factory(Exchange))
    state: State = field(default=Factory(State))
    live: Live = field(default=Factory(Live))
    risk: Risk = field(default=Factory(Risk))
    degrade: Degrade = field(default=Factory(Degrade))
    universe: Universe = field(default=Factory(Universe))
    stage7: Stage7 = field(default=Factory(Stage7))
    alerts: Alerts = field(default=Factory(Alerts))
    strategy: StrategyChoice = field(default=Factory(StrategyChoice))


GROUPS: Final[Mapping[str, type]] = {
    attribute.name: attribute.default.factory  # type: ignore[union-attr]
    for attribute in fields(Settings)
}
"""The classes of the groups by their names."""

VARIABLES: Final[Mapping[str, Variable]] = {
    variable.name: variable for group in GROUPS.values() for variable in variables_of(group).values()
}
"""Every variable by its name."""


def build_settings(
    values: Mapping[str, str],
    origin: Mapping[str, str] | None = None,
    groups: Collection[str] = tuple(GROUPS),
) -> Settings:
    """Return the settings that raw texts, by the names of their variables, give; the rest are defaults.

    `origin` says where each text came from, for messages. Names that are no variable's are left alone, and so
    are groups that are not named: whoever does not use a group is not stopped by a fault in it.
    Raises BadInput that lists every fault: variable, value (secrets masked), origin, what was expected.
    """
    origin = origin or {}
    problems: list[Problem] = []
    built = {name: _build_group(GROUPS[name], values, origin, problems) for name in groups}
    refuse_all(problems)
    return Settings(**built)


def _build_group(
    group: type, values: Mapping[str, str], origin: Mapping[str, str], problems: list[Problem]
) -> Any:
    """Return one group, or None after adding what is wrong with it to `problems`."""
    given: dict[str, Any] = {}
    faults: list[Problem] = []
    for attribute, variable in variables_of(group).items():
        if variable.name not in values:
            continue
        try:
            given[attribute] = variable.parse(values[variable.name], origin.get(variable.name, ""))
        except BadInput as error:
            faults += error.problems
    if not faults:
        try:
            return group(**given)
        except BadInput as error:  # what only several fields together can break
            faults += error.problems
    problems += faults
    return None


def settings_texts(settings: Settings) -> dict[str, Any]:
    """Return every setting by its variable's name as JSON holds it: amounts as plain text, secrets masked."""
    return {
        variable.name: variable.plain(getattr(getattr(settings, name), attribute))
        for name, group in GROUPS.items()
        for attribute, variable in variables_of(group).items()
    }


def settings_document(settings: Settings) -> dict[str, Any]:
    """Return what a Stage 7 run depends on, sorted by variable: amounts as plain text, no secret, no path.

    Equal settings give equal documents, however they were written (`5.0` or `5`, symbols in any order). One
    that is `later` and at its default is left out: `with_later` puts it back.
    """
    return {
        variable.name: variable.recorded(value)
        for variable, value in _of_stage7(settings)
        if not (variable.later and value == variable.default)
    }


def operating_document(settings: Settings) -> dict[str, Any]:
    """Return what cycles of Stages 3 and 4 are under, as they record it: amounts as plain text, no secret."""
    return {
        variable.name: variable.recorded(getattr(getattr(settings, name), attribute))
        for name, group in GROUPS.items()
        for attribute, variable in variables_of(group).items()
        if name in OPERATING_GROUPS or variable.name in OPERATING_READS
    }


def settings_recorded(document: Mapping[str, Any]) -> Settings:
    """Return the settings that a run recorded (`settings_document`); what it leaves out is at its default.

    Lists come back sorted or as an earlier version wrote them: they are sets. Names that are no variable's
    are the run's own options. Raises BadInput for a value that no setting of this version can have.
    """
    texts = {name: _text(value) for name, value in document.items() if name in VARIABLES}
    return build_settings(texts, dict.fromkeys(texts, "the recorded run"))


def _text(value: Any) -> str:
    """Return the raw text of a value as JSON holds it."""
    if value is None:
        return "none"
    return value if isinstance(value, str) else json.dumps(value)


def with_later(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return a recorded document together with the later settings that it leaves out, at their defaults.

    One without any setting, of cycles of the earlier system, stays without.
    """
    left_out = (variable for variable, _ in _of_stage7(Settings()) if variable.later and document)
    return {variable.name: variable.recorded(variable.default) for variable in left_out} | dict(document)


def _of_stage7(settings: Settings) -> list[tuple[Variable, Any]]:
    """Return the variables that Stage 7 reads with their values, sorted by name."""
    own = {variable.name for variable in variables_of(Stage7).values()}
    found = [
        (variable, getattr(getattr(settings, name), attribute))
        for name, group in GROUPS.items()
        for attribute, variable in variables_of(group).items()
        if variable.name in own or variable.name in STAGE7_READS
    ]
    return sorted(found, key=lambda pair: pair[0].name)
