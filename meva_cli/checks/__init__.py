"""What is looked at before a stage runs, by category, one module each; `doctor.py` puts them together.

A check looks and says what it saw. None writes anything, takes a lock that others wait for, or makes a file.
"""
