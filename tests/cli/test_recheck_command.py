"""`meva recheck`: stored cycles decided again; equal, different, damaged, or without their strategies."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from command_line import meva
from fresh_database import fresh_file
from live_cycles import MARKS, a_book, a_cycle

from meva_adapters.sql import writer
from meva_adapters.strategies.listed import load_listed
from meva_adapters.strategies.loading import Chosen, load
from meva_adapters.text_codec import ZstdTexts
from meva_core.errors import BadInput
from meva_core.operating.records import recording
from meva_core.operating.records.carried import Carried
from meva_core.operating.records.done_rows import Ran

__all__ = ["meva"]
Meva = Callable[..., Any]
TEXTS = ZstdTexts()
BASELINE = "baseline_mean_reversion_v1"
OWN = """
from meva_core.strategy import Intent, Side, Strategy, param


class Buys(Strategy):
    id = "buys"
    version = 1
    amount = param(150, least=1, doc="TRY of an order")

    def decide(self, view, memory):
        memory["asked"] = memory.get("asked", 0) + 1
        print("what it prints goes to stderr")
        return [Intent("BTCTRY", Side.BUY, self.amount)]
"""


def record(path: Path, chosen: Chosen, cycles: int = 3, name: str = "live") -> list[str]:
    """Record cycles of a book that a strategy decides, all of them done, and return their ids."""
    book, carried, ids = a_book(name), Carried(), []
    own = chosen.strategy.name()
    with writer(path, durable=False) as store:
        with store.unit() as work:
            recording.opened(work, book, carried)
            work.commit()
        for n in range(cycles):
            given = {own: chosen.strategy}
            cycle = a_cycle(book, given, after=60 * (n + 1), identities={own: chosen.identity})
            with store.unit() as work:
                book, carried = recording.decided(work, book, cycle, carried, TEXTS)
                carried = recording.done(work, book, cycle, MARKS, Ran(), carried).carried
                work.commit()
            ids.append(cycle.inputs.cycle)
    return ids


@pytest.fixture
def db(tmp_path: Path) -> Path:
    return fresh_file(tmp_path / "state.db")


def change(path: Path, cycle: str, column: str, value: Any) -> None:
    with writer(path, durable=False) as store, store.unit() as work:
        work.update("live_cycles", "cycle_id", (column,), [(cycle, value)])
        work.commit()


def test_cycles_that_come_to_the_same_are_equal(meva: Meva, db: Path):
    record(db, load_listed(BASELINE))
    ended = meva("recheck", "--db", db)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith(
        "equal: 3 cycles of book live, 2027-01-15T08:01:00Z to 2027-01-15T08:03:00Z, link "
    )
    found = meva("recheck", "--db", db, "--last", 2, "--json").document
    assert (found["equal"], found["cycles"], found["interrupted"], found["difference"]) == (True, 2, 0, None)
    assert len(found["link"]) == 64


def test_a_changed_decision_is_named_by_cycle_step_and_field(meva: Meva, db: Path):
    first, second, _ = record(db, load_listed(BASELINE))
    with writer(db, durable=False) as store, store.read() as view:
        [(packed,)] = view.rows("live_cycles", ("decisions",), where={"cycle_id": second})
    document = json.loads(TEXTS.unpack(packed))
    document["allocation"][0]["allocated"] = "1"
    change(db, second, "decisions", TEXTS.pack(json.dumps(document)))
    ended = meva("recheck", "--db", db, "--json")
    told = ended.document["difference"]
    assert (ended.code, ended.document["cycles"]) == (1, 2)
    assert (told["cycle_id"], told["step"], told["field"]) == (second, "allocation", "[0].allocated")
    assert (told["stored"], told["decided"]) == ("1", "110")
    assert f"difference.cycle_id\t{second}\n" in meva("recheck", "--db", db).out
    assert meva("recheck", "--db", db, "--last", 1).code == 0
    change(db, first, "inputs", b"junk")
    ended = meva("recheck", "--db", db)
    assert (ended.code, ended.out) == (1, "")
    assert f"live_cycles, {first}: cannot be read" in ended.err


def test_an_order_that_was_sent_otherwise_than_decided_is_named(meva: Meva, db: Path):
    [cycle] = record(db, load_listed(BASELINE), cycles=1)
    with writer(db, durable=False) as store, store.unit() as work:
        [(packed,)] = work.rows("live_cycles", ("decisions",), where={"cycle_id": cycle})
        action = json.loads(TEXTS.unpack(packed))["actions"][0]
        row = {part: action[part] for part in ("symbol", "side", "price", "qty", "purpose")}
        row |= {"client_order_id": action["client_id"], "status": "open", "mode": "live"}
        row |= dict.fromkeys(("created_at", "updated_at"), "2027-01-15T08:01:00.000000+00:00")
        work.insert("stage4_orders", tuple(row), [tuple(row.values())])
        work.commit()
    assert meva("recheck", "--db", db).code == 0
    with writer(db, durable=False) as store, store.unit() as work:
        work.update("stage4_orders", "client_order_id", ("price",), [(action["client_id"], "1")])
        work.commit()
    ended = meva("recheck", "--db", db, "--json")
    told = ended.document["difference"]
    assert (ended.code, told["cycle_id"], told["step"]) == (1, cycle, "orders")
    assert told["field"] == f"{action['client_id']}.price"
    assert (told["stored"], told["decided"]) == ("1", action["price"])


def test_a_book_whose_row_was_changed_is_said_to_be_damaged(meva: Meva, db: Path):
    record(db, load_listed(BASELINE), cycles=1)
    with writer(db, durable=False) as store, store.unit() as work:
        work.update("live_books", "book", ("state_json",), [("live", "{}")])
        work.commit()
    ended = meva("recheck", "--db", db)
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith("Error: book live is damaged: state_json in its row of live_books is not")
    assert "\nTo do: keep the database and restore a backup" in ended.err


def test_a_dry_book_is_asked_for_by_its_name(meva: Meva, db: Path):
    assert "no book of Stages 3 or 4" in (ended := meva("recheck", "--db", db)).err
    assert ended.code == 2
    record(db, load_listed(BASELINE), name="stage4-dry")
    assert meva("recheck", "--db", db, "--book", "stage4-dry").code == 0
    ended = meva("recheck", "--db", db, "--book", "live")
    assert (ended.code, "there is no book 'live'; there are stage4-dry" in ended.err) == (2, True)


def test_without_a_name_it_is_the_book_that_was_written_last(meva: Meva, db: Path):
    record(db, load_listed(BASELINE), cycles=1)
    record(db, load_listed(BASELINE), cycles=2, name="stage4-dry")
    assert meva("recheck", "--db", db, "--json").document["book"] == "stage4-dry"


def test_a_strategy_of_ones_own_has_to_be_at_hand_as_it_was(
    meva: Meva, db: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    folder = tmp_path / "strategies"
    folder.mkdir()
    (folder / "buys.py").write_text(OWN)
    record(db, load("buys", {"amount": "200"}, places=[folder]))
    ended = meva("recheck", "--db", db)
    assert (ended.code, "its strategy buys is not at hand" in ended.err) == (2, True)
    assert (
        "To do: put its file, as it was when the cycle ran, into a folder of MEVA_STRATEGY_PATH" in ended.err
    )
    assert "list one" not in ended.err
    monkeypatch.setenv("MEVA_STRATEGY_PATH", str(folder))
    ended = meva("recheck", "--db", db, "--json")
    assert (ended.code, ended.document["equal"]) == (0, True)
    assert "what it prints goes to stderr" in ended.err
    taken = OWN.replace('"buys"', '"baseline_mean_reversion_v1"')
    (folder / "buys.py").write_text(taken)
    with pytest.raises(BadInput, match="has the id of one that comes with Meva"):
        load_listed(BASELINE, places=[folder])
    (folder / "buys.py").write_text(OWN.replace("+ 1", "+ 2"))
    ended = meva("recheck", "--db", db)
    assert (ended.code, "its source_sha256 was" in ended.err) == (2, True)
