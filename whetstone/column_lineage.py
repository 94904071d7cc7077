"""Which column is made from which: raw field, field, feature, detector (pure).

It follows from the definitions alone: an expression names the columns that it reads. A column is
made from others in two ways. Their *values* enter it; or they decide which *rows* there are at all:
the clock and the entity of a unit, fields that a record must have, what a source accepts.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property

from whetstone.catalog import Catalog
from whetstone.catalog.catalog_pb2 import Detector, Expression, FeatureView, Field, Source
from whetstone.catalog.expressions import parse_expression
from whetstone.catalog.rawfields import EVERYWHERE
from whetstone.catalog.templated import TEMPLATE, has_templates
from whetstone.catalog.units import entity_columns
from whetstone.catalog.validation import MESSAGE_KEY
from whetstone.errors import InputError

RAW, FIELD, FEATURE, DETECTOR = KINDS = ("raw", "field", "feature", "detector")


@dataclass(frozen=True, order=True)
class Column:
    """A column: its kind, the source, view or detector it is of, and its name.

    A detector is one column, its score.
    """

    kind: str
    owner: str
    name: str

    def __str__(self) -> str:
        return f"{self.owner}.{self.name}"


@dataclass(frozen=True)
class Made:
    """What a column is made from: whose values enter it, and what decides its rows."""

    values: frozenset[Column] = frozenset()
    rows: frozenset[Column] = frozenset()


@dataclass(frozen=True)
class ColumnLineage:
    """All columns of a catalog, the raw ones first, and what each is made from."""

    made: Mapping[Column, Made]

    def up(self, column: Column, *, rows: bool = True) -> set[Column]:
        """All that a column is made from, near and far; `rows`: also what decides its rows."""
        return _reached(column, lambda each: self._direct(each, rows))

    def down(self, column: Column, *, rows: bool = True) -> set[Column]:
        """All that is made from a column, near and far."""
        users = self._users if rows else self._users_of_values
        return _reached(column, lambda each: users.get(each, ()))

    def named(self, name: str) -> list[Column]:
        """The columns that a name means: `sshd.src_ip`, or a detector, a view, a source.

        Raises:
            InputError: none; the message suggests some.
        """
        owner, _, column = name.partition(".")
        found = [c for c in self.made if c.owner == owner and column in ("", c.name)]
        if not found:
            known = list(dict.fromkeys([*map(str, self.made), *(c.owner for c in self.made)]))
            close = get_close_matches(name, known, 3, 0.6)
            meant = f"did you mean {', '.join(close)}?" if close else "write SOURCE.FIELD"
            raise InputError(f"there is no column {name!r}; {meant}")
        return found

    def _direct(self, column: Column, rows: bool) -> Iterable[Column]:
        made = self.made[column]
        return made.values | made.rows if rows else made.values

    @cached_property
    def _users(self) -> dict[Column, set[Column]]:
        return self._inverse(rows=True)

    @cached_property
    def _users_of_values(self) -> dict[Column, set[Column]]:
        return self._inverse(rows=False)

    def _inverse(self, *, rows: bool) -> dict[Column, set[Column]]:
        users: dict[Column, set[Column]] = {}
        for column in self.made:
            for source in self._direct(column, rows):
                users.setdefault(source, set()).add(column)
        return users


def column_lineage(catalog: Catalog) -> ColumnLineage:
    """The lineage of all columns of a catalog."""
    made: dict[Column, Made] = {}
    for source in catalog.sources.values():
        made |= _of_source(source)
    for view in catalog.feature_views.values():
        made |= _of_view(view, catalog.sources[view.source])
    for detector in catalog.detectors.values():
        made[Column(DETECTOR, detector.name, "score")] = Made(
            frozenset(_features_of(catalog, detector))
        )
    raw = {c for each in made.values() for c in each.values | each.rows if c.kind == RAW}
    return ColumnLineage({c: Made() for c in sorted(raw)} | made)


def assets_of(catalog: Catalog, lineage: ColumnLineage, column: Column) -> frozenset[str]:
    """The assets that are made by a column's definition: an edit changes the code of just these."""
    return frozenset(_assets(catalog, lineage, column))


def _of_source(source: Source) -> Iterator[tuple[Column, Made]]:
    rows = frozenset(_raw(source, source.accept) if source.HasField("accept") else ())
    for each in source.fields:
        yield Column(FIELD, source.name, each.name), Made(frozenset(_raw(source, each)), rows)


def _raw(source: Source, part: Field | Expression) -> Iterator[Column]:
    for number in parse_expression(part.definition).parameters:
        if part.index[number - 1] not in EVERYWHERE:
            yield Column(RAW, source.name, part.index[number - 1])


def _of_view(view: FeatureView, source: Source) -> Iterator[tuple[Column, Made]]:
    fields = {f.name for f in source.fields}
    required = {f.name for f in source.fields if f.required}
    rows = {source.event_time, *entity_columns(view), *required}
    for feature in view.features:
        read = set(parse_expression(feature.definition).columns)
        # The message is read through its template, or the key that this is found by.
        if source.message and ((TEMPLATE in read and has_templates(source)) or MESSAGE_KEY in read):
            read.add(source.message)
        yield (
            Column(FEATURE, view.name, feature.name),
            Made(
                frozenset(Column(FIELD, source.name, name) for name in read & fields),
                frozenset(Column(FIELD, source.name, name) for name in rows & fields),
            ),
        )


def _features_of(catalog: Catalog, detector: Detector) -> Iterator[Column]:
    view = catalog.view_of(catalog.golden_datasets[detector.golden_dataset])
    for name in detector.features:
        yield Column(FEATURE, view.name, name)
    for slow in detector.slow:
        for name in slow.features:
            yield Column(FEATURE, slow.view, name)


def _assets(catalog: Catalog, lineage: ColumnLineage, column: Column) -> Iterator[str]:
    users = {column, *lineage.down(column)}
    sources = {c.owner for c in users if c.kind == FIELD}
    if column.kind in (RAW, FIELD):
        for name in sources:
            yield f"parsed/{name}"
            yield from _mined(catalog.sources[name], users)
    for name, dataset in catalog.golden_datasets.items():
        view = catalog.view_of(dataset)
        if view.source in sources:
            yield f"golden/{name}"
        if column.kind == FEATURE and view.name == column.owner:
            yield f"golden_features/{name}"
    if column.kind == FEATURE:
        yield f"features/{column.owner}"
    for name, detector in catalog.detectors.items():
        if Column(DETECTOR, name, "score") in users:
            yield f"model/{name}"
        slow = {Column(FEATURE, s.view, each) for s in detector.slow for each in s.features}
        if slow & users:
            yield f"slow_features/{name}"
            yield f"online/{name}"


def _mined(source: Source, users: set[Column]) -> Iterator[str]:
    """The templates, which are mined from messages of events that there are."""
    decisive = {source.message, source.event_time, *(f.name for f in source.fields if f.required)}
    if has_templates(source) and decisive & {c.name for c in users if c.kind == FIELD}:
        yield f"templates/{source.name}"


def _reached(start: Column, direct: Callable[[Column], Iterable[Column]]) -> set[Column]:
    found: set[Column] = set()
    left = list(direct(start))
    while left:
        column = left.pop()
        if column not in found:
            found.add(column)
            left += direct(column)
    return found
