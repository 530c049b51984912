"""Datasets out of nothing, to try things on."""
