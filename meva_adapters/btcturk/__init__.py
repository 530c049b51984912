"""BTCTurk: its REST interface and its stream behind the core's ports. `connect` is the way in."""

from meva_adapters.btcturk.client import Client, Manners, Permit
from meva_adapters.btcturk.connect import Btcturk, connect
from meva_adapters.btcturk.payloads import Payloads
from meva_adapters.btcturk.private import PrivateData
from meva_adapters.btcturk.public import RESOLUTIONS, PublicData
from meva_adapters.btcturk.signing import Signer

__all__ = [
    "RESOLUTIONS",
    "Btcturk",
    "Client",
    "Manners",
    "Payloads",
    "Permit",
    "PrivateData",
    "PublicData",
    "Signer",
    "connect",
]
