"""`meva rehearse`: a user's own settings where all goes wrong that may."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from meva_core.live_book import fills

Call = Callable[..., Any]
FEW = ("--seeds", 1, "--steps", 5)


def test_what_holds_is_told_with_what_went_wrong_and_leaves_nothing_behind(meva: Call) -> None:
    ended = meva("rehearse", *FEW, "--json")
    assert ended.code == 0
    told = ended.document
    assert (told["holds"], told["worlds"], told["broken"]) == (True, 1, None)
    assert told["cycles"] >= 20
    assert meva("rehearse", *FEW, "--json").document["seen"] == told["seen"], "the same seed, the same end"


def test_what_does_not_hold_is_told_with_what_repeats_it(meva: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    from attrs import evolve

    trade = fills._trade
    monkeypatch.setattr(fills, "_trade", lambda *given: evolve(trade(*given), fee=0))
    ended = meva("rehearse", "--seeds", 9, "--steps", 8, "--stage", "stage3")
    assert ended.code == 1
    assert "I5: own fills moved" in ended.out
    assert "again: meva rehearse --first " in ended.out


@pytest.mark.parametrize(
    ("symbols", "options", "said"),
    [
        ("BTCTRY,ETHUSDT", (), "ETHUSDT is no pair with TRY"),
        ("BTCTRY", ("--strategy", "nobodys"), "there is no strategy 'nobodys'"),
    ],
)
def test_what_cannot_be_rehearsed_is_refused(
    meva: Call, monkeypatch: pytest.MonkeyPatch, symbols: str, options: tuple[str, ...], said: str
) -> None:
    monkeypatch.setenv("SYMBOLS", symbols)
    ended = meva("rehearse", *FEW, *options)
    assert ended.code == 2
    assert said in ended.err
