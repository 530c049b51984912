"""What is added later leaves old runs alone: a copy of the core with a setting, a parameter and columns more.

While they are switched off, the copy goes on with a run of the core as it is, under its id and to its
fingerprint. Once they are switched on, it is another run, of another form.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from stage7_runs import rows_of

import meva_core
from meva_cli.commands.demo import DEMO

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.xdist_group("added later")
SAMPLE = ROOT / "replay" / "sample"
ID = "x1yi6vf"
FINGERPRINT = "2252c23ca39b21a579e2ec654e1e62d3649b08c02c670e65a8e4ab631657e687"
"""Of the run that the README shows."""

EDITS = (
    (
        "settings/stage7.py",
        "    __attrs_post_init__ = check_fields",
        '    patience: int = whole("STAGE7_PATIENCE", 4, NOT_NEGATIVE, "", "added later", later=True)\n\n',
    ),
    ("params.py", "\n\nMARK_MID: Final = 0", "    patience: int = 4\n"),
    ("params.py", '    "min_volume_try": "STAGE7_MIN_QUOTE', '    "patience": "STAGE7_PATIENCE",\n'),
    ("params.py", "        own_min_volume=parse_e8", "        patience=s7.patience,\n"),
    ("steps/plan.py", "    mode: Any\n", "    waited: Any\n"),
    ("steps/plan.py", '"target", "value", "open_value"', '"asked", '),
    ("steps/plan.py", "    target: Any\n", "    asked: Any\n"),
    (
        "steps/plan.py",
        "    mode = final_mode(c, x, r, p, s, assessed, chosen, o)\n    if",
        "    o.waited[c] = 77 + c\n",
    ),
    ("journal.py", "    attempt: Any\n", "    note: Any\n"),
)
"""Files of the core, and what is put before which text of them."""
REPLACED = (
    (
        "params.py",
        '"plan": ("rebalance_band", "strategy")',
        '"plan": ("rebalance_band", "strategy", "patience")',
    ),
    (
        "params.py",
        "COLUMNS_IF_SET: Final[dict[str, tuple[str, ...]]] = {\n",
        "COLUMNS_IF_SET: Final[dict[str, tuple[str, ...]]] = {\n"
        '    "patience": ("plan.waited", "plan.asked", "events.note"),\n',
    ),
)


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a copy of the core that has something more."""
    folder = tmp_path_factory.mktemp("grown")
    core = folder / "meva_core"
    shutil.copytree(Path(meva_core.__file__).parent, core, ignore=shutil.ignore_patterns("__pycache__"))
    inserted = [(file, text, more + text) for file, text, more in EDITS]
    for file, before, after in (*inserted, *REPLACED):
        source = (core / file).read_text()
        assert source.count(before) == 1, (file, before)
        (core / file).write_text(source.replace(before, after))
    return folder


SERVE = """
import io, json, os, sys
from contextlib import redirect_stdout
from meva_cli.app import run
plain = dict(os.environ)
for line in sys.stdin:
    order = json.loads(line)
    os.chdir(order["folder"])
    os.environ.clear()
    os.environ.update(plain | order["settings"])
    with redirect_stdout(io.StringIO()) as out:
        code = run(order["arguments"])
    print(json.dumps([code, out.getvalue()]), flush=True)
"""
Ask = Callable[..., tuple[int, str]]
Backtest = Callable[..., Mapping[str, Any]]


def plain_environment(core: Path | None) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")}
    return kept | ({"PYTHONPATH": str(core)} if core else {})


@pytest.fixture(scope="module")
def ended() -> Iterator[Ask]:
    """Return a function that runs a command in a folder, with another core if one is given, and returns its
    exit code and what it printed: each core has one process for all of its commands."""
    running: dict[Path | None, subprocess.Popen[str]] = {}

    def ask(folder: Path, core: Path | None, *arguments: object, **settings: str) -> tuple[int, str]:
        if core not in running:
            running[core] = subprocess.Popen(
                [sys.executable, "-c", SERVE],
                env=plain_environment(core),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        process = running[core]
        assert process.stdin is not None
        assert process.stdout is not None
        order = {"folder": str(folder), "arguments": [*map(str, arguments)], "settings": settings}
        print(json.dumps(order), file=process.stdin, flush=True)
        code, printed = json.loads(process.stdout.readline())
        return code, printed

    yield ask
    for process in running.values():
        process.communicate()


@pytest.fixture(scope="module")
def backtest(ended: Ask) -> Backtest:
    """Return a function that runs a backtest of the sample, and returns what it says of it."""

    def ask(
        folder: Path, core: Path | None, db: str, cycles: int, *options: str, **settings: str
    ) -> Mapping[str, Any]:
        command = ("backtest", "--data", SAMPLE, "--db", db, "--engine", "interpreted", "--json")
        code, printed = ended(folder, core, *command, "--cycles", cycles, *options, **settings)
        assert code == 0, printed
        found: dict[str, Any] = json.loads(printed)
        return found

    return ask


def test_what_is_switched_off_goes_on_under_the_same_id_to_the_same_fingerprint(
    grown: Path, tmp_path: Path, backtest: Backtest
) -> None:
    demo = DEMO
    begun = backtest(tmp_path, None, "a.db", 400, **demo)
    done = backtest(tmp_path, grown, "a.db", 720, "--resume", **demo)
    assert begun["run_id"] == done["run_id"] == ID
    assert (done["cycles_run"], done["fingerprint"]) == (320, FINGERPRINT)
    [row] = rows_of(tmp_path / "a.db", "SELECT settings_json FROM stage7_runs")
    assert "STAGE7_PATIENCE" not in row["settings_json"]


def test_what_is_switched_on_is_another_run_of_another_form(
    grown: Path, tmp_path: Path, backtest: Backtest
) -> None:
    off = backtest(tmp_path, grown, "a.db", 5)
    on = backtest(tmp_path, grown, "b.db", 5, STAGE7_PATIENCE="5")
    said = backtest(tmp_path, grown, "c.db", 5, STAGE7_PATIENCE="4")
    assert said["run_id"] == off["run_id"] != on["run_id"]
    assert said["fingerprint"] == off["fingerprint"] != on["fingerprint"]
    digests = [
        rows_of(tmp_path / db, "SELECT * FROM stage7_cycle_digests ORDER BY ts")[-1]
        for db in ("a.db", "b.db")
    ]
    differing = {name for name in digests[0] if digests[0][name] != digests[1][name]}
    steps = {name.removesuffix("_sha256") for name in differing if name.endswith("_sha256")}
    assert steps == {"settle", "plan", "execute", "link"}  # the steps that have one of the columns
    [row] = rows_of(tmp_path / "b.db", "SELECT settings_json FROM stage7_runs")
    assert row["settings_json"]["STAGE7_PATIENCE"] == 5


def test_the_form_is_the_first_one_while_all_of_it_is_switched_off(grown: Path, tmp_path: Path) -> None:
    code = (
        "import meva_core; print(meva_core.__file__)\n"
        "from meva_core.fingerprint import FIRST_FORM, form_of\n"
        "from meva_core.params import params_from\n"
        "from meva_core.settings import build_settings\n"
        "for text in '4567': print(form_of(params_from(build_settings({'STAGE7_PATIENCE': text}))).hex())\n"
        "print(FIRST_FORM.hex())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=plain_environment(grown),
        capture_output=True,
        text=True,
        check=True,
    )
    file, neutral, *others, first = done.stdout.split()
    assert Path(file).is_relative_to(grown)
    assert neutral == first
    assert len(set(others)) == 1
    assert others[0] != first


def test_parity_names_a_setting_that_only_one_run_recorded(
    grown: Path, tmp_path: Path, ended: Ask, backtest: Backtest
) -> None:
    backtest(tmp_path, None, "a.db", 3)
    backtest(tmp_path, grown, "b.db", 3, STAGE7_PATIENCE="5")
    code, document = ended(tmp_path, grown, "parity", "a.db", "b.db", "--json")
    verdict = json.loads(document)
    assert (code, verdict["equal"]) == (0, True)  # what both have is equal: nothing else reads it
    assert verdict["not_compared"][-1].startswith("digests, of two forms: the first and ")
    [apart] = verdict["differing_settings"]
    assert (apart["name"], apart["a"], apart["b"], apart["step"]) == ("STAGE7_PATIENCE", 4, 5, "plan")


# -- Columns and proof --------------------------------------------------------------------------------

RETAGGED = ("fingerprint.py", "FORMAT: Final = 1\n", "FORMAT: Final = 2\n")
"""What makes another form of every fingerprint."""


@pytest.fixture(scope="module")
def retagged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a copy of the core whose tags are others."""
    folder = tmp_path_factory.mktemp("retagged")
    core = folder / "meva_core"
    shutil.copytree(Path(meva_core.__file__).parent, core, ignore=shutil.ignore_patterns("__pycache__"))
    file, before, after = RETAGGED
    source = (core / file).read_text()
    assert source.count(before) == 1
    (core / file).write_text(source.replace(before, after))
    return folder


def test_columns_of_both_go_on_with_each_other_and_are_proved_by_both(
    grown: Path, tmp_path: Path, ended: Ask, backtest: Backtest
) -> None:
    begun = backtest(tmp_path, None, "a.db", 20, "--trace", "columns")
    done = backtest(tmp_path, grown, "a.db", 40, "--resume", "--trace", "columns")
    assert begun["run_id"] == done["run_id"]
    for core in (None, grown):
        code, printed = ended(tmp_path, core, "prove", "--db", "a.db", "--engine", "interpreted", "--json")
        proof = json.loads(printed)
        assert (code, proof["difference"]) == (0, None)
        assert (proof["cycles"], proof["fingerprint"]) == (40, done["fingerprint"])
        assert ended(tmp_path, core, "db", "check", "--deep", "--db", "a.db")[0] == 0


def test_a_form_that_is_not_known_is_refused_by_name(
    grown: Path, tmp_path: Path, ended: Ask, backtest: Backtest
) -> None:
    on = backtest(tmp_path, grown, "a.db", 5, "--trace", "columns", STAGE7_PATIENCE="5")
    code, printed = ended(tmp_path, grown, "prove", "--db", "a.db", "--engine", "interpreted", "--json")
    assert (code, json.loads(printed)["fingerprint"]) == (0, on["fingerprint"])
    code, printed = ended(tmp_path, None, "prove", "--db", "a.db", "--engine", "interpreted", "--json")
    assert code in (1, 2)
    assert "fault of Meva" not in printed


def test_a_core_with_another_tag_refuses_what_was_recorded_before(
    retagged: Path, tmp_path: Path, ended: Ask, backtest: Backtest
) -> None:
    begun = backtest(tmp_path, None, "a.db", 5, "--trace", "columns")
    prove = ("prove", "--db", "a.db", "--engine", "interpreted", "--json")
    resume = ("backtest", "--data", SAMPLE, "--db", "a.db", "--engine", "interpreted", "--json")
    code, printed = ended(tmp_path, retagged, *prove)
    error = json.loads(printed)["error"]
    assert (code, error["code"]) == (2, "store_unready")
    assert "which this version of Meva does not know" in error["message"]
    assert error["action"] == f"read them with the version that wrote them, {begun['code_version']}"
    code, printed = ended(tmp_path, retagged, *resume, "--cycles", 10, "--resume")
    error = json.loads(printed)["error"]
    assert code == 2
    assert f"run {begun['run_id']} has these settings and data" in error["message"]
    assert "another form" in error["message"]
    assert "finish it with that version" in error["action"]
    # Without --resume it is another run, and both are told apart.
    code, printed = ended(tmp_path, retagged, *resume, "--cycles", 5)
    assert (code, json.loads(printed)["run_id"] == begun["run_id"]) == (0, False)
