"""How the loop becomes machine code: the only place that knows numba, imported when something is compiled.

`groups` tells numba what a group of columns is, `once` spares it work, `entry` is the loop it compiles.
"""
