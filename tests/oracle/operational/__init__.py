"""One cycle of Stages 3 and 4, decided naively out of their contract, to be compared with the program.

Nothing here is shared with what decides but the vocabulary (modes, sides, the classes of inputs, intents and
rules): amounts are plain ints of 1e-8, everything between two amounts is an exact Fraction that is rounded
once, and all is looked up anew wherever it is needed. It is slow and meant to be read.
"""

from oracle.operational.cycle import FAILED, Decided, decided

__all__ = ["FAILED", "Decided", "decided"]
