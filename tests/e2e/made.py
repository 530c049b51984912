"""What the tests of a worker share."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple


class Made(NamedTuple):
    """What is made once for a worker's tests: a dataset, not to be changed, and a database without rows."""

    data: Path
    schema: Path
