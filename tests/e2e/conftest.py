"""Commands from the first line to the last row: real files, real databases."""

import pytest
from command_line import meva
from postgres_server import new_postgres
from stage7_runs import BUSY

__all__ = ["meva", "new_postgres"]


@pytest.fixture
def busy(meva: object, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Set the environment of a run that trades; the patch sets more."""
    for name, value in BUSY.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


@pytest.fixture
def machine_cache(pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep machine code where the tests of the engine do; such tests are in the xdist group `compiled`."""
    monkeypatch.setenv("MEVA_CACHE_DIR", str(pytestconfig.cache.mkdir("machine-code")))
