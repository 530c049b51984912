"""Metrics for Prometheus: one vocabulary for all stages, the meters of a process, and two ways out.

`vocabulary` says what there is, `meters` holds the figures, `cycles` reads them off a cycle, `calls` hears
them from the exchange's client, `serving` answers scrapes and `textfile` writes a file for node_exporter.
prometheus-client is imported by those that need it, and they by whoever was asked for metrics.
"""
