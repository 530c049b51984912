"""The live market, measured once a cycle: the port `LiveMarket` over the exchange's public calls."""

from meva_adapters.measuring.measure import MeasuredMarket
from meva_adapters.measuring.offset import StoredOffset
from meva_adapters.measuring.streamed import StreamedBooks, arrivals

__all__ = ["MeasuredMarket", "StoredOffset", "StreamedBooks", "arrivals"]
