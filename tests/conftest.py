"""Settings of all tests: examples (HYPOTHESIS_PROFILE=nightly looks further), signals, workers."""

from __future__ import annotations

import decimal
import gc
import logging
import os
import signal
import sys
from collections.abc import Iterator
from typing import Any

# Without bytecode each worker rewrites the asserts of all tests anew, for longer than all else of collecting,
# and those of Hypothesis whenever it is imported.
sys.dont_write_bytecode = False

import pytest  # noqa: E402
from hypothesis import HealthCheck, settings  # noqa: E402

OWN = pytest.StashKey[Any]()
"""Where this run writes, if that is a folder of its own."""
_SLOW = (HealthCheck.too_slow, HealthCheck.data_too_large)

# The same examples in every run, so that a red test is red for everybody; `nightly` looks further each time.
settings.register_profile(
    "default", deadline=None, max_examples=20, derandomize=True, suppress_health_check=_SLOW
)
settings.register_profile(
    "nightly", deadline=None, max_examples=2_000, print_blob=True, suppress_health_check=_SLOW
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


def pytest_configure(config: pytest.Config) -> None:
    """Start workers and the children of tests alike, wherever the tests were started.

    They keep what they compile to bytecode: hundreds of commands are run, and without it each compiles every
    module anew, for longer than it works.

    A shell ignores SIGINT for the background jobs of a script, nohup ignores SIGHUP, children inherit that,
    and a command that is to be interrupted would go on for ever. A signal that is caught is at its default in
    a child, so those that are ignored are caught, and nothing is done about them.
    """
    from memory import write_to_memory

    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    config.stash[OWN] = write_to_memory()
    for name in ("SIGINT", "SIGHUP", "SIGTERM"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, lambda *_: None)
    if hasattr(config, "workerinput") and config.args_source is pytest.Config.ArgsSource.TESTPATHS:
        from workers import collected_by

        number = int(config.workerinput["workerid"].removeprefix("gw"))
        config.args = collected_by(number, config.workerinput["workercount"])


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Leave what the tests that failed have written."""
    own = session.config.stash[OWN]
    if own is not None:
        own.stays = exitstatus not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Look for no garbage while all that comes is kept."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest, in the same order wherever a worker began to collect."""
    from workers import place

    items.sort(key=place)


def pytest_collection_finish() -> None:
    """Spare the collector of garbage what lives as long as the tests, all of their modules and items, and let
    it look for more only where more has come: by default it takes an eighth of all time. What is garbage by
    then stays: to look for it takes half a second of each worker, and what it needs does not shrink by it."""
    gc.freeze()
    gc.set_threshold(10_000, 20, 10)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol() -> Iterator[None]:
    """Leave logging as it was before each test.

    A command that is run in this process sends it to its stderr, which is closed by the next test; each line
    that is logged from then on would cost a traceback of why it cannot be written.
    """
    loggers = [logging.getLogger(name) for name in (None, "meva_core", "meva_adapters", "meva_cli")]
    were = [(logger.handlers[:], logger.level) for logger in loggers]
    try:
        return (yield)
    finally:
        for logger, (handlers, level) in zip(loggers, were, strict=True):
            logger.handlers[:] = handlers
            logger.setLevel(level)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int | None:
    """Have one worker more than processors: tests that wait for a child or a clock leave theirs to others."""
    named = os.environ.get("PYTEST_XDIST_AUTO_NUM_WORKERS")
    return None if named else len(os.sched_getaffinity(0)) + 1 if hasattr(os, "sched_getaffinity") else None


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Keep the tests of a group with one worker."""
    from workers import ByGroup

    return ByGroup(config, log) if config.getvalue("dist") == "loadgroup" else None


@pytest.fixture(autouse=True)
def _own_decimal_context() -> Iterator[None]:
    """Let what a test sets for decimals, or a strategy in it, reach no other."""
    with decimal.localcontext(decimal.DefaultContext):
        yield
