"""A dataset as text: folders and files, columns and rows, stamps, codes of faults."""
