"""Units and containers: what the documents promise of them stands in them, and their commands are Meva's."""

from __future__ import annotations

import configparser
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import click
import pytest
from ops_files import COMPOSE, OPS, ROOT, RULES, SYSTEMD, tree_of

from meva_adapters.btcturk import Manners
from meva_cli.lazy import load_command
from meva_cli.operating.taking_back import CANCEL_SECONDS

UNITS = sorted(SYSTEMD.glob("meva*"))


def unit(name: str) -> configparser.ConfigParser:
    read = configparser.ConfigParser(strict=False, interpolation=None, delimiters=("=",))
    read.optionxform = str  # type: ignore[assignment,method-assign]  # names have capitals
    read.read_string((SYSTEMD / name).read_text(encoding="utf-8"))
    return read


def check_command(words: list[str]) -> click.Context:
    """Hold the words behind `meva` against the command that they name."""
    assert words[:2] == ["run", "stage7"]
    return load_command("run stage7").make_context("meva run stage7", words[2:])


def test_the_loop_is_supervised_as_it_promises() -> None:
    service = unit("meva.service")["Service"]
    assert (service["Type"], service["Restart"]) == ("notify", "on-failure")
    assert (service["SuccessExitStatus"], service["RestartPreventExitStatus"]) == ("130", "2")
    asked = check_command(shlex.split(service["ExecStart"])[1:])
    assert asked.params["loop"]
    assert asked.params["metrics"] == ("127.0.0.1", 9751)
    # A measure may be over its deadline of 20 s by as much before the watchdog bites.
    assert int(service["WatchdogSec"]) > 40
    # A live cycle says nothing while one call is under way, and while budgets are waited for before it.
    assert int(service["WatchdogSec"]) > Manners().total + Manners().patience
    # A slow cycle, and after it the cancels of --cancel-on-exit with the last one's call.
    assert int(service["TimeoutStopSec"]) > 180 + CANCEL_SECONDS + Manners().total
    # A book is opened by two reads 30 s apart, each of them tried three times.
    assert int(service["TimeoutStartSec"]) > 30 + 2 * 3 * Manners().total
    assert service["KillMode"] == "mixed", "a strategy's process is asked to the end of the cycle"


def test_a_single_cycle_is_one_process_and_leaves_its_metrics() -> None:
    service = unit("meva-cycle.service")["Service"]
    assert service["Type"] == "oneshot"
    assert "Restart" not in service
    asked = check_command(shlex.split(service["ExecStart"])[1:])
    assert not asked.params["loop"]
    assert str(asked.params["metrics_file"].parent) == service["ReadWritePaths"]
    assert unit("meva-cycle.timer")["Timer"]["OnCalendar"] == "*-*-* *:*:00"


def test_systemd_finds_nothing_wrong(tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is not here: units are looked at by the other tests alone")
    for path in UNITS:
        text = path.read_text(encoding="utf-8").replace(
            "/srv/meva/.venv/bin/meva", shutil.which("true") or ""
        )
        (tmp_path / path.name).write_text(text)
    command = [analyze, "verify", *map(str, sorted(tmp_path.iterdir()))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    ours = [line for line in done.stderr.splitlines() if "meva" in line]
    assert (done.returncode, ours) == (0, []), done.stderr


def test_the_containers_are_as_the_documents_say() -> None:
    services = tree_of(COMPOSE)["services"]
    meva = services["meva"]
    assert meva["init"] is True
    assert meva["restart"] == "on-failure:3"
    assert int(meva["stop_grace_period"].removesuffix("s")) > 20
    asked = check_command(meva["command"])
    assert asked.params["loop"]
    assert "ports" not in meva, "whoever reaches the metrics sees what the book is worth"
    for service in services.values():
        for published in service.get("ports", ()):
            assert published.startswith("127.0.0.1:")


def test_what_the_containers_mount_and_configure_is_there() -> None:
    tree = tree_of(COMPOSE)
    for service in tree["services"].values():
        for mounted in service.get("volumes", ()):
            source = mounted.partition(":")[0]
            known = source in tree["volumes"] if "/" not in source else (COMPOSE.parent / source).exists()
            assert known, mounted
        for used in service.get("configs", ()):
            assert used["source"] in tree["configs"]
    build = tree["services"]["meva"]["build"]
    assert (COMPOSE.parent / build["context"]).resolve() == ROOT
    assert (ROOT / build["dockerfile"]).is_file()
    assert RULES.name in tree["configs"]["scrape"]["content"]
    port = check_command(tree["services"]["meva"]["command"]).params["metrics"].port
    assert f"meva:{port}" in tree["configs"]["scrape"]["content"]


def test_the_image_copies_what_is_there_and_what_its_filter_lets_in() -> None:
    lines = (OPS / "compose" / "Dockerfile").read_text(encoding="utf-8").splitlines()
    copied = [name for line in lines if line.startswith("COPY") for name in line.split()[1:-1]]
    let_in = (OPS / "compose" / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    assert set(copied) == {line[1:] for line in let_in if line.startswith("!")}
    assert all((ROOT / name).exists() for name in copied)


@pytest.mark.parametrize(
    "path", [OPS / "README.md", ROOT / "docs" / "operations.md", ROOT / "docs" / "runbooks.md"]
)
def test_links_into_ops_and_out_of_it_lead_somewhere(path: Path) -> None:

    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text(encoding="utf-8")):
        assert (path.parent / target).exists(), target
