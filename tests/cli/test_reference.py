"""The reference pages: they name everything, and CI can tell when they do not."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from meva_cli.lazy import load_command
from meva_cli.reference import commands_page, main, settings_page
from meva_cli.registry import COMMANDS
from meva_core.settings import GROUPS, VARIABLES


def test_the_settings_page_has_a_row_for_every_variable() -> None:
    page = settings_page()
    for name, variable in VARIABLES.items():
        row = next(line for line in page.splitlines() if line.startswith(f"| `{name}` |"))
        assert variable.doc in row
    assert all(f"[{group}]" in page for group in GROUPS)


def test_the_commands_page_has_every_command_with_all_its_options() -> None:
    parts = {part.partition("\n")[0]: part for part in commands_page().split("\n## ")}
    for entry in COMMANDS:
        part = parts[f"meva {entry.path}"]
        for parameter in load_command(entry.path).params:
            if isinstance(parameter, click.Option):
                assert all(name in part for name in parameter.opts)


def test_a_page_that_is_not_current_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    runner = CliRunner()
    assert runner.invoke(main).exit_code == 0
    assert runner.invoke(main, ["--check"]).exit_code == 0
    page = tmp_path / "docs" / "reference" / "settings.md"
    page.write_text(page.read_text().replace("KILL_SWITCH", "KILL"))
    stale = runner.invoke(main, ["--check"])
    assert stale.exit_code == 1
    assert "settings.md; run `make docs`" in stale.output
    assert "commands.md" not in stale.output
    assert "KILL_SWITCH" not in page.read_text()
