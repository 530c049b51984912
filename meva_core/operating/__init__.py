"""Cycles that may trade live: what keeps them from sending, and what may be sent when."""
