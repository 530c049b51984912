"""What a run or a book came to: the figures that a trader reads, out of columns of cycles, in one pass.

`reckoning.Reckoning` takes the columns, of stored stretches or of a run under way, part by part, and
`result.Figures` is what comes of it. docs/reference/figures.md defines every figure.
"""
