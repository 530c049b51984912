"""Pictures of a run or a book: what they show, gathered from cycles in one pass, and drawn as SVG.

Amounts become floats here, for the eye alone: no figure comes out of a picture.
"""
