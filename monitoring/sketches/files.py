"""Sketches beside the partitions they are of: `sketches.parquet`, made once and then read.

The file says which content version of the partition it is of and of which format it is; where
either has changed it is made again, under a temporary name and then renamed, so that any number of
processes may ask at once. When a partition's rows have expired its sketches stay, and are what is
left of the day.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from monitoring.sketches import (
    REFERENCE,
    REFERENCE_PART,
    Sketch,
    sketch_events,
    sketch_scores,
)
from monitoring.sketches.tables import FORMAT, from_table, to_table
from whetstone.catalog.catalog_pb2 import Source
from whetstone.catalog.templated import has_templates
from whetstone.catalog.validation import MESSAGE_KEY
from whetstone.durable import flush
from whetstone.engine import open_engine
from whetstone.errors import NotReadyError
from whetstone.lake import SKETCHES, Lake, Manifest, Place, version_of
from whetstone.parsing.templates_masks import MASKING
from whetstone.sql import identifier, literal

_TAG = b"whetstone"


def scores_sketch(lake: Lake, detector: str, day: str, columns: Sequence[str]) -> Sketch | None:
    """The sketch of a detector's day; None where it has not been scored or is no more.

    Args:
        lake: where the scores are.
        detector: the detector's name.
        day: YYYY-MM-DD.
        columns: features and other columns of its units to sketch. Of a day whose rows have
            expired, the columns that were sketched while they were there.
    """
    place = Place("scores", detector, day)

    def make() -> Sketch:
        names = [*columns, "score", "threshold", "is_alert", "model_version"]
        rows = _rows(lake, place, [*names, "environment", "unit_start"])
        return sketch_scores(rows, columns)

    return _kept(lake, place, version_of("scores", *columns), make)


def reference_sketch(
    lake: Lake, detector: str, columns: Sequence[str], threshold: float | None
) -> Sketch:
    """The sketch of the benign rows that the champion was trained on, finer than a day's.

    Raises:
        NotReadyError: no release of the detector is in service.
    """
    place = Place("release", detector)

    def make() -> Sketch:
        rows = _rows(lake, place, [*columns, "score", "environment"])
        return sketch_scores(rows, columns, threshold, REFERENCE, REFERENCE_PART)

    found = _kept(lake, place, version_of("reference", threshold, *columns), make)
    if found is None:
        raise NotReadyError(f"no release of {detector} is in service: materialize {place} first")
    return found


def events_sketch(lake: Lake, source: Source, day: str) -> Sketch | None:
    """The sketch of a source's day; None where it has not been parsed or is no more."""
    place = Place("parsed", source.name, day)
    masks = MASKING.version if has_templates(source) else ""
    return _kept(
        lake, place, version_of("events", source.message, masks), lambda: _events(lake, source, day)
    )


def _kept(lake: Lake, place: Place, of: str, make: Callable[[], Sketch]) -> Sketch | None:
    """The sketch as it is kept, or as it is made now; `of` says what is sketched, and how."""
    path = lake.directory(place) / SKETCHES
    while (manifest := lake.manifest(place)) is not None:
        tag = {"format": FORMAT, "version": manifest.version, "of": of}
        kept = _tag(lake, place)
        if kept == tag:
            return from_table(pq.read_table(path))
        try:
            sketch = make()
        except (NotReadyError, FileNotFoundError):
            # The rows have expired: what was sketched of this content is what there is.
            fits = kept is not None and {**kept, "of": of} == tag
            return from_table(pq.read_table(path)) if fits else None
        if _version(lake.manifest(place)) == manifest.version:
            _write(lake, place, sketch, tag)
            return sketch
    return None


def _version(manifest: Manifest | None) -> str | None:
    return None if manifest is None else manifest.version


def _tag(lake: Lake, place: Place) -> dict[str, str] | None:
    try:
        metadata = pq.read_schema(lake.directory(place) / SKETCHES).metadata or {}
    except (FileNotFoundError, pa.ArrowInvalid):
        return None
    return json.loads(metadata[_TAG]) if _TAG in metadata else None


def _write(lake: Lake, place: Place, sketch: Sketch, tag: dict[str, str]) -> None:
    table = to_table(sketch)
    metadata = {**(table.schema.metadata or {}), _TAG: json.dumps(tag, sort_keys=True)}
    path = lake.directory(place) / SKETCHES
    temporary = path.with_name(f"{SKETCHES}.{uuid.uuid4().hex}.tmp")
    try:
        pq.write_table(
            table.replace_schema_metadata(metadata), temporary, compression="zstd",
            compression_level=6,
        )  # fmt: skip
        flush(temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _rows(lake: Lake, place: Place, names: Sequence[str]) -> pa.Table:
    path = lake.part(place)
    there = set(pq.read_schema(path).names)
    return pq.read_table(path, columns=[n for n in dict.fromkeys(names) if n in there])


def _events(lake: Lake, source: Source, day: str) -> Sketch:
    events = f"read_parquet({literal(str(lake.part(Place('parsed', source.name, day))))})"
    templates: dict[str, dict[str, int]] = {}
    hours: dict[str, list[int]] = {}
    with open_engine(lake.root) as connection:
        for environment, hour, rows in connection.sql(
            f"""SELECT environment, hour(event_time), count(*) FROM {events}
                WHERE event_time IS NOT NULL GROUP BY ALL"""
        ).fetchall():
            hours.setdefault(environment, [0] * 24)[hour] = rows
        if has_templates(source):
            columns = connection.sql(f"FROM {events} LIMIT 0").columns
            message = identifier(source.message)
            key = MESSAGE_KEY if MESSAGE_KEY in columns else MASKING.key_sql(message)
            for environment, mask, rows in connection.sql(
                f"""WITH keys AS (
                        SELECT environment, {key} AS key, count(*) AS messages FROM {events}
                        WHERE {message} IS NOT NULL GROUP BY ALL),
                    masks AS (
                        SELECT key, {MASKING.mask_sql("key")} AS mask
                        FROM (SELECT DISTINCT key FROM keys))
                    SELECT environment, mask, sum(messages)::BIGINT
                    FROM keys JOIN masks USING (key) GROUP BY ALL"""
            ).fetchall():
                templates.setdefault(environment, {})[mask] = rows
        return sketch_events(templates, hours, _rejects(connection, lake, source.name, day))


def _rejects(connection, lake: Lake, source: str, day: str) -> dict[str, int]:
    path = lake.directory(Place("rejects", source, day)) / "part.parquet"
    if not path.exists():
        return {}
    counted = connection.sql(
        f"SELECT environment, count(*) FROM read_parquet({literal(str(path))}) GROUP BY ALL"
    ).fetchall()
    return dict(counted)
