"""Files of an exploration's folder, beside ``exploration.json`` and the segments."""

CSV, PARQUET = "results.csv", "results.parquet"
DOCUMENT = "pimsim.exploration"
"""Key of the metadata of ``results.parquet`` that holds what is in ``exploration.json``."""
