"""Strategies as people keep them: found by name, read, run as modules, hashed, and checked in processes."""
