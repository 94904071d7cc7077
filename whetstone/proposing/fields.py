"""The fields of a source, from the raw fields that its format finds in a file."""

# pyarrow ships no types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

import re
from collections.abc import Sequence

import duckdb

from whetstone.catalog import validation
from whetstone.catalog.catalog_pb2 import (
    CEF,
    FREE_TEXT,
    KEY_VALUE,
    LEEF,
    LINE,
    SYSLOG,
    ZEEK,
    Field,
    Source,
)
from whetstone.catalog.patterns import group_names
from whetstone.catalog.rawfields import DAY, RECORD, TIME_ZONE
from whetstone.engine import only_row, open_engine
from whetstone.parsing import RawFile, parse_files
from whetstone.parsing.raw_values import raw_column, with_raw_values
from whetstone.parsing.records import read_records
from whetstone.proposing.clocks import NO_CLOCK, READY, SECONDS, Clock, clocks_of
from whetstone.proposing.formats import keys_of
from whetstone.proposing.personal import personal_data_of
from whetstone.proposing.values import Inferred, infer
from whetstone.settings import settings

PARSES = 0.99
_LOOKED_AT_RECORDS = 2000
_DISTINCT_VALUES = 5000
_LONGEST_SAMPLE = 4000
_HEAD_FIELDS = {
    SYSLOG: ("priority", "time", "host", "program", "pid", "message"),
    CEF: (
        *("time", "host", "device_vendor", "device_product", "device_version", "signature_id"),
        *("name", "severity"),
    ),
    LEEF: ("time", "host", "vendor", "product", "product_version", "event_id"),
    KEY_VALUE: ("@time", "@host", "@program", "@pid"),
}
_OWN_CLOCKS = {
    SYSLOG: (READY, "time"),
    CEF: (READY, "time"),
    LEEF: (READY, "time"),
    KEY_VALUE: (READY, "@time"),
    ZEEK: (SECONDS, "ts"),
}
_CLOCK_NAMES = (
    *("timestamp", "time", "ts", "event_time", "datetime", "date", "eventtime", "starttime", "rt"),
    *("utctime", "realtime_timestamp", "devtime", "start", "created", "msg"),
)
_MESSAGE_NAMES = ("message", "msg", "full_log", "log", "content", "text", "description")
_RESERVED = frozenset((*validation.EVENT_COLUMNS, "template"))


def defined_source(skeleton: Source, sample: RawFile, day: str) -> Source | None:
    """The skeleton with fields, clock and samples; None when the file is not of its format."""
    with open_engine() as connection:
        raw = _raw_fields(connection, skeleton, sample, day)
        if raw is None:
            return None
        if not _parses(connection, with_raw_values(skeleton, [*raw, RECORD]), sample, day):
            return None
        table = _Table(connection, [*raw, RECORD], _OWN_CLOCKS.get(skeleton.format))
        source = Source()
        source.CopyFrom(skeleton)
        source.display_name = _words(skeleton.name)
        source.event_time = "event_time"
        source.max_reject_rate = 0.01
        clock, at = table.clock()
        source.fields.append(_clock_field(clock, raw[at] if at is not None else DAY))
        given: list[str] = []
        for number, raw_name in enumerate(raw):
            if number != at and (field := table.field(number, _field_name(raw_name, given))):
                source.fields.append(field)
                given.append(field.name)
        texts = [field.name for field in source.fields if field.data_type == "VARCHAR"]
        source.message = next((name for name in _MESSAGE_NAMES if name in texts), "")
        header = _header(skeleton, sample)
        before = f"#fields\t{header}\n" if skeleton.format == ZEEK else f"{header}\n"
        source.samples.extend(
            record if header is None else f"{before}{record}" for record in table.samples()
        )
        return source


def _raw_fields(
    connection: duckdb.DuckDBPyConnection, skeleton: Source, sample: RawFile, day: str
) -> list[str] | None:
    """The raw fields that a format finds in the sample; None when it finds no records."""
    if skeleton.format == LINE:
        return [name for name in group_names(skeleton.pattern) if name]
    head = list(_HEAD_FIELDS.get(skeleton.format, ()))
    if skeleton.format == SYSLOG:
        return head
    if not _parses(connection, with_raw_values(skeleton, [RECORD]), sample, day):
        return None
    records = [
        text
        for (text,) in connection.execute(
            f"SELECT {raw_column(0)} FROM events LIMIT {_LOOKED_AT_RECORDS}"
        ).fetchall()
    ]
    found = keys_of(skeleton, records, _header(skeleton, sample))
    return list(dict.fromkeys((*head, *found))) or None


def _header(skeleton: Source, sample: RawFile) -> str | None:
    """The names of the sample's columns, as its format separates them; None without a header."""
    for batch in read_records(skeleton, sample.path, settings().max_line_bytes):
        named = batch["header"].drop_null()
        if len(named):
            return str(named[0].as_py())
    return None


def _parses(
    connection: duckdb.DuckDBPyConnection, source: Source, sample: RawFile, day: str
) -> bool:
    parsed = parse_files(connection, source, [sample], day, settings().max_line_bytes)
    return parsed.events > 0 and parsed.events >= PARSES * parsed.lines


class _Table:
    """The raw fields of the sample's records: `raw_0`, `raw_1` ... of the table `events`."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        raw: Sequence[str],
        own: tuple[Clock, str] | None,
    ):
        self._connection = connection
        self._raw = raw
        self._own = own
        (self._rows,) = only_row(connection, "SELECT count(*) FROM events")

    def clock(self) -> tuple[Clock, int | None]:
        """The best clock and the raw field that it reads; without any, the day of landing."""
        if self._own and self._own[1] in self._raw:
            number = self._raw.index(self._own[1])
            if self._reads(self._own[0], number):
                return self._own[0], number
        found: list[tuple[tuple[bool, int, int], Clock, int]] = []
        for number, raw in enumerate(self._raw):
            name = re.sub(r"\W+", "_", raw.rpartition(".")[2]).strip("_").lower()
            known = _CLOCK_NAMES.index(name) if name in _CLOCK_NAMES else len(_CLOCK_NAMES)
            found += [
                ((not clock.distinct, known, number), clock, number)
                for clock in clocks_of(self._values(number))
                if (clock.distinct or known < len(_CLOCK_NAMES)) and self._reads(clock, number)
            ]
        if not found:
            return NO_CLOCK, None
        _, clock, number = min(found, key=lambda each: each[0])
        return clock, number

    def field(self, number: int, name: str) -> Field | None:
        """The field of a raw field; None for one that is always empty."""
        values = self._values(number)
        if not values:
            return None
        inferred = infer(values, name)
        if self._lost(number, inferred):
            inferred = Inferred("VARCHAR", "$1")
        field = Field(
            name=name,
            display_name=_words(name),
            data_type=inferred.data_type,
            index=[self._raw[number], *inferred.needs],
            definition=inferred.definition,
        )
        if inferred.data_type == "VARCHAR":
            field.personal_data = personal_data_of(name, [v for v in values if v not in "-?"])
            if name in _MESSAGE_NAMES:
                field.personal_data = FREE_TEXT
        return field

    def samples(self) -> list[str]:
        """The first record, and the one that fills most raw fields."""
        filled = " + ".join(
            f"({raw_column(n)} IS NOT NULL)::INTEGER"
            for n, name in enumerate(self._raw)
            if name != RECORD
        )
        record = raw_column(self._raw.index(RECORD))
        found: list[str] = []
        for order in ("raw_line", f"{filled} DESC, raw_line DESC"):
            row = self._connection.execute(
                f"SELECT {record} FROM events WHERE length({record}) <= {_LONGEST_SAMPLE}"
                f" ORDER BY {order} LIMIT 1"
            ).fetchone()
            found += row or ()
        return list(dict.fromkeys(found))

    def _reads(self, clock: Clock, number: int) -> bool:
        """Whether a clock reads (almost) every record's value."""
        definition = _with_values(clock, raw_column(number))
        (read,) = only_row(
            self._connection,
            f"SELECT count(TRY(CAST({definition} AS TIMESTAMP))) FROM events",
        )
        return read >= PARSES * self._rows

    def _values(self, number: int) -> list[str]:
        column = raw_column(number)
        found = self._connection.execute(
            f"""SELECT DISTINCT {column} FROM events WHERE {column} IS NOT NULL
                LIMIT {_DISTINCT_VALUES}"""
        ).fetchall()
        return [value for (value,) in found]

    def _lost(self, number: int, inferred: Inferred) -> bool:
        """Whether some text of the sample has no value of the type."""
        column = raw_column(number)
        definition = _with_values(Clock("", inferred.definition, inferred.needs), column)
        text = re.search(r"nullif\(\$1, '[^']*'\)", inferred.definition)
        given = text[0].replace("$1", column) if text else column
        (lost,) = only_row(
            self._connection,
            f"SELECT count(*) FROM events WHERE {given} IS NOT NULL"
            f" AND TRY(CAST({definition} AS {inferred.data_type})) IS NULL",
        )
        return lost > 0


def _with_values(clock: Clock, column: str) -> str:
    """A clock's SQL over a column; the zone and the day do not matter here."""
    values = {TIME_ZONE: "'UTC'", DAY: "'2026-03-01'"}
    definition = clock.definition.replace("$1", column)
    for number, name in enumerate(clock.needs, start=2):
        definition = definition.replace(f"${number}", values[name])
    return f"({definition})"


def _clock_field(clock: Clock, raw: str) -> Field:
    description = "" if raw != DAY else "No clock was found: the day of landing stands for it."
    return Field(
        name="event_time",
        display_name="Time",
        description=description,
        data_type="TIMESTAMP",
        index=[raw, *clock.needs],
        definition=clock.definition,
    )


def _field_name(raw: str, given: Sequence[str]) -> str:
    """A name for a raw field: lower case with _, given once."""
    spaced = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", raw)
    name = re.sub(r"[^a-z0-9]+", "_", spaced.lower()).strip("_")
    if not name[:1].isalpha():
        name = f"column_{name}".rstrip("_")
    if name in _RESERVED:
        name = f"{name}_value"
    name = name[:60]
    return name if name not in given else f"{name[:56]}_{len(given)}"


def _words(name: str) -> str:
    return name.replace("_", " ").capitalize()
