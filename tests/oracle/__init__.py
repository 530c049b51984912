"""One Stage 7 cycle, written naively from its contract, to be compared with the engine.

Nothing here is shared with the engine but the vocabulary (codes, modes, sides, events, the classes of
settings and rules): amounts are plain ints of 1e-8, everything between two amounts is an exact Fraction, the
account is a handful of objects. It is slow and meant to be read.
"""

from oracle.cycle import Oracle
from oracle.world import CycleInput, Row, World

__all__ = ["CycleInput", "Oracle", "Row", "World"]
