"""What a strategy in a process of its own can be asked; beside each question goes what it is shown."""

from __future__ import annotations

from enum import StrEnum


class Question(StrEnum):
    """A question, by the word in its document."""

    WEIGHTS = "weights"
    """For all cycles shown: a column of weights, e8 [cycles, symbols]."""
    DECISION = "decision"
    """Of a view and a memory: a column of weights, e8 [symbols], and the memory after, in Stage 7."""
    SAID = "said"
    """Of a view and a memory: whatever Stages 3 and 4 take, as a document, and the memory after."""
