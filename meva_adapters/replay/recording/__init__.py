"""A dataset in the making: captures and fetches, kept whole, held by one process at a time."""
