"""The exchange of dry runs: Stage 7's fill model behind the ports `Venue` and `Account`.

What it holds is one value (`Books`) with a canonical document; every change is a function of it and of what
is given: a measured market, an order, a time. It never asks anyone anything.
"""
