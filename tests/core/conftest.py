"""The compiled engine, made once for all tests that need it."""

from __future__ import annotations

import os

import pytest
from machine_cache import kept_at

from meva_adapters.system.compiled import compiled_loop
from meva_core.engine import compiled
from meva_core.loop import Loop


@pytest.fixture(scope="session")
def machine_code(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Loop:
    """Return the compiled loop; its tests belong to the xdist group `compiled`, so that one worker compiles.

    With NUMBA_BOUNDSCHECK=1 it checks every index; such code is not to be found in a cache.
    """
    if os.environ.get("NUMBA_BOUNDSCHECK"):
        return compiled()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MEVA_CACHE_DIR", str(kept_at(pytestconfig, tmp_path_factory)))
        return compiled_loop()
