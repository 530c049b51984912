"""Where tests keep machine code: in pytest's cache, so that the next run need not compile."""

from __future__ import annotations

from pathlib import Path

import pytest


def kept_at(config: pytest.Config, factory: pytest.TempPathFactory) -> Path:
    """Return the folder; without pytest's cache (`-p no:cacheprovider`) one of this session."""
    if config.pluginmanager.hasplugin("cacheprovider"):
        return config.cache.mkdir("machine-code")
    folder = factory.getbasetemp() / "machine-code"
    folder.mkdir(exist_ok=True)
    return folder
