"""A supervisor is told by the datagrams of its protocol, and only one that there is."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from meva_adapters.system.notify import supervisor


@pytest.fixture
def heard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    monkeypatch.chdir(tmp_path)  # a socket's name is short, and a test's folder is not
    monkeypatch.setenv("NOTIFY_SOCKET", "n")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as place:
        place.bind("n")
        place.setblocking(False)
        yield place


def test_it_hears_of_the_beginning_and_of_life(heard: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "30000000")
    told = supervisor()
    assert told.seconds == 10.0
    told.ready()
    told.alive()
    assert [heard.recv(100), heard.recv(100)] == [b"READY=1", b"WATCHDOG=1"]


@pytest.mark.parametrize("micros", ["", "0", "x", "²", "٣"])
def test_without_a_watchdog_it_hears_of_the_beginning_only(
    heard: socket.socket, monkeypatch: pytest.MonkeyPatch, micros: str
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", micros)
    told = supervisor()
    told.ready()
    told.alive()
    assert heard.recv(100) == b"READY=1"
    with pytest.raises(BlockingIOError):
        heard.recv(100)


def test_a_watchdog_of_another_process_is_none(heard: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "30000000")
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid() + 1))
    assert supervisor().seconds is None


def test_without_a_supervisor_nobody_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    told = supervisor()
    told.ready()
    told.alive()


def test_what_it_cannot_be_told_of_life_keeps_nobody_from_going_on(
    heard: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "30000000")
    told = supervisor()
    for _ in range(1_000):  # nobody takes them, and there is room for fewer
        told.alive()
    heard.close()
    told.alive()
    os.unlink("n")
    told.alive()
