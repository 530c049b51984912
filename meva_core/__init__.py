"""The domain of Meva: pure values, rules and the engine.

    from meva_core import Side, quantize

Importing it touches nothing, and loads a module when one of its names is asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from meva_core.amounts import E8, format_e8, parse_e8, to_decimal
    from meva_core.engine import Engine
    from meva_core.errors import BadInput, MevaError
    from meva_core.modes import Mode
    from meva_core.orders import Side
    from meva_core.rules import FallbackRules, RuleStatus, SymbolRules, quantize, symbol_rules
    from meva_core.settings import Settings, build_settings
    from meva_core.stages.plan import RunPlan

__version__ = "0.1.0"
"""Of all of Meva: the wheel takes it from here."""

_WHERE: Final = {
    "E8": "amounts",
    "BadInput": "errors",
    "Engine": "engine",
    "FallbackRules": "rules",
    "MevaError": "errors",
    "Mode": "modes",
    "RuleStatus": "rules",
    "RunPlan": "stages.plan",
    "Settings": "settings",
    "Side": "orders",
    "SymbolRules": "rules",
    "build_settings": "settings",
    "format_e8": "amounts",
    "parse_e8": "amounts",
    "quantize": "rules",
    "symbol_rules": "rules",
    "to_decimal": "amounts",
}

__all__ = [
    "E8",
    "BadInput",
    "Engine",
    "FallbackRules",
    "MevaError",
    "Mode",
    "RuleStatus",
    "RunPlan",
    "Settings",
    "Side",
    "SymbolRules",
    "__version__",
    "build_settings",
    "format_e8",
    "parse_e8",
    "quantize",
    "symbol_rules",
    "to_decimal",
]


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)
    return found


def __dir__() -> list[str]:
    return __all__
