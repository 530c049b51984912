"""A stretch as it is stored: what its checksum is over."""

from __future__ import annotations

import hashlib

import pytest
from attrs import evolve

from meva_core.stretches.stored import StoredStretch

STORED = StoredStretch(
    run_id="abc1234",
    seq=1024,
    start=1_767_225_600,
    end=1_767_225_660,
    cycles=2,
    form="ab" * 32,
    rows="few",
    links=bytes(range(64)),
    body=b"columns",
    sha256=b"",
)


def test_the_checksum_is_over_the_names_as_json_the_links_and_the_body() -> None:
    head = f'["abc1234",1024,1767225600,1767225660,2,"{"ab" * 32}"]\n'
    assert STORED.checksum() == hashlib.sha256(head.encode() + bytes(range(64)) + b"columns").digest()


@pytest.mark.parametrize(
    "change",
    [
        {"run_id": "abc1235"},
        {"seq": 1025},
        {"start": 1_767_225_601},
        {"end": 1_767_225_661},
        {"cycles": 3},
        {"form": "ac" * 32},
        {"links": bytes(64)},
        {"body": b"Columns"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_change_of_anything_but_the_rows_beside_it_is_seen(change: dict[str, object]) -> None:
    assert evolve(STORED, **change).checksum() != STORED.checksum()  # type: ignore[arg-type]
    assert evolve(STORED, rows="all").checksum() == STORED.checksum()
