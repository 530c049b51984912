"""Recorded markets in a folder: reading, checking, describing, writing and making them up."""

from meva_adapters.replay.checking.manifest import Manifest
from meva_adapters.replay.dataset import Dataset, open_dataset, validate
from meva_adapters.replay.format.faults import Fault, Report
from meva_adapters.replay.info import FileInfo, Info, describe, info
from meva_adapters.replay.made_up.scaffold import init
from meva_adapters.replay.made_up.synthetic import write_synthetic
from meva_adapters.replay.recording.writer import write_manifest

__all__ = [
    "Dataset",
    "Fault",
    "FileInfo",
    "Info",
    "Manifest",
    "Report",
    "describe",
    "info",
    "init",
    "open_dataset",
    "validate",
    "write_manifest",
    "write_synthetic",
]
