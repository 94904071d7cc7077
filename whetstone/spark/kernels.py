"""Parts of a definition that the workers compute with DuckDB, batch by batch over Arrow.

A kernel is one SQL query over `batch`, whose columns `a0`, `a1` … are what Spark hands over.
"""

# pyarrow ships no types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportUnknownVariableType=false
# pyright: reportUnknownParameterType=false

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import duckdb
import pyarrow as pa

_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    # Spark runs one task a core already.
    "threads": 1,
    "memory_limit": "1GB",
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "enable_external_access": False,
}


@dataclass(frozen=True)
class Kernel:
    """A part of a definition.

    Attributes:
        sql: a SELECT of one column over `batch`.
        spark_type: the type of its values, as Spark writes it.
    """

    sql: str
    spark_type: str

    @property
    def name(self) -> str:
        """The name of the function that it becomes: equal for equal kernels."""
        known = hashlib.sha256(f"{self.sql}\x1f{self.spark_type}".encode()).hexdigest()
        return f"whetstone_{known[:16]}"

    def function(self) -> Callable[..., pa.Array]:
        """The function over Arrow arrays, for a worker."""
        sql = self.sql

        def compute(*columns: pa.Array) -> pa.Array:
            return _computed(sql, columns)

        return compute


def _computed(sql: str, columns: tuple[pa.Array, ...]) -> pa.Array:
    connection = _connection()
    batch = pa.Table.from_arrays(list(columns), [f"a{at}" for at in range(len(columns))])
    connection.register("batch", batch)
    try:
        return connection.sql(sql).to_arrow_table().column(0).combine_chunks()
    finally:
        connection.unregister("batch")


@lru_cache(maxsize=1)
def _connection() -> duckdb.DuckDBPyConnection:
    """One connection a worker process; definitions reach no file and no network through it."""
    connection = duckdb.connect(config=_CONFIG)
    connection.execute("SET TimeZone = 'UTC'")
    # It moves a part that occurs twice out of the TRY around it: its errors stop the query.
    connection.execute("SET disabled_optimizers = 'common_subexpressions'")
    connection.execute("SET lock_configuration = true")
    return connection
