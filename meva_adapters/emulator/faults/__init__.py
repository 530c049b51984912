"""Faults on purpose: which, when by a seeded draw, and what they do to replies and stream frames."""
