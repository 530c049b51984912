"""Stages 3 and 4 at work: books opened and taken up, cycles run, over steps, guards and records."""
