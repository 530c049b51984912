"""The state of a run as a database keeps it: read, or said to be damaged."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from meva_core.errors import BadInput, StoreCorrupt
from meva_core.state import OtherVersion, State, restore_state
from meva_core.stretches.recorded import UNREADABLE
from meva_core.stretches.stored import RESTORE

STANDS: Final = "how it stands"


@contextmanager
def state_read(run_id: str, what: str = STANDS) -> Iterator[None]:
    """Say of a run that `what` is stored of its state is damaged, where reading it raises what damage raises.

    Raises StoreCorrupt; OtherVersion goes on as it is: such a state is not damaged.
    """
    try:
        yield
    except OtherVersion:
        raise
    except UNREADABLE as error:
        told = error if isinstance(error, ValueError | BadInput) else repr(error)
        said = f"what is stored of run {run_id} is damaged: {what}: {told}"
        raise StoreCorrupt(said, action=RESTORE) from error


def standing_of(kept: Mapping[str, Any], run_id: str, decode: Callable[[str], Any]) -> Mapping[str, Any]:
    """Return how a run stands, its row of stage7_run_state: state, link, place of the next cycle, counts.

    Raises StoreCorrupt for a row that cannot be read.
    """
    with state_read(run_id):
        document = decode(kept["state_json"])
        if not isinstance(document, dict) or not isinstance(document["state"], dict):
            raise ValueError("it is no document")
        whole = bytes.fromhex(document["link"]), document["seq"] + 0, document["counts"], document["modes"]
        if not all(isinstance(part, dict) for part in whole[2:]):
            raise ValueError("it has no counts")
        return document


def state_of(standing: Mapping[str, Any], run_id: str, symbols: Sequence[str]) -> State:
    """Return the state in that document. Raises StoreCorrupt for one that is damaged, OtherVersion."""
    with state_read(run_id):
        return restore_state(standing["state"], symbols)
