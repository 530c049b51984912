"""The notebooks of docs/notebooks run as a reader runs them: each in a kernel of its own, in a folder of its
own, without a network; and they leave nothing behind."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "docs/notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
MINUTES = 10
"""A kernel that hangs ends the test after so many; a slow machine does not."""

GUARD = """
import sys


def refuse(event, arguments):
    if event == "socket.connect":
        host = arguments[1][0] if isinstance(arguments[1], tuple) else "localhost"
    elif event == "socket.getaddrinfo":
        host = arguments[0]
    else:
        return
    if host not in (None, "", "localhost", "127.0.0.1", "::1"):
        raise RuntimeError(f"a notebook wants to reach {host}")


sys.addaudithook(refuse)
"""
"""Loaded by each Python that a notebook starts."""


def executed(path: Path, folder: Path) -> Any:
    """Run a copy of a notebook in an empty folder, and return it with its outputs."""
    copy = nbformat.read(path, as_version=4)
    resources = {"metadata": {"path": str(folder / "work")}}
    client = NotebookClient(copy, timeout=MINUTES * 60, kernel_name="python3", resources=resources)
    client.execute(env=guarded(folder))
    return copy


def guarded(folder: Path) -> dict[str, str]:
    """Return an environment in which Python reaches this machine alone and writes below a folder."""
    for name in ("work", "guard", "temp", "home"):
        (folder / name).mkdir()
    (folder / "guard/sitecustomize.py").write_text(GUARD)
    of_machine = {name: value for name, value in os.environ.items() if name in ("PATH", "LANG", "SYSTEMROOT")}
    return {
        **of_machine,
        "PYTHONPATH": str(folder / "guard"),
        "TMPDIR": str(folder / "temp"),
        "HOME": str(folder / "home"),
    }


def texts_of(notebook: Any) -> str:
    """Return all that its cells show as text."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    return "\n".join(output.get("text") or output.get("data", {}).get("text/plain", "") for output in outputs)


def test_there_are_notebooks_for_a_first_run_own_data_the_rules_and_an_own_strategy() -> None:
    assert [path.name for path in NOTEBOOKS] == [
        "1-first-backtest.ipynb",
        "2-own-data.ipynb",
        "3-rules-by-property.ipynb",
        "4-own-strategy.ipynb",
    ]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_in_an_empty_folder_and_leaves_nothing(path: Path, tmp_path: Path) -> None:
    shown = executed(path, tmp_path)
    assert list((tmp_path / "work").iterdir()) == []
    assert list((tmp_path / "temp").iterdir()) == []
    said = {
        "1-first-backtest": ["Equity    100 000 -> 96 992.87 TRY", fingerprint_of_the_demo()],
        "2-own-data": [
            "nothing tells whether a stamp is a candle's opening",
            "fills are a model, not a record",
        ],
        "4-own-strategy": [
            "History(749 bars, 720 cycles, 5 symbols)",
            "Rising(closes=30, count=2, rebalance='1h') decides in 12 of 720 cycles",
            "strategy prophet is not to be trusted: BTCTRY at 2024-01-01T00:",
        ],
        "3-rules-by-property": ["holds: never more than was planned", "the_nearest_tick_never_pays_more("],
    }
    for text in said[path.stem]:
        assert text in texts_of(shown)


def test_a_notebook_that_reached_out_would_be_noticed(tmp_path: Path) -> None:
    reach = "import socket; socket.create_connection(('192.0.2.1', 9), 1)"
    done = subprocess.run(
        [sys.executable, "-c", reach], env=guarded(tmp_path), capture_output=True, text=True, check=False
    )
    assert "a notebook wants to reach 192.0.2.1" in done.stderr


def fingerprint_of_the_demo() -> str:
    """Return the fingerprint that the README shows."""
    found = re.search(r"^fingerprint\t(\w{64})$", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert found is not None
    return found[1]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_stored_without_outputs_and_needs_no_checkout(path: Path) -> None:
    stored = json.loads(path.read_text())
    cells = [cell for cell in stored["cells"] if cell["cell_type"] == "code"]
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in cells)
    assert len({cell["id"] for cell in stored["cells"]}) == len(stored["cells"])
    code = "".join("".join(cell["source"]) for cell in cells)
    assert "replay/sample" not in code
    for cell in stored["cells"]:
        if cell["cell_type"] == "markdown":
            for target in re.findall(r"\]\(([^)]+)\)", "".join(cell["source"])):
                assert (path.parent / target).exists(), target
