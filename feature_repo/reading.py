"""What a point-in-time join reads: the entity rows and the files behind the feature views."""

import glob
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow as pa
from feast import FeatureView, FileSource
from feast.data_format import ParquetFormat
from feast.feature_view import DUMMY_ENTITY_ID

from feature_repo.pointintime import ViewJoin
from whetstone.errors import InputError, NotReadyError
from whetstone.sql import identifier, literal

_EVENT_TIMESTAMP = "event_timestamp"


@dataclass(frozen=True)
class Limits:
    """What one connection may use; see `feature_repo.asof.AsofOfflineStoreConfig`.

    Attributes:
        files: the files it may read.
    """

    memory_limit: str
    threads: int
    temp_directory: str | None
    files: Sequence[str]


@contextmanager
def connection(limits: Limits) -> Iterator[duckdb.DuckDBPyConnection]:
    """A DuckDB connection of one call: in memory, in UTC, without access to any other file.

    Raises:
        InputError: DuckDB refused a statement (but a lack of memory is raised as it is).
    """
    # Two instances that spill into one directory would overwrite each other's files.
    with (
        tempfile.TemporaryDirectory(dir=limits.temp_directory, prefix="asof-") as spill,
        duckdb.connect() as con,
    ):
        con.execute("SET TimeZone = 'UTC'")
        con.execute(f"SET memory_limit = {literal(limits.memory_limit)}")
        if limits.threads:
            con.execute(f"SET threads = {limits.threads}")
        con.execute(f"SET temp_directory = {literal(spill)}")
        con.execute(f"SET allowed_paths = [{', '.join(map(literal, limits.files))}]")
        con.execute("SET enable_external_access = false")
        con.execute("SET lock_configuration = true")
        try:
            yield con
        except duckdb.OutOfMemoryException:
            raise
        except duckdb.Error as error:
            raise InputError(f"historical features: {error}") from error


@dataclass(frozen=True)
class ViewSource:
    """The files of a feature view, and what a call asks of them.

    Attributes:
        view: the name by which the call refers to the view (its alias, if it has one).
        files: absolute paths, sorted.
        renamed: column of the files -> name in the view (Feast's field mapping).
        keys: the view's join key -> column of the entity rows.
        features: feature of the view -> name in the result.
    """

    view: str
    files: Sequence[str]
    timestamp: str
    created: str
    renamed: Mapping[str, str]
    keys: Mapping[str, str]
    features: Mapping[str, str]
    ttl: timedelta | None

    @classmethod
    def of(
        cls, view: FeatureView, references: Sequence[str], full_names: bool, base: Path | None
    ) -> "ViewSource":
        """What a call with these feature references asks of a view.

        Args:
            view: a view whose source is Parquet on this machine.
            references: `view:feature`, of all views of the call.
            full_names: whether features are called `view__feature` in the result.
            base: where relative paths start.

        Raises:
            InputError: the view's source cannot be read here.
            NotReadyError: the source has no files.
        """
        source = view.batch_source
        if not isinstance(source, FileSource):
            raise InputError(f"feature view {view.name}: its source is not a FileSource")
        if not isinstance(source.file_format, ParquetFormat | None):
            raise InputError(f"feature view {view.name}: {source.path} is not Parquet")
        prefix = view.projection.name_alias or view.name
        asked = f"{view.projection.name_to_use()}:"
        features = [ref.removeprefix(asked) for ref in references if ref.startswith(asked)]
        key_map = view.projection.join_key_map
        keys = [field.name for field in view.entity_columns if field.name != DUMMY_ENTITY_ID]
        return cls(
            view=prefix,
            files=_files(view.name, source.path, base),
            timestamp=source.timestamp_field,
            created=source.created_timestamp_column or "",
            renamed=dict(source.field_mapping),
            keys={key: key_map.get(key, key) for key in keys},
            features={name: f"{prefix}__{name}" if full_names else name for name in features},
            ttl=view.ttl or None,
        )

    @property
    def table(self) -> str:
        """The feature rows as a table expression; a file without a column gives nulls for it."""
        return f"read_parquet([{', '.join(map(literal, self.files))}], union_by_name = true)"

    def column_types(self, con: duckdb.DuckDBPyConnection) -> dict[str, str]:
        """Name and DuckDB type of the files' columns."""
        described = con.sql(f"DESCRIBE SELECT * FROM {self.table}").fetchall()
        return {str(row[0]): str(row[1]) for row in described}

    def join(self, types: Mapping[str, str]) -> ViewJoin:
        """The join to make, in the files' own column names.

        Raises:
            InputError: the files lack a column.
        """
        stored = {self.renamed.get(name, name): name for name in types}
        created = [self.created] if self.created else []
        for name in (*self.keys, self.timestamp, *created, *self.features):
            if name not in stored:
                raise InputError(
                    f"feature view {self.view}: its files have no column {name!r}; "
                    f"they have: {', '.join(stored)}"
                )
        return ViewJoin(
            keys={stored[key]: column for key, column in self.keys.items()},
            timestamp=stored[self.timestamp],
            created=stored[self.created] if self.created else "",
            features={stored[name]: result for name, result in self.features.items()},
            ttl=self.ttl,
        )


def entity_table(
    entity_df: pd.DataFrame | pa.Table | str,
    sources: Sequence[ViewSource],
    con: duckdb.DuckDBPyConnection,
) -> pa.Table:
    """The entity rows as a table; a SQL query finds the feature views under their names.

    Raises:
        InputError: they are of another kind, or two columns have one name.
    """
    rows = _as_table(entity_df, sources, con)
    names = rows.column_names
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(f"entity rows: two columns are called {twice[0]!r}")
    return rows


def event_timestamp_of(rows: pa.Table) -> str:
    """The column that says as of when each row's features are wanted.

    Raises:
        InputError: there is no `event_timestamp` and not exactly one column of timestamps.
    """
    if _EVENT_TIMESTAMP in rows.column_names:
        return _EVENT_TIMESTAMP
    timestamps = [field.name for field in rows.schema if pa.types.is_timestamp(field.type)]
    if len(timestamps) != 1:
        raise InputError(f"entity rows: name the timestamp column {_EVENT_TIMESTAMP!r}")
    return timestamps[0]


def _as_table(
    entity_df: pd.DataFrame | pa.Table | str,
    sources: Sequence[ViewSource],
    con: duckdb.DuckDBPyConnection,
) -> pa.Table:
    if isinstance(entity_df, pa.Table):
        return entity_df
    if isinstance(entity_df, pd.DataFrame):
        return _from_pandas(entity_df)
    if not isinstance(entity_df, str):
        raise InputError(
            f"entity rows as {type(entity_df).__name__}: give a pandas frame, an Arrow table or SQL"
        )
    for source in sources:
        con.execute(
            f"CREATE OR REPLACE VIEW {identifier(source.view)} AS SELECT * FROM {source.table}"
        )
    # As a subquery it can only be a query, and only one.
    return con.sql(f"SELECT * FROM (\n{entity_df.rstrip().rstrip(';')}\n)").to_arrow_table()


def _from_pandas(frame: pd.DataFrame) -> pa.Table:
    try:
        rows = pa.Table.from_pandas(frame, preserve_index=False)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise InputError(f"entity rows: a column mixes types: {error}") from error
    # As Feast's own store does: it could not read nanoseconds back from a saved dataset.
    for number, column in enumerate(rows.schema):
        if pa.types.is_timestamp(column.type) and column.type.unit == "ns":
            kind = pa.timestamp("us", column.type.tz)
            rows = rows.set_column(
                number, column.with_type(kind), rows.column(number).cast(kind, safe=False)
            )
    return rows


def _files(view: str, path: str, base: Path | None) -> list[str]:
    if "://" in path:
        raise InputError(f"feature view {view}: {path} is not on this machine; mount or copy it")
    absolute = (base or Path()).resolve() / path
    if absolute.is_file():
        return [str(absolute)]
    if absolute.is_dir():
        absolute = Path(glob.escape(str(absolute))) / "**" / "*.parquet"
    files = sorted(glob.glob(str(absolute), recursive=True))  # noqa: PTH207
    if not files:
        raise NotReadyError(f"feature view {view}: no file at {absolute}; materialize it first")
    return files
