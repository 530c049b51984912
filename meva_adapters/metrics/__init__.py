"""Metrics for Prometheus: one vocabulary for all stages, the meters of a process, and two ways out.

`vocabulary` says what there is, `label_values` what labels may be, `meters` holds the figures. `cycles` reads
them off a cycle, `parts` times it, `calls` and `alerts` hear from those who ask and send, `held` looks at
what a book hangs on. `serving` answers scrapes, `textfile` writes a file for node_exporter. Those that need
prometheus-client import it, and are imported by whoever was asked for metrics.
"""
