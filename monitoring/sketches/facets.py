"""What is comparable of a column: counts of rows by bin, of every side by the same bins.

A number has its quantile bins, a text its categories; of lists and free text their lengths are
compared, the means of decimal entries, and how much is unknown in them. Free text is text whose
values mostly differ from each other, such as URLs or log messages: to compare it by category would
call every day's new values drift.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from monitoring.sketches import Column
from monitoring.sketches.encoding import CATEGORIES
from monitoring.sketches.points import Points, Singles
from monitoring.sketches.values import Values, unseen, unseen_by_day
from monitoring.statistics import BINS, bin_counts, quantile_edges

SINGLES = 0.01
"""Share of rows whose value occurs once, from which on text is free: a day brings new ones."""
FLAGS, BINNED, CATEGORIES_OF, UNKNOWN = "flags", "bins", "categories", "unknown"

Counts = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Facet:
    """One way to look at a column.

    Attributes:
        name: what is looked at, such as 'length'; empty: the values themselves.
        kind: `FLAGS`, `BINNED`, `CATEGORIES_OF` or `UNKNOWN`.
        labels: what each bin is called.
        reference: the reference's rows by bin.
        count: the rows of another column by bin.
        by_day: for the columns of several days, each day's rows by bin as the other days see them:
            what only one day has is new on that day.
        edges: between the bins of numbers.
    """

    name: str
    kind: str
    labels: Sequence[str]
    reference: Counts
    count: Callable[[Column], Counts]
    by_day: Callable[[Sequence[Column]], list[Counts]]
    edges: Singles = field(default_factory=lambda: np.empty(0, np.float32))

    def bounds(self, place: int) -> tuple[float, float]:
        """The numbers of a bin are above the first and at most the second; NaN: the missing."""
        whole = [-np.inf, *self.edges.tolist(), np.inf]
        if not self.edges.size:
            return -np.inf, np.inf
        return (whole[place], whole[place + 1]) if place <= self.edges.size else (np.nan, np.nan)


def facets(reference: Column, current: Column) -> list[Facet]:
    """The facets of a column, by what it is in the reference; flags are flags on both sides."""
    if reference.kind == "numbers" and reference.numbers is not None:
        if all(c.numbers is not None and c.numbers.only_flags for c in (reference, current)):
            return [_flags(reference)]
        return [_binned("", reference.numbers, lambda column: column.numbers)]
    if reference.kind == "text" and not is_free(reference):
        return [_categories(reference)]
    found: list[Facet] = []
    if reference.numbers is not None:
        found.append(_binned("length", reference.numbers, lambda column: column.numbers))
    if reference.means is not None:
        found.append(_binned("mean", reference.means, lambda column: column.means))
    if entries(reference) is not None:
        found.append(_unknown(reference))
    return found or [_categories(reference)]


def is_free(column: Column) -> bool:
    """Whether the column's text is free text."""
    values = column.values
    return (
        column.kind == "text"
        and values is not None
        and values.distinct > CATEGORIES
        and values.singles > SINGLES * values.rows
    )


def entries(column: Column) -> Values | None:
    """The entries of lists, the words of texts."""
    return column.values if column.kind == "lists" else column.words


def _flags(reference: Column) -> Facet:
    def count(column: Column) -> Counts:
        points = column.numbers
        if points is None:
            return np.zeros(3)
        zero, known = points.at_most(np.array([0, np.inf], np.float32))
        return np.array([zero, known - zero, points.missing])

    labels = ("not set", "set", "missing")
    between = np.array([0.5], np.float32)
    return Facet("", FLAGS, labels, count(reference), count, _each(count), between)


def _binned(name: str, reference: Points, points: Callable[[Column], Points | None]) -> Facet:
    edges = quantile_edges(reference)

    def count(column: Column) -> Counts:
        found = points(column)
        return np.zeros(edges.size + 2) if found is None else bin_counts(found, edges)

    labels = ranges(edges, reference.whole_numbers)
    before = bin_counts(reference, edges)
    return Facet(name, BINNED, labels, before, count, _each(count), edges)


def _categories(reference: Column) -> Facet:
    known = reference.values or Values({})
    names = list(known.counts)[: 2 * BINS]

    def plain(values: Values, new: float) -> Counts:
        own = [values.rows_of(name) for name in names]
        others = max(0.0, values.known - sum(own) - new)
        return np.array([*own, others, new, values.missing])

    def count(column: Column) -> Counts:
        values = column.values or Values({})
        return plain(values, unseen(known, values) * values.known)

    def by_day(days: Sequence[Column]) -> list[Counts]:
        values = [day.values or Values({}) for day in days]
        shares = unseen_by_day(values)
        return [plain(v, share * v.known) for v, share in zip(values, shares, strict=True)]

    labels = (*names, "other values", "new values", "missing")
    return Facet("", CATEGORIES_OF, labels, plain(known, 0.0), count, by_day)


def _unknown(reference: Column) -> Facet:
    """Entries that are known and unknown; scaled to rows, because those of one row go together."""
    known = entries(reference) or Values({})

    def split(column: Column, share: float) -> Counts:
        rows = column.rows if entries(column) is not None else 0
        return np.array([rows * (1 - share), rows * share])

    def count(column: Column) -> Counts:
        found = entries(column) or column.values
        return split(column, 0.0 if found is None else unseen(known, found))

    def by_day(days: Sequence[Column]) -> list[Counts]:
        shares = unseen_by_day([entries(day) or Values({}) for day in days])
        return [split(day, share) for day, share in zip(days, shares, strict=True)]

    usual = split(reference, known.novelty)
    return Facet("unknown", UNKNOWN, ("known", "unknown"), usual, count, by_day)


def _each(count: Callable[[Column], Counts]) -> Callable[[Sequence[Column]], list[Counts]]:
    return lambda days: [count(day) for day in days]


def ranges(edges: Singles, whole: bool) -> list[str]:
    """Names of the bins between the edges, and of the missing values."""
    if not edges.size:
        return ["all", "missing"]
    names = [f"≤ {short(edges[0])}"]
    for low, high in pairwise(edges):
        first = np.floor(low) + 1 if whole else low
        alone = first >= high or np.nextafter(low, np.float32(np.inf)) == high
        names.append(short(high) if alone else f"{short(first)} – {short(high)}")
    return [*names, f"> {short(edges[-1])}", "missing"]


def short(value: float) -> str:
    """A number for reading, in four digits: 12.35, 18,070, 1.2e-05."""
    size = abs(value)
    if size and not 1e-3 <= size < 1e9:
        return f"{value:.3g}"
    digits = max(0, 3 - int(np.floor(np.log10(size)))) if size else 0
    text = f"{value:,.{digits}f}"
    return text.rstrip("0").rstrip(".") if digits else text
