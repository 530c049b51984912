"""Stretches as they are stored: consecutive cycles of one run as columns, out of which all else can be made
again.
"""
