"""Strategies that come with Meva, each a module that reads as an example."""

from meva_core.strategy.base import Strategy
from meva_core.strategy.built_in.buy_and_hold import BuyAndHold
from meva_core.strategy.built_in.fixed_weights import FixedWeights
from meva_core.strategy.built_in.inverse_volatility import InverseVolatility
from meva_core.strategy.built_in.momentum import Momentum

BUILT_IN: dict[str, type[Strategy]] = {
    kind.name(): kind for kind in (BuyAndHold, FixedWeights, InverseVolatility, Momentum)
}
"""Them by their ids."""

__all__ = ["BUILT_IN", "BuyAndHold", "FixedWeights", "InverseVolatility", "Momentum"]
