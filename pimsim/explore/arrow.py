"""pyarrow, where it is installed: every module that reads or writes results takes it from here."""

from pimsim.errors import MissingPackageError

try:
    import pyarrow as pa
    import pyarrow.compute as compute
    import pyarrow.csv as csv
    import pyarrow.parquet as parquet
except ImportError as error:
    raise MissingPackageError(
        "results of explorations need pyarrow, not installed here: pip install 'pimsim[explore]'"
    ) from error

__all__ = ["compute", "csv", "pa", "parquet"]
