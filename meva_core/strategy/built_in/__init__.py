"""Strategies that come with Meva, each a module that reads as an example."""

from meva_core.strategy.base import Strategy
from meva_core.strategy.built_in.baseline_mean_reversion_v1 import BaselineMeanReversionV1
from meva_core.strategy.built_in.buy_and_hold import BuyAndHold
from meva_core.strategy.built_in.fixed_weights import FixedWeights
from meva_core.strategy.built_in.inverse_volatility import InverseVolatility
from meva_core.strategy.built_in.momentum import Momentum
from meva_core.strategy.built_in.profit_aware_v1 import ProfitAwareV1

BUILT_IN: dict[str, type[Strategy]] = {
    kind.name(): kind for kind in (BuyAndHold, FixedWeights, InverseVolatility, Momentum)
}
"""Them by their ids."""

OF_LIVE_STAGES: dict[str, type[Strategy]] = {
    kind.name(): kind for kind in (BaselineMeanReversionV1, ProfitAwareV1)
}
"""Those that answer with intents, which Stages 3 and 4 take, by their ids."""


def is_of_meva(strategy: Strategy) -> bool:
    """Whether a strategy came with Meva; one that is derived of such a one did not."""
    return type(strategy) in {*BUILT_IN.values(), *OF_LIVE_STAGES.values()}


__all__ = [
    "BUILT_IN",
    "OF_LIVE_STAGES",
    "BaselineMeanReversionV1",
    "BuyAndHold",
    "FixedWeights",
    "InverseVolatility",
    "Momentum",
    "ProfitAwareV1",
    "is_of_meva",
]
