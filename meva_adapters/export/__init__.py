"""Cycles as files for other programs: JSON lines, CSV, Parquet.

Every format holds the fields of `meva_core.history.cycle_export.FIELDS` under their names, in their order,
and every record the schema's version and the window. Amounts are exact: plain decimal text, decimals in
Parquet. Records are written as they come; memory does not grow with their number.
"""

from meva_adapters.export.formats import FORMATS, write_records

__all__ = ["FORMATS", "write_records"]
