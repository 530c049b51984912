"""`meva engine warm`, and what may be compiled when a run has ended."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from meva_adapters.system import machine_code
from meva_adapters.system.compiled import engine_name
from meva_cli.commands.backtest import may_compile_afterwards
from meva_core.errors import BadInput


class Terminal:
    """What somebody looks at."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MEVA_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache" / "meva"


def test_what_is_compiled_already_is_said_at_once(meva: Callable[..., Any], shelf: Path) -> None:
    kept = shelf / engine_name()
    (working := shelf / "working").mkdir(parents=True)
    (working / "engine.run-1.py311.1.nbc").touch()
    machine_code._publish(working, kept)
    assert meva("engine", "warm").out == f"already compiled: {kept}\n"
    assert meva("engine", "warm", "--json").document == {
        "folder": str(kept),
        "already_compiled": True,
        "seconds": 0.0,
    }


def test_where_nothing_can_be_kept_nothing_is_compiled(meva: Callable[..., Any], shelf: Path) -> None:
    shelf.parent.write_text("a file in the way")
    ended = meva("engine", "warm")
    assert ended.code == 2
    assert ended.err == (
        f"Error: {shelf} is no place to keep machine code in\n"
        "To do: set MEVA_CACHE_DIR to a folder that only you can change\n"
    )


def test_compiling_goes_on_after_a_run_only_where_somebody_sees_that(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MEVA_WARM", raising=False)
    assert not may_compile_afterwards()
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert may_compile_afterwards()
    monkeypatch.setenv("MEVA_WARM", "off")
    assert not may_compile_afterwards()


def test_a_wish_that_is_neither_on_nor_off_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEVA_WARM", "of")
    with pytest.raises(BadInput, match="MEVA_WARM: 'of' from the environment is neither on nor off"):
        may_compile_afterwards()
