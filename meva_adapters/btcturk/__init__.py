"""BTCTurk: its REST interface and its stream behind the core's ports. `connect` is the way in."""

from meva_adapters.btcturk.calls import SharedCalls
from meva_adapters.btcturk.client import Client, Manners
from meva_adapters.btcturk.clock import Monotonic, VenueClock
from meva_adapters.btcturk.connect import Btcturk, connect, stream_of
from meva_adapters.btcturk.feed import Channel
from meva_adapters.btcturk.observed import Observer
from meva_adapters.btcturk.payloads import Payloads
from meva_adapters.btcturk.private import PrivateData
from meva_adapters.btcturk.public import RESOLUTIONS, PublicData
from meva_adapters.btcturk.signing import Signer
from meva_adapters.btcturk.stream import Stream
from meva_adapters.btcturk.streamed import StreamedMarket

__all__ = [
    "RESOLUTIONS",
    "Btcturk",
    "Channel",
    "Client",
    "Manners",
    "Monotonic",
    "Observer",
    "Payloads",
    "PrivateData",
    "PublicData",
    "SharedCalls",
    "Signer",
    "Stream",
    "StreamedMarket",
    "VenueClock",
    "connect",
    "stream_of",
]
