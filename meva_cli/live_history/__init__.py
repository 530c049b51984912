"""What commands show of the books of Stages 3 and 4, one module a command; `asked.py` finds the book."""
