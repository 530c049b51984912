"""All settings: `Settings` holds one frozen class a group, checked when it is made.

The core reads no environment: `build_settings` takes raw texts by the names of their variables and says
everything that is wrong with them at once. The names are those of the earlier system's `.env` files.
"""

from meva_core.settings.build import (
    GROUPS,
    VARIABLES,
    Settings,
    build_settings,
    operating_document,
    settings_document,
    settings_recorded,
    settings_texts,
    with_later,
)
from meva_core.settings.general import LIVE_ACKNOWLEDGEMENT, Alerts, Exchange, Gates, LogLevel, State
from meva_core.settings.kinds import Interval, ScoreWeights
from meva_core.settings.operational import Degrade, Live, Risk, Universe
from meva_core.settings.secret import MASK, Secret, secrets_in
from meva_core.settings.stage7 import FillModel, InvalidRules, MarkSource, Stage7
from meva_core.settings.variables import Variable, in_order, variables_of

__all__ = [
    "GROUPS",
    "LIVE_ACKNOWLEDGEMENT",
    "MASK",
    "VARIABLES",
    "Alerts",
    "Degrade",
    "Exchange",
    "FillModel",
    "Gates",
    "Interval",
    "InvalidRules",
    "Live",
    "LogLevel",
    "MarkSource",
    "Risk",
    "ScoreWeights",
    "Secret",
    "Settings",
    "Stage7",
    "State",
    "Universe",
    "Variable",
    "build_settings",
    "in_order",
    "operating_document",
    "secrets_in",
    "settings_document",
    "settings_recorded",
    "settings_texts",
    "variables_of",
    "with_later",
]
