"""Strategies of a live market in a process of their own, which can be ended whatever they do."""

from meva_adapters.asking.asked_beside import AskedBeside
from meva_adapters.asking.calls_beside import CallsBeside, calls_beside

__all__ = ["AskedBeside", "CallsBeside", "calls_beside"]
