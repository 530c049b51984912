"""What people read, the same for the command line, notebooks and pages: values as text, lines within a width,
the page of figures, reasons over many cycles, runs side by side."""
