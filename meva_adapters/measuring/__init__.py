"""The live market, measured once a cycle: the port `LiveMarket` over the exchange's public calls."""

from meva_adapters.measuring.measure import MeasuredMarket
from meva_adapters.measuring.offset import StoredOffset

__all__ = ["MeasuredMarket", "StoredOffset"]
