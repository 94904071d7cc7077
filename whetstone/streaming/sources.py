"""From records to events: a source is parsed once, however many detectors read it."""

# pyarrow ships no types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false
# pyright: reportAttributeAccessIssue=false

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from whetstone.catalog.catalog_pb2 import Source
from whetstone.parsing.compile import SKIPPED, parse_sql
from whetstone.parsing.records import RECORD_SCHEMA
from whetstone.parsing.run import Protection, protected
from whetstone.sql import columns as listed
from whetstone.sql import literal
from whetstone.streaming.prepared import PreparedQuery

# A header is a dictionary among records; DuckDB has texts only.
_SCHEMA = pa.schema(
    [
        pa.field(field.name, pa.string()) if pa.types.is_dictionary(field.type) else field
        for field in RECORD_SCHEMA
    ]
)
_ALWAYS = ("event_time", "raw_line", "raw_hash")


@dataclass(frozen=True, eq=False)
class Events:
    """What became of some records of one input.

    Attributes:
        table: the events in order: `event_time`, `raw_line`, `raw_hash` and the fields wanted.
        records: how many there were; empty lines do not count.
        skipped: how many of them belong to other sources.
        rejects: reason -> how many could not be parsed.
    """

    table: pa.Table
    records: int
    skipped: int
    rejects: Mapping[str, int]


class SourceParser:
    """One definition of a source, planned for micro-batches.

    Args:
        connection: of the thread that parses.
        source: a validated definition.
        fields: those that somebody reads.
        environment: name of the environment.
        time_zone: of clocks that name none.
        protection: what is done to personal data; None: nothing.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        source: Source,
        fields: Iterable[str],
        environment: str,
        time_zone: str,
        protection: Protection | None = None,
    ) -> None:
        self.source = source
        self._connection = connection
        self._environment, self._time_zone = environment, time_zone
        self._protection = protection
        self.fields = frozenset(fields)
        self._wanted = [*_ALWAYS, *sorted(self.fields - {*_ALWAYS})]
        self._day = ""
        self._query: PreparedQuery | None = None

    def parse(self, records: pa.RecordBatch, day: str) -> Events:
        """The events of records.

        Args:
            records: of `RECORD_SCHEMA`.
            day: the day they arrived on, ISO; clocks without a year take it from there.
        """
        rows = self._planned(day).run(pa.Table.from_batches([records]))
        if self._protection:
            rows = protected(rows, self.source, self._protection)
        reasons = rows["_reject_reason"]
        counted = pc.value_counts(reasons.drop_null()).to_pylist()
        rejects = {row["values"]: row["counts"] for row in counted}
        if reasons.null_count < rows.num_rows:
            rows = rows.filter(reasons.is_null())
        skipped = rejects.pop(SKIPPED, 0)
        total = rows.num_rows + skipped + sum(rejects.values())
        return Events(rows.select(self._wanted), total, skipped, rejects)

    def _planned(self, day: str) -> PreparedQuery:
        if self._query is None or day != self._day:
            if self._query is not None:
                self._query.close()
            landed = f"{self._environment}/{self.source.name}/{day}/stream"
            relation = (
                f"(SELECT *, {literal(self._environment)} AS environment, {literal(landed)} AS"
                f" raw_file, {literal(self._time_zone)} AS time_zone FROM {{relation}})"
            )
            sql = parse_sql(self.source, relation, day)
            if not self._protection:  # which looks at every field
                sql = f"SELECT {listed([*self._wanted, '_reject_reason'])} FROM ({sql})"
            self._query, self._day = PreparedQuery(self._connection, _SCHEMA, sql), day
        return self._query
