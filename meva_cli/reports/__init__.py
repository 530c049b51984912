"""Reports of runs and books as pages, printed or HTML."""
