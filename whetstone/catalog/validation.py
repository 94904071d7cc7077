"""What makes a catalog valid beyond its grammar; every problem names file, line and field."""

import re
from collections.abc import Generator, Iterator, Mapping, Sequence
from datetime import UTC, datetime

from whetstone.catalog.asset_problems import asset_problems
from whetstone.catalog.canary_problems import canary_problems
from whetstone.catalog.catalog_pb2 import (
    CEF,
    CSV,
    FORMAT_UNSPECIFIED,
    JSON,
    KEY_VALUE,
    LEEF,
    LINE,
    SYSLOG,
    TSV,
    Detector,
    Environment,
    FeatureView,
    Format,
    GoldenDataset,
    Source,
)
from whetstone.catalog.expressions import ExpressionError, ParsedExpression, parse_expression
from whetstone.catalog.families import WITH_THRESHOLD, family_problems
from whetstone.catalog.golden_problems import golden_problems
from whetstone.catalog.patterns import group_names
from whetstone.catalog.rawfields import EVERYWHERE, SYSLOG_FIELDS
from whetstone.catalog.retraining_problems import retraining_problems
from whetstone.catalog.sandbox import binding_problem, time_zones
from whetstone.catalog.slow_problems import slow_problems, slow_types
from whetstone.catalog.templated import TEMPLATE, has_templates
from whetstone.catalog.textproto import Located
from whetstone.catalog.units import entity_columns, seconds_of
from whetstone.errors import CatalogError
from whetstone.sql import identifier, json_path, literal

_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_COLUMN = re.compile(r"[1-9]\d{0,3}")
_KEYS = re.compile(r"[\w@#-]+(?:\.[\w@#-]+)*")
# The formats whose records are lines unless `record_start` says otherwise.
_RECORDS_OF_LINES = (CEF, KEY_VALUE, LEEF, LINE, SYSLOG)
_FEATURE_TYPES = frozenset(
    (
        *("BOOLEAN", "INTEGER", "BIGINT", "DOUBLE", "VARCHAR"),
        *("VARCHAR[]", "BIGINT[]", "DOUBLE[]"),
    )
)
_FIELD_TYPES = _FEATURE_TYPES | {"TINYINT", "SMALLINT", "UBIGINT", "TIMESTAMP", "DATE"}
# Columns that every event and every unit carries beside its own.
EVENT_COLUMNS = {
    "environment": "VARCHAR",
    "event_time": "TIMESTAMP",
    "raw_file": "VARCHAR",
    "raw_line": "BIGINT",
    "raw_hash": "BIGINT",
    "key_id": "VARCHAR",
}
# The message without its numbers, of sources that have one: what templates are found by.
MESSAGE_KEY = "message_key"
UNIT_COLUMNS = ("environment", "unit", "unit_start", "event_timestamp")
# What stands beside features in some layer: neither an entity field nor a feature can be called so.
_RESERVED = frozenset(
    (
        *UNIT_COLUMNS,
        *("unit_hash", "label", "positive", "split", "origin", "contributor"),
        *("score", "threshold", "is_alert", "model_version"),
    )
)

Problems = Iterator[CatalogError]


def check(
    sources: Mapping[str, Located[Source]],
    views: Mapping[str, Located[FeatureView]],
    golden: Mapping[str, Located[GoldenDataset]],
    detectors: Mapping[str, Located[Detector]],
    environments: Mapping[str, Located[Environment]],
) -> list[CatalogError]:
    """All problems of a catalog, in the order of the layers."""
    problems: list[CatalogError] = []
    for source in sources.values():
        problems += _check_source(source)
    for view in views.values():
        problems += _check_view(view, sources)
    for dataset in golden.values():
        problems += _check_golden(dataset, views)
    for detector in detectors.values():
        problems += _check_detector(detector, golden, views, sources)
    for environment in environments.values():
        problems += _check_environment(environment, sources, detectors)
    return problems


def is_name(text: str) -> bool:
    """Whether a text can name a definition, a field or a feature."""
    return _NAME.fullmatch(text) is not None


def instant_of(text: str) -> datetime | None:
    """The UTC instant (naive) that an ISO 8601 text means; None when it means none."""
    try:
        instant = datetime.fromisoformat(text)
        return instant.astimezone(UTC).replace(tzinfo=None) if instant.tzinfo else instant
    except (ValueError, OverflowError):
        return None


def _check_name(
    located: Located[Source]
    | Located[FeatureView]
    | Located[GoldenDataset]
    | Located[Detector]
    | Located[Environment],
) -> Problems:
    if not _NAME.fullmatch(located.message.name):
        yield located.error("name", "write lower-case letters, digits and _, at most 63")


def _check_source(located: Located[Source]) -> Problems:
    source = located.message
    yield from _check_name(located)
    if source.format not in Format.values() or source.format == FORMAT_UNSPECIFIED:
        formats = _listed(set(Format.keys()) - {Format.Name(FORMAT_UNSPECIFIED)})
        yield located.error("format", f"write one of {formats}")
        return
    if source.format == LINE and (problem := _pattern_problem(source.pattern)):
        yield located.error("pattern", problem)
        return
    yield from _check_framing(located)
    names = [field.name for field in source.fields]
    yield from _check_unique(located, "fields", names)
    values: dict[str, str] = {}
    for number, field in enumerate(source.fields):
        path = f"fields[{number}]"
        if not _NAME.fullmatch(field.name) or (
            field.name in EVENT_COLUMNS and field.name != source.event_time
        ):
            yield located.error(f"{path}.name", f"{field.name!r} cannot name a field")
        if field.data_type not in _FIELD_TYPES:
            yield located.error(f"{path}.data_type", f"write one of {_listed(_FIELD_TYPES)}")
            continue
        value = yield from _check_raw_expression(
            located, path, field.index, field.definition, field.data_type
        )
        values |= {f"{path}.definition": value} if value else {}
    if source.HasField("accept"):
        accept = source.accept
        value = yield from _check_raw_expression(
            located, "accept", accept.index, accept.definition, "BOOLEAN"
        )
        values |= {"accept.definition": value} if value else {}
    yield from _check_binding(located, values)
    clocks = [field for field in source.fields if field.name == source.event_time]
    if source.event_time != "event_time" or not clocks:
        yield located.error("event_time", "must be `event_time`, and a field of that name be there")
    elif clocks[0].data_type != "TIMESTAMP":
        yield located.error("event_time", "its field must have data_type TIMESTAMP")
    if source.message and source.message not in names:
        yield located.error("message", f"there is no field {source.message!r}")


def _check_framing(located: Located[Source]) -> Problems:
    """What says where records begin and end, each where its format can have it."""
    source = located.message
    if source.pattern and source.format != LINE:
        yield located.error("pattern", "belongs to format LINE only")
    if source.header and source.format not in (CSV, TSV):
        yield located.error("header", "belongs to formats CSV and TSV only")
    if not source.record_start:
        return
    if source.format not in _RECORDS_OF_LINES:
        yield located.error(
            "record_start",
            f"belongs to {_format_names(_RECORDS_OF_LINES)}: others end by themselves",
        )
    elif problem := binding_problem(f"SELECT regexp_matches('', {literal(source.record_start)})"):
        yield located.error("record_start", f"not an RE2 pattern: {problem}")


def _format_names(formats: Sequence[int]) -> str:
    return _listed([Format.Name(number) for number in formats])


def _pattern_problem(pattern: str) -> str | None:
    groups = group_names(pattern)
    names = [name.lower() for name in groups if name]
    if not names:
        return "format LINE needs a pattern with named groups, (?P<name>…)"
    if len(set(names)) != len(names):
        return "two groups have the same name"
    # RE2 is what will run it, so RE2 is what judges it.
    listed = ", ".join(literal(f"group {number}") for number, _ in enumerate(groups))
    problem = binding_problem(f"SELECT regexp_extract('', {literal(pattern)}, [{listed}])")
    return f"not an RE2 pattern: {problem}" if problem else None


def _check_raw_expression(
    located: Located[Source],
    path: str,
    index: Sequence[str],
    definition: str,
    data_type: str,
) -> Generator[CatalogError, None, str | None]:
    """Yields its problems and returns the SQL that is still to be bound, if there is any."""
    for number, raw in enumerate(index):
        if raw not in EVERYWHERE and (problem := _raw_field_problem(located.message, raw)):
            yield located.error(f"{path}.index[{number}]", problem)
    parsed = yield from _check_expression(located, f"{path}.definition", definition)
    if not parsed:
        return None
    where = f"{path}.definition"
    if parsed.columns:
        yield located.error(where, f"{_listed(parsed.columns)}: write $1, $2 … and name in `index`")
    elif parsed.aggregates:
        yield located.error(where, "a field cannot aggregate; features do")
    elif any(number > len(index) for number in parsed.parameters):
        yield located.error(where, f"${max(parsed.parameters)} has no entry in `index`")
    else:
        raw = dict.fromkeys(parsed.parameters, "NULL::VARCHAR")
        return f"TRY_CAST((\n{parsed.with_parameters(raw)}\n) AS {data_type})"
    return None


def _check_binding(
    located: Located[Source] | Located[FeatureView], values: Mapping[str, str], relation: str = ""
) -> Problems:
    """Bind values by the paths of their definitions: all at once, which most often is enough."""
    if values and binding_problem(f"SELECT {', '.join(values.values())} {relation}"):
        for path, value in values.items():
            if problem := binding_problem(f"SELECT {value} {relation}"):
                yield located.error(path, problem)


def _raw_field_problem(source: Source, raw: str) -> str | None:
    """Why records of a source cannot have a raw field; what no record shows cannot be known."""
    if source.format in (LINE, SYSLOG):
        names = (
            {name for name in group_names(source.pattern) if name}
            if source.format == LINE
            else SYSLOG_FIELDS
        )
        known = _listed(EVERYWHERE | names)
        return None if raw in names else f"there is no raw field {raw!r}; known: {known}"
    if source.format == JSON:
        return _path_problem(raw)
    if source.format in (CSV, TSV) and not source.header and not _COLUMN.fullmatch(raw):
        return f"{raw!r} is not a number: columns are called 1, 2 … where `header` is not true"
    return None if raw else "a raw field has a name"


def _path_problem(raw: str) -> str | None:
    # Keys alone name one place; positions are for paths that begin with $.
    named = "[" not in raw or raw.startswith("$")
    if _KEYS.fullmatch(raw) or (
        named
        and binding_problem(f"SELECT json_extract_string('', [{literal(json_path(raw))}])") is None
    ):
        return None
    return f"{raw!r} is not a JSON path to one place, such as flow.start or $.dns.answers[0]"


def _check_view(located: Located[FeatureView], sources: Mapping[str, Located[Source]]) -> Problems:
    view = located.message
    yield from _check_name(located)
    if view.source not in sources:
        yield located.error("source", f"there is no source {view.source!r}")
        return
    columns = event_columns(sources[view.source].message)
    kind = view.WhichOneof("unit")
    if kind is None:
        yield located.error("unit", "write event {…}, window {…} or session {…}")
        return
    for path, name in _entity_paths(view):
        if name not in columns:
            yield located.error(path, f"source {view.source} has no field {name!r}")
        elif name in _RESERVED:
            yield located.error(path, f"{name!r} cannot name an entity: units have such a column")
    yield from _check_unique(located, f"{kind}.entity", entity_columns(view))
    if not entity_columns(view):
        yield located.error(kind, "name at least one entity field")
    if kind == "window":
        every = seconds_of(view.window.every)
        if not every or 86400 % every:
            yield located.error("window.every", 'write a duration that divides a day, such as "5m"')
    yield from _check_unique(located, "features", [feature.name for feature in view.features])
    if has_templates(sources[view.source].message):
        columns[TEMPLATE] = "VARCHAR"
    nulls = ", ".join(f"NULL::{kind} AS {identifier(name)}" for name, kind in columns.items())
    values: dict[str, str] = {}
    for number, feature in enumerate(view.features):
        path = f"features[{number}]"
        reserved = _RESERVED.union(entity_columns(view))
        if not _NAME.fullmatch(feature.name) or feature.name in reserved:
            yield located.error(f"{path}.name", f"{feature.name!r} cannot name a feature")
        if feature.data_type not in _FEATURE_TYPES:
            yield located.error(f"{path}.data_type", f"write one of {_listed(_FEATURE_TYPES)}")
            continue
        where = f"{path}.definition"
        parsed = yield from _check_expression(located, where, feature.definition)
        if not parsed:
            continue
        if parsed.parameters:
            yield located.error(where, "$1 belongs to sources; write the names of fields here")
        elif unknown := parsed.columns - columns.keys():
            yield located.error(where, f"source {view.source} has no field {_listed(unknown)}")
        elif parsed.aggregates != (kind != "event"):
            yield located.error(
                where,
                "features of an event cannot aggregate"
                if kind == "event"
                else f"features of a {kind} aggregate over its events, such as count(*)",
            )
        else:
            values[where] = f"TRY_CAST((\n{parsed.definition}\n) AS {feature.data_type})"
    yield from _check_binding(located, values, f"FROM (SELECT {nulls})")


def _check_golden(
    located: Located[GoldenDataset], views: Mapping[str, Located[FeatureView]]
) -> Problems:
    dataset = located.message
    yield from _check_name(located)
    if dataset.feature_view not in views:
        yield located.error("feature_view", f"there is no feature view {dataset.feature_view!r}")
        return
    seen: set[str] = set()
    for number, known in enumerate(dataset.classes):
        for label in (known.name.lower(), *(alias.lower() for alias in known.aliases)):
            if label in seen:
                yield located.error(f"classes[{number}]", f"{label!r} stands twice")
            seen.add(label)
    if not any(c.positive for c in dataset.classes) or all(c.positive for c in dataset.classes):
        yield located.error("classes", "name at least one positive class and one that is not")
    for path, problem in golden_problems(dataset):
        yield located.error(path, problem)
    for path, problem in canary_problems(dataset):
        yield located.error(path, problem)
    holdout = dataset.holdout
    match holdout.WhichOneof("by"):
        case "group":
            entity = entity_columns(views[dataset.feature_view].message)
            for number, key in enumerate(holdout.group.keys):
                if key not in (*entity, "environment"):
                    yield located.error(
                        f"holdout.group.keys[{number}]", f"the unit has no entity {key!r}"
                    )
            if not holdout.group.keys:
                yield located.error("holdout.group.keys", "name what stays together")
            shares = (holdout.group.test_share, holdout.group.validation_share)
            if not (0 < shares[0] < 1 and 0 < shares[1] < 1 and sum(shares) < 1):
                yield located.error(
                    "holdout.group", "shares lie between 0 and 1, their sum below 1"
                )
        case "time":
            validation = instant_of(holdout.time.validation_from)
            test = instant_of(holdout.time.test_from)
            if validation is None or test is None or validation >= test:
                yield located.error("holdout.time", "write validation_from < test_from, ISO 8601")
        case _:
            yield located.error("holdout", "write group {…} or time {…}: held out is for ever")


def _check_detector(
    located: Located[Detector],
    golden: Mapping[str, Located[GoldenDataset]],
    views: Mapping[str, Located[FeatureView]],
    sources: Mapping[str, Located[Source]],
) -> Problems:
    detector = located.message
    yield from _check_name(located)
    if detector.golden_dataset not in golden:
        yield located.error(
            "golden_dataset", f"there is no golden dataset {detector.golden_dataset!r}"
        )
        return
    view = golden[detector.golden_dataset].message.feature_view
    features = views[view].message.features if view in views else ()
    known = {feature.name: feature.data_type for feature in features}
    for number, name in enumerate(detector.features):
        if name not in known:
            yield located.error(f"features[{number}]", f"view {view} has no feature {name!r}")
    yield from _check_unique(located, "features", list(detector.features))
    if not detector.features:
        yield located.error("features", "name the features it uses")
    if view in views and views[view].message.source in sources:
        unit = views[view].message
        source = sources[unit.source].message
        others = {name: other.message for name, other in views.items()}
        types = event_columns(source)
        for path, problem in slow_problems(detector, unit, source, types, others):
            yield located.error(path, problem)
        known |= slow_types(detector, others)
        if detector.early and unit.WhichOneof("unit") == "event":
            yield located.error("early", "an event is complete at once: leave it out")
    for path, problem in (*family_problems(detector, known), *retraining_problems(detector)):
        yield located.error(path, problem)
    operating_point = detector.operating_point
    match operating_point.WhichOneof("by"):
        case "max_false_positive_rate":
            value, name = operating_point.max_false_positive_rate, "max_false_positive_rate"
        case "significance":
            value, name = operating_point.significance, "significance"
            if detector.WhichOneof("family") not in WITH_THRESHOLD:
                families = " and ".join(WITH_THRESHOLD)
                yield located.error("operating_point", f"only {families} have thresholds")
        case _:
            yield located.error("operating_point", "write max_false_positive_rate")
            return
    if not 0 < value < 1:
        yield located.error(f"operating_point.{name}", "lies between 0 and 1")


def _check_environment(
    located: Located[Environment],
    sources: Mapping[str, Located[Source]],
    detectors: Mapping[str, Located[Detector]],
) -> Problems:
    environment = located.message
    yield from _check_name(located)
    for number, name in enumerate(environment.sources):
        if name not in sources:
            yield located.error(f"sources[{number}]", f"there is no source {name!r}")
    for number, name in enumerate(environment.detectors):
        if name not in detectors:
            yield located.error(f"detectors[{number}]", f"there is no detector {name!r}")
    if environment.time_zone and environment.time_zone not in time_zones():
        yield located.error(
            "time_zone",
            f"{environment.time_zone!r} is no IANA name; write UTC or one such as Europe/Oslo",
        )
    if environment.channel not in ("", "stable", "canary"):
        yield located.error(
            "channel",
            f"{environment.channel!r} is no channel; write stable, canary or leave it out",
        )
    for path, problem in asset_problems(environment):
        yield located.error(path, problem)


def event_columns(source: Source) -> dict[str, str]:
    """Name and DuckDB type of every column of a source's events."""
    fields = {field.name: field.data_type for field in source.fields}
    return {**EVENT_COLUMNS, **fields, **({MESSAGE_KEY: "VARCHAR"} if source.message else {})}


def _entity_paths(view: FeatureView) -> list[tuple[str, str]]:
    kind = view.WhichOneof("unit")
    if kind == "session":
        return [("session.key", view.session.key)]
    return [(f"{kind}.entity[{i}]", name) for i, name in enumerate(entity_columns(view))]


def _check_expression(
    located: Located[Source] | Located[FeatureView], path: str, definition: str
) -> Generator[CatalogError, None, ParsedExpression | None]:
    try:
        return parse_expression(definition)
    except ExpressionError as error:
        yield located.error(path, str(error))
        return None


def _check_unique(
    located: Located[Source] | Located[FeatureView] | Located[GoldenDataset] | Located[Detector],
    path: str,
    names: Sequence[str],
) -> Problems:
    for number, name in enumerate(names):
        if name in names[:number]:
            yield located.error(f"{path}[{number}]", f"{name!r} stands twice")


def _listed(names: Sequence[str] | frozenset[str] | set[str]) -> str:
    return ", ".join(sorted(names))
