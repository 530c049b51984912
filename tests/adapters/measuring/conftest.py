"""A market that is measured."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from emulator_server import Emulator
from live_exchange import Live, exchange, live


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    """One exchange for all tests of a file: it takes a second to make."""
    with exchange() as made:
        yield made


@pytest.fixture
def on(emulator: Emulator) -> Iterator[Live]:
    """A market of which nothing is known yet."""
    with live(emulator) as made:
        yield made
