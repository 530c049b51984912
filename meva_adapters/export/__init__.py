"""Records as files for other programs: JSON lines, CSV, Parquet.

Every format holds the fields of what is written under their names, in their order: of cycles those of
`meva_core.history.cycle_export`, of fills, orders and the like those of `record_export`. Amounts are exact:
plain decimal text, decimals in Parquet. Records are written as they come; memory does not grow with their
number.
"""

from meva_adapters.export.formats import FORMATS, write_records

__all__ = ["FORMATS", "write_records"]
