"""What may go wrong, how often in one world, and how often it did."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from enum import StrEnum
from random import Random
from typing import Final

from attrs import define, field


class Fault(StrEnum):
    """A kind of fault. The words are what reports count."""

    # What is sent
    NOT_SENT = "submit_not_sent"
    UNHEARD = "submit_taken_unheard"
    LOST = "submit_lost_unheard"
    LATE = "submit_taken_late"
    TOO_LATE = "submit_taken_after_the_grace"
    TWICE = "submit_taken_twice"
    REFUSED_FUNDS = "submit_refused_funds"
    REFUSED_MINIMUM = "submit_refused_minimum"
    REFUSED_429 = "submit_refused_429"
    REFUSED_401 = "submit_refused_401"
    REFUSED_YET_TAKEN = "submit_refused_yet_taken"
    CANCEL_UNHEARD = "cancel_done_unheard"
    CANCEL_LOST = "cancel_lost_unheard"
    CANCEL_REFUSED = "cancel_refused"
    CANCEL_SLOW = "cancel_slow"
    CANCEL_IGNORED = "cancel_taken_never_done"
    # What is read
    NO_ANSWER = "read_no_answer"
    BUSY = "read_429"
    DOWN = "read_5xx"
    UNAUTHORIZED = "read_401"
    UNREADABLE = "read_unreadable"
    LACKS_NEWEST = "list_lacks_newest"
    LACKS_PAGE = "list_lacks_page"
    UNKNOWN_WORD = "order_word_unknown"
    FORGOTTEN = "order_forgotten"
    FILL_LATE = "fill_shown_late"
    FILL_NAMELESS = "fill_without_name"
    FILL_NUMBERLESS = "fill_without_number"
    FILL_ID_SHARED = "fill_id_shared"
    FILLS_SHUFFLED = "fills_reordered"
    PARTIAL = "partial_fill"
    FROZEN = "balances_frozen"
    ASSET_MISSING = "balance_missing"
    NO_BOOK = "book_unread"
    ONE_SIDED = "book_one_sided"
    RULES_CHANGED = "rules_changed"
    RULES_GONE = "rules_gone"
    DELISTED = "pair_delisted_while_held"
    SKEW = "clock_skew"
    LEAP = "clock_leap"
    SLOW = "call_slow"
    # A person
    BY_HAND = "person_trades"
    RESTS_BY_HAND = "person_rests_an_order"
    CANCELS_OURS = "person_cancels_ours"
    FLOW_LISTED = "flow_listed"
    FLOW_LISTED_LATE = "flow_listed_late"
    FLOW_UNLISTED = "flow_never_listed"
    # The machine, and who is at it
    CRASH_CALL = "crash_at_a_call"
    CRASH_STORE = "crash_at_the_store"
    IO_BEFORE = "io_error_before"
    IO_AFTER = "io_error_after_commit"
    IO_LASTING = "io_error_lasting"
    RESTART = "restart"
    KILLED = "kill_switch_thrown"
    KILLED_BETWEEN = "kill_switch_thrown_in_mid_cycle"
    ARMED = "kill_switch_armed"
    SETTINGS = "settings_changed"
    SECOND = "second_process"
    STALLED = "process_stalled_and_taken_over"
    STRAY = "another_program_under_our_name"
    RESTORED = "backup_restored"
    GATE_SHUT = "gate_shut"
    GATE_SHUT_BETWEEN = "gate_shut_in_mid_cycle"
    DRY_BESIDE = "dry_run_between_live_cycles"


class Killed(BaseException):
    """The process ends here, as by kill -9: what it did not store is gone."""


RATES: Final[Mapping[Fault, tuple[float, float]]] = {
    Fault.NOT_SENT: (0.01, 0.1),
    Fault.UNHEARD: (0.02, 0.2),
    Fault.LOST: (0.02, 0.15),
    Fault.LATE: (0.01, 0.15),
    Fault.TOO_LATE: (0.005, 0.03),
    Fault.TWICE: (0.003, 0.02),
    Fault.REFUSED_FUNDS: (0.01, 0.1),
    Fault.REFUSED_MINIMUM: (0.005, 0.03),
    Fault.REFUSED_429: (0.01, 0.1),
    Fault.REFUSED_401: (0.005, 0.05),
    Fault.REFUSED_YET_TAKEN: (0.003, 0.02),
    Fault.CANCEL_UNHEARD: (0.02, 0.2),
    Fault.CANCEL_LOST: (0.02, 0.2),
    Fault.CANCEL_REFUSED: (0.01, 0.1),
    Fault.CANCEL_SLOW: (0.05, 0.5),
    Fault.CANCEL_IGNORED: (0.01, 0.1),
    Fault.NO_ANSWER: (0.005, 0.1),
    Fault.BUSY: (0.005, 0.05),
    Fault.DOWN: (0.005, 0.05),
    Fault.UNAUTHORIZED: (0.002, 0.02),
    Fault.UNREADABLE: (0.002, 0.03),
    Fault.LACKS_NEWEST: (0.01, 0.2),
    Fault.LACKS_PAGE: (0.005, 0.05),
    Fault.UNKNOWN_WORD: (0.005, 0.05),
    Fault.FORGOTTEN: (0.002, 0.01),
    Fault.FILL_LATE: (0.05, 0.5),
    Fault.FILL_NAMELESS: (0.05, 0.3),
    Fault.FILL_NUMBERLESS: (0.01, 0.1),
    Fault.FILL_ID_SHARED: (0.02, 0.2),
    Fault.FILLS_SHUFFLED: (0.1, 1.0),
    Fault.PARTIAL: (0.2, 0.7),
    Fault.FROZEN: (0.01, 0.1),
    Fault.ASSET_MISSING: (0.005, 0.05),
    Fault.NO_BOOK: (0.005, 0.05),
    Fault.ONE_SIDED: (0.005, 0.05),
    Fault.RULES_CHANGED: (0.01, 0.05),
    Fault.RULES_GONE: (0.005, 0.03),
    Fault.DELISTED: (0.003, 0.02),
    Fault.SKEW: (0.01, 0.1),
    Fault.LEAP: (0.005, 0.03),
    Fault.SLOW: (0.002, 0.02),
    Fault.RESTS_BY_HAND: (0.2, 0.4),
    Fault.CANCELS_OURS: (0.1, 0.3),
    Fault.CRASH_CALL: (0.02, 0.3),
    Fault.CRASH_STORE: (0.02, 0.3),
    Fault.IO_BEFORE: (0.01, 0.1),
    Fault.IO_AFTER: (0.01, 0.1),
    Fault.IO_LASTING: (0.005, 0.05),
    Fault.RESTART: (0.02, 0.1),
    Fault.KILLED: (0.005, 0.03),
    Fault.KILLED_BETWEEN: (0.005, 0.05),
    Fault.SETTINGS: (0.2, 0.5),
    Fault.SECOND: (0.005, 0.03),
    Fault.STALLED: (0.005, 0.05),
    Fault.STRAY: (0.003, 0.02),
    Fault.RESTORED: (0.003, 0.02),
}
"""From where to where the rate of a kind is drawn for a world: of the calls, acts, fills or cycles that it
may befall. What is not here follows from something else."""
ADDED: Final[Mapping[Fault, tuple[float, float]]] = {
    Fault.GATE_SHUT: (0.005, 0.03),
    Fault.GATE_SHUT_BETWEEN: (0.05, 0.3),
    Fault.DRY_BESIDE: (0.02, 0.2),
}
"""Kinds that were added when seeds had been kept: they are drawn after all else, so that a seed keeps the
rest of its world. Of `GATE_SHUT_BETWEEN` it is the rate among the times that a switch is thrown."""
_ABSENT: Final = 0.5
"""In so many worlds of one a kind does not occur: faults that are always there hide each other."""


def draw_rates(random: Random, ranges: Mapping[Fault, tuple[float, float]] = RATES) -> dict[Fault, float]:
    """Return how often each kind occurs in one world."""
    found = {}
    for kind, (least, most) in ranges.items():
        rate = least * (most / least) ** random.random()
        if random.random() >= _ABSENT:
            found[kind] = rate
    return found


@define
class Faults:
    """The faults of one world: whether one happens now, and how often each did. `on` ends them all."""

    random: Random
    rates: Mapping[Fault, float]
    counts: Counter[Fault] = field(factory=Counter)
    on: bool = True

    def happens(self, kind: Fault) -> bool:
        """Whether a fault of this kind happens now; it is counted."""
        rate = self.rates.get(kind, 0.0)
        if not self.on or not rate or self.random.random() >= rate:
            return False
        self.count(kind)
        return True

    def count(self, kind: Fault) -> None:
        """Count what happened by itself."""
        self.counts[kind] += 1
