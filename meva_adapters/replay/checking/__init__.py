"""A dataset as it was found: every byte looked at, every fault named."""
