"""Strategies of a live market in a process of their own, which can be ended whatever they do."""

from meva_adapters.asking.process import AskedBeside

__all__ = ["AskedBeside"]
