"""One connection to the stream: what it has joined, who it is, and the frames on their way to it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from attrs import Factory, define

from meva_adapters.emulator.api.auth import Key
from meva_adapters.emulator.faults.kinds import FRAME
from meva_adapters.emulator.faults.rules import FaultRules
from meva_adapters.emulator.stream.frames import JOIN, LOGIN, Frame
from meva_adapters.system.strict_json import read_json
from meva_core.errors import BadInput

_FIRST_CHANGE: Final = 1000
_MOST_TOPICS: Final = 1_000
_SPOILT: Final[Mapping[str, Callable[[Frame], str]]] = {
    "cut": lambda frame: frame.text[: len(frame.text) // 2],
    "html": lambda frame: "<html><body>502 Bad Gateway</body></html>",
    "bare": lambda frame: f"[{frame.type},{{}}]",
}
Topic = tuple[str, str]
"""A channel and an event, such as `obdiff` and `BTCTRY`."""


@define(eq=False)
class Session:
    """One connection. `send` puts a frame on the wire, `hang_up` closes with a code.

    `changes` counts book frames by topic; the number is this session's own, as the exchange's is.
    """

    faults: FaultRules
    send: Callable[[str], None]
    hang_up: Callable[[int], None]
    key: Key | None = None
    topics: set[Topic] = Factory(set)
    changes: dict[Topic, int] = Factory(dict)
    _held: list[str] = Factory(list)
    _silent: int = 0
    """How many frames more are swallowed; below zero all of them."""
    _late: deque[str] = Factory(deque)
    _lag: int = 0
    """How many frames wait before one is sent."""

    def push(self, frame: Frame) -> None:
        """Send a frame, unless the rules of faults want it otherwise."""
        if self._silent:
            self._silent -= 1
            return
        copies, text = 1, frame.text
        for rule in self.faults.strikes("STREAM", str(frame.type), when=FRAME):
            if rule.fault == "hold":
                self._held.append(text)
                return
            if rule.fault == "silent":
                self._silent = rule["frames"] - 1
                return
            if rule.fault == "close":
                self.hang_up(rule["code"])
                return
            if rule.fault == "lag":
                self._lag = rule["frames"]
            elif rule.fault == "spoil":
                text = _SPOILT[rule["how"]](frame)
            else:
                copies = 0 if rule.fault == "drop" else 2
        held, self._held = self._held, []
        for one in (*[text] * copies, *held):
            self._late.append(one)
        while len(self._late) > self._lag:
            self.send(self._late.popleft())

    def next_change(self, topic: Topic) -> int:
        """Return the number of the next book frame of a topic."""
        self.changes[topic] = self.changes.get(topic, _FIRST_CHANGE - 1) + 1
        return self.changes[topic]

    def join(self, topic: Topic) -> bool:
        """Join a topic; False if it was joined before, or if there are too many."""
        if topic in self.topics or len(self.topics) >= _MOST_TOPICS:
            return False
        self.topics.add(topic)
        return True

    def leave(self, topic: Topic) -> bool:
        """Leave a topic; False if it was not joined."""
        if topic not in self.topics:
            return False
        self.topics.discard(topic)
        self.changes.pop(topic, None)
        return True


def requests_of(text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield type and body of a client's frame; nothing for anything that is not one, as the exchange does."""
    try:
        tree = read_json(text)
    except BadInput:
        return
    if not isinstance(tree, list) or len(tree) != 2:
        return
    kind, body = tree
    if kind in (JOIN, LOGIN) and isinstance(body, dict):
        yield kind, body
