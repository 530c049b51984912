"""Settings that name a strategy of the user's own."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from attrs import field, frozen

from meva_core.settings.kinds import POSITIVE, Text
from meva_core.settings.variables import Variable, check_fields, number, setting


@frozen(kw_only=True)
class StrategyChoice:
    """Which strategy says what is to be held, instead of equal parts of the best pairs."""

    strategy: str | None = setting(
        Variable(
            "STRATEGY",
            Text(r"[^\x00]+", "an id, FILE.py:Class or package.module:Class"),
            None,
            "the strategy of backtests and of Stage 7; nothing: equal parts of the best pairs",
            optional=True,
            in_files=False,
        )
    )
    params: str = setting(
        Variable(
            "STRATEGY_PARAMS",
            Text(r"\{[^\x00]*\}", "a JSON object"),
            "{}",
            'its parameters, such as {"closes": 90}',
            in_files=False,
        )
    )
    path: str | None = setting(
        Variable(
            "MEVA_STRATEGY_PATH",
            Text(r"[^\x00]+", "folders, separated as those of PATH are"),
            None,
            "folders in whose files strategies are found by their ids",
            optional=True,
            in_files=False,
        )
    )
    tables: Mapping[str, Mapping[str, Any]] = field(factory=dict, hash=False)
    """Parameters by the ids of strategies: `[strategies.<id>]` of `meva.toml`."""

    timeout_sec: Decimal = number(
        "STRATEGY_TIMEOUT_SEC",
        "2",
        POSITIVE,
        "s",
        "how long a cycle on the live market waits for a strategy; later is a failure (a backtest says so, "
        "and waits)",
    )

    __attrs_post_init__ = check_fields
