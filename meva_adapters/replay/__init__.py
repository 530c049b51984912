"""Recorded markets in a folder: reading, checking, writing and making them up."""

from meva_adapters.replay.dataset import Dataset, open_dataset, validate
from meva_adapters.replay.faults import Fault, Report

__all__ = ["Dataset", "Fault", "Report", "open_dataset", "validate"]
