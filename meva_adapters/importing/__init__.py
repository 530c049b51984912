"""Candles as people have them, made into a dataset: read, recognised with evidence, repaired where that is
lossless or asked for, and refused with one sentence otherwise."""
