"""Training examples with the values of proposed features; nothing that is held out."""

# pyarrow ships no types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportUnknownVariableType=false
# pyright: reportUnknownParameterType=false

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from whetstone.catalog.catalog_pb2 import GoldenDataset
from whetstone.engine import only_row
from whetstone.ideas.values import KEYS
from whetstone.sql import columns, identifier, literal


@dataclass(frozen=True, eq=False)
class Learned:
    """The training examples of a detector.

    Attributes:
        table: a row an example, with the proposed features.
        groups: (n,) codes of examples that depend on each other.
        held_by: the columns that make a group.
    """

    table: pa.Table
    groups: NDArray[np.int64]
    held_by: str


def training_examples(
    connection: duckdb.DuckDBPyConnection,
    part: Path,
    values: pa.Table,
    dataset: GoldenDataset,
    names: Sequence[str],
) -> Learned:
    """The training split of a training set, joined with the proposed features.

    Args:
        connection: an engine that may read the lake.
        part: the training set.
        values: units with the features, see `unit_values`.
        dataset: says what is held out together; units of one name are, in any case.
        names: the features.
    """
    by_group = dataset.holdout.WhichOneof("by") == "group"
    keys = list(dataset.holdout.group.keys) if by_group else ["environment", "unit"]
    connection.register("idea_values", values)
    added = "".join(f", v.{identifier(name)}" for name in names)
    table = connection.sql(
        f"""SELECT t.*{added}, dense_rank() OVER (ORDER BY {columns(keys)}) - 1 AS idea_group
            FROM read_parquet({literal(str(part))}) t
            LEFT JOIN (SELECT {columns([*KEYS, *names])} FROM idea_values
                       QUALIFY row_number() OVER (PARTITION BY {columns(KEYS)}) = 1) v
                USING ({columns(KEYS)})
            WHERE t.split = 'train'
            ORDER BY {columns(KEYS)}"""
    ).to_arrow_table()
    connection.unregister("idea_values")
    groups = table["idea_group"].to_numpy().astype(np.int64)
    return Learned(table.drop_columns(["idea_group"]), groups, ", ".join(keys))


def newest_event(connection: duckdb.DuckDBPyConnection, table: str) -> str:
    """The newest event of a table, ISO 8601; empty without events."""
    (newest,) = only_row(connection, f"SELECT max(event_time) FROM {identifier(table)}")
    return newest.isoformat() if newest else ""
