"""`python -m meva_cli`: the same as `meva`."""

from meva_cli.entry import main

main()
