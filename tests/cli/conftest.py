"""Commands, run in a folder of their own."""

from command_line import meva

__all__ = ["meva"]
