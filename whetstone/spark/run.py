"""Parse and compute features on Spark, into the lake as DuckDB leaves it.

Raw files are read and split into records on the workers, one task a file, by the code that all
engines use; the definitions run as transpiled SQL. Workers write Parquet below the lake, which
they reach at the same path; DuckDB then makes the one file of the partition, in its own types,
and tells its content version.
"""

# pyarrow ships no types; pyspark's are partly unknown.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportUnknownVariableType=false
# pyright: reportUnknownParameterType=false

import re
import shutil
import time
import uuid
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, TimeoutError
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, cast

import duckdb
import pyarrow as pa
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.functions import arrow_udf

from whetstone.catalog.catalog_pb2 import FeatureView, Source
from whetstone.catalog.validation import MESSAGE_KEY
from whetstone.engine import only_row, open_engine
from whetstone.errors import EngineError, InputError
from whetstone.features import features_sql
from whetstone.lake import Content, Staged
from whetstone.parsing import (
    RAW_SCHEMA,
    ParsedDay,
    Protection,
    RawFile,
    raw_records,
)
from whetstone.parsing.compile import SKIPPED, parse_sql
from whetstone.parsing.run import EVENTS, REJECTS, needed, parsed_counts, protected
from whetstone.parsing.templates import Templating, with_templates
from whetstone.parsing.templates_masks import MASKING
from whetstone.settings import Settings
from whetstone.spark.session import close_session, open_session
from whetstone.spark.transpile import Transpiled, transpile
from whetstone.spark.types import named, spark_type
from whetstone.sql import identifier, literal

# Spark has no dictionaries.
_PLAIN_SCHEMA = pa.schema(
    [
        field.with_type(field.type.value_type) if pa.types.is_dictionary(field.type) else field
        for field in RAW_SCHEMA
    ]
)
_RAW_COLUMNS = {
    name: str(type_)
    for relation in [duckdb.from_arrow(_PLAIN_SCHEMA.empty_table())]
    for name, type_ in zip(relation.columns, relation.types, strict=True)
}
_SECONDS_WITHOUT_WORKERS = 60
_LEFT_BEHIND_SECONDS = 86400


class SparkEngine:
    """Spark, by the settings `spark_…`."""

    def __init__(self, settings: Settings, lake: Path):
        self._settings = settings
        self._lake = lake

    def parse(
        self,
        source: Source,
        files: Sequence[RawFile],
        day: str,
        events: Staged,
        rejects: Staged,
        protection: Protection | None = None,
    ) -> ParsedDay:
        """As in `whetstone.engines.Engine`."""
        limit = self._settings.max_line_bytes
        query = transpile(parse_sql(source, "raw_lines", day), {"raw_lines": _RAW_COLUMNS})
        with self._folder() as folder, open_engine(self._lake) as connection:
            with _failures_named(self._settings.spark_master):
                session = open_session(self._settings)
                _raw_lines(session, source, files, limit).createOrReplaceTempView("raw_lines")
                rows = rows_of(session, query)
                if wanted := needed(protection, files):
                    rows = _protected(rows, source, query, wanted)
                self._write(session, _without_unused_lines(rows), folder)
            _view(connection, "written", query.columns, folder)
            connection.execute(f"CREATE TEMP VIEW parsed AS {_with_message_keys(source)}")
            counts = dict(
                connection.execute(
                    "SELECT coalesce(_reject_reason, ''), count(*) FROM parsed GROUP BY ALL"
                ).fetchall()
            )
            connection.execute(f"CREATE TEMP VIEW events AS {EVENTS}")
            connection.execute(f"CREATE TEMP VIEW rejects AS {REJECTS}")
            (newest,) = only_row(connection, "SELECT max(event_time) FROM events")
            return ParsedDay(
                parsed_counts(counts),
                events.write(connection, "events"),
                rejects.write(connection, "rejects"),
                newest,
            )

    def features(
        self, view: FeatureView, events: Path, units: Staged, templating: Templating | None = None
    ) -> Content:
        """As in `whetstone.engines.Engine`."""
        with (
            self._folder() as folder,
            self._folder() as beside,
            open_engine(self._lake) as connection,
        ):
            if templating is not None:
                events = _with_templates(connection, events, templating, beside)
            relation = connection.sql(f"FROM read_parquet({literal(str(events))})")
            columns = dict(zip(relation.columns, map(str, relation.types), strict=True))
            query = transpile(features_sql(view, "events"), {"events": columns})
            with _failures_named(self._settings.spark_master):
                session = open_session(self._settings)
                session.read.parquet(str(events)).createOrReplaceTempView("events")
                self._write(session, rows_of(session, query), folder)
            _view(connection, "units", query.columns, folder)
            return units.write(connection, "units")

    def _write(self, session: SparkSession, rows: DataFrame, folder: Path) -> None:
        master = self._settings.spark_master
        _watched(session, master, lambda: rows.write.parquet(folder.as_uri()))

    @contextmanager
    def _folder(self) -> Generator[Path]:
        """A folder for what workers write; not a partition, so no reader looks into it."""
        base = self._lake / ".spark"
        base.mkdir(parents=True, exist_ok=True)
        for left in base.iterdir():
            with suppress(FileNotFoundError):  # its run has ended, and removed it
                if time.time() - left.stat().st_mtime > _LEFT_BEHIND_SECONDS:
                    shutil.rmtree(left, ignore_errors=True)
        folder = base / uuid.uuid4().hex
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _raw_lines(
    session: SparkSession, source: Source, files: Sequence[RawFile], limit: int
) -> DataFrame:
    """The records of raw files, one partition a file."""
    definition = source.SerializeToString()

    def read(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        known = Source.FromString(definition)
        for batch in batches:
            for at in batch.column(0).to_pylist():
                for records in raw_records(known, [files[at]], limit):
                    yield records.cast(_PLAIN_SCHEMA)

    schema = ", ".join(f"{name} {spark_type(named(type_))}" for name, type_ in _RAW_COLUMNS.items())
    numbers = session.range(0, len(files), 1, max(1, len(files)))
    return cast(Any, numbers).mapInArrow(read, schema)


def rows_of(session: SparkSession, query: Transpiled) -> DataFrame:
    """The rows of a query, whose tables are views of the session."""
    for kernel in query.kernels:
        function = cast(Any, arrow_udf)(kernel.function(), returnType=kernel.spark_type)
        # What is deterministic Spark merges into what reads it, once for each time it is read: a
        # kernel over the fields of a kernel over the fields of a kernel does not end.
        session.udf.register(kernel.name, function.asNondeterministic())
    return session.sql(query.sql)


def _protected(
    rows: DataFrame, source: Source, query: Transpiled, protection: Protection
) -> DataFrame:
    """The rows with personal data treated, those of environments without a policy untouched."""
    definition = source.SerializeToString()

    def protect(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        known = Source.FromString(definition)
        for batch in batches:
            yield from protected(pa.Table.from_batches([batch]), known, protection).to_batches()

    schema = ", ".join(
        f"`{name}` {spark_type(named(type_))}" for name, type_ in query.columns.items()
    )
    return cast(Any, rows).mapInArrow(protect, schema)


def _with_templates(
    connection: duckdb.DuckDBPyConnection, events: Path, templating: Templating, folder: Path
) -> Path:
    """The events with the column `template`, as a file that workers can read.

    The dictionary is joined by DuckDB: masks and their regexes have one meaning.
    """
    folder.mkdir()
    path = folder / "events.parquet"
    templated = with_templates(connection, f"read_parquet({literal(str(events))})", templating)
    connection.execute(f"COPY {templated.relation} TO {literal(str(path))} (FORMAT parquet)")
    return path


def _with_message_keys(source: Source) -> str:
    """SQL: what was written, with the keys of templates, which DuckDB makes."""
    if not source.message:
        return "FROM written"
    key = MASKING.key_sql(identifier(source.message))
    about_rejects = "_reject_reason, _reject_line"
    return (
        f"SELECT * EXCLUDE ({about_rejects}), {key} AS {MESSAGE_KEY}, {about_rejects} FROM written"
    )


def _without_unused_lines(rows: DataFrame) -> DataFrame:
    line = f"CASE WHEN _reject_reason <> '{SKIPPED}' THEN _reject_line END AS _reject_line"
    kept = [f"`{name}`" for name in rows.columns if name != "_reject_line"]
    return rows.selectExpr(*kept, line)


def _view(
    connection: duckdb.DuckDBPyConnection, name: str, columns: Mapping[str, str], folder: Path
) -> None:
    """What workers wrote, in DuckDB's types and order."""
    values = ", ".join(
        f"CAST({identifier(column)} AS {type_}) AS {identifier(column)}"
        for column, type_ in columns.items()
        if type_ != '"NULL"'
    )
    relation = f"read_parquet({literal(f'{folder}/*.parquet')})"
    connection.execute(f"CREATE TEMP VIEW {name} AS SELECT {values} FROM {relation}")


def _watched(session: SparkSession, master: str, action: Callable[[], None]) -> None:
    """Run it; give up when a cluster has no workers, where Spark itself would wait for ever."""
    if not master.startswith("spark://"):
        action()
        return
    context: Any = session.sparkContext
    seen = time.monotonic()
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(action)
        while True:
            try:
                running.result(timeout=1)
                return
            except TimeoutError:
                # The driver counts as one.
                if context._jsc.sc().getExecutorMemoryStatus().size() > 1:
                    seen = time.monotonic()
                elif time.monotonic() - seen > _SECONDS_WITHOUT_WORKERS:
                    close_session()
                    raise EngineError(
                        f"{master} has no workers that could run this: start"
                        " some with enough memory for spark.executor.memory"
                        " (WHETSTONE_SPARK_OPTIONS), or set WHETSTONE_ENGINE=duckdb"
                    ) from None


@contextmanager
def _failures_named(master: str) -> Generator[None]:
    """What Spark throws, as an error of ours that says what to do."""
    try:
        yield
    except EngineError:
        raise
    except PySparkException as error:
        text = str(error)
        if unreadable := re.search(r"whetstone\.errors\.InputError: (.+)", text):
            raise InputError(unreadable[1]) from error
        raise EngineError(_explained(master, text)) from error
    except Exception as error:  # py4j and grpc have their own, when the other side is gone
        if type(error).__module__.partition(".")[0] not in {"py4j", "grpc", "builtins"}:
            raise
        close_session()
        raise EngineError(_explained(master, str(error) or type(error).__name__)) from error


def _explained(master: str, text: str) -> str:
    causes = re.findall(r"^\S*(?:Error|Exception): .+$", text, re.MULTILINE)
    cause = (causes or text.strip().splitlines() or ["no reason given"])[-1]
    return (
        f"Spark on {master} failed: {cause}; the partition is as it was. Run it"
        " again, look at the workers' logs, or set WHETSTONE_ENGINE=duckdb"
    )
