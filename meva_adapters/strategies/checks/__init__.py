"""Checks of a strategy in processes of its own, where it may open nothing."""
