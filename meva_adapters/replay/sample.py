"""The sample: twelve hours of five symbols, which comes with Meva."""

from __future__ import annotations

from pathlib import Path


def sample_folder() -> Path:
    """Return the folder of the sample: inside an installed package, else in the checkout."""
    inside = Path(__file__).parent / "sample"
    return inside if inside.is_dir() else Path(__file__).parents[2] / "replay" / "sample"
