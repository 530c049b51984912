"""Strategies on the command line: how one is named, the file one begins with, what is told of them."""
