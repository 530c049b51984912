"""Proofs about a strategy: it is asked about one history altered in many ways, and its answers compared.

Everything here asks through a function that takes a piece of history and returns weights, and takes its seed
as an argument: processes, clocks and files are others' matter.
"""
