"""A comparison of two catalogs, for people and for programs."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import takewhile
from typing import Any

from whetstone import console
from whetstone.comparing.meaning import Rerun
from whetstone.comparing.run import Comparison, Retraining, SourceChange
from whetstone.comparing.values import TableChange

_LONGEST_VALUE = 60
_CONTEXT = 16


def as_json(comparison: Comparison, against: str) -> dict[str, Any]:
    """All of it, for programs."""
    return {
        "against": against,
        "changed": bool(comparison.definitions),
        "definitions": [asdict(change) for change in comparison.definitions],
        "sources": [
            {
                "source": change.source,
                "days": change.days,
                "before": asdict(change.before),
                "after": asdict(change.after),
                "became": [asdict(became) for became in change.became],
                **_table_as_json(change.events, "fields"),
            }
            for change in comparison.sources
        ],
        "views": [
            {"view": change.view, **_table_as_json(change.units, "features")}
            for change in comparison.views
        ],
        "reruns": [asdict(rerun) for rerun in comparison.reruns],
        "vanished": comparison.vanished,
        "retrains": [asdict(retraining) for retraining in comparison.retrainings],
        "without_sample": comparison.unsampled,
    }


def show(comparison: Comparison, against: str) -> None:
    """All of it, for people: what was edited, what it does to the sample, what runs again."""
    if not comparison.definitions:
        console.show(f"the catalog is that of {against}: nothing changes, nothing runs again")
        return
    console.show_table(f"definitions, compared with {against}", list(_edits(comparison)))
    for source in comparison.sources:
        _show_source(source)
    for view in comparison.views:
        units = view.units
        title = f"feature view {view.view}: {units.common} units of the sample"
        if units.only_before or units.only_after:
            title += f", {units.only_before} only before, {units.only_after} only now"
        _show_cells(title, "feature", units)
    for name in comparison.unsampled:
        console.show(f"{name}: nothing has landed to try it on; give --sample FILE")
    _show_reruns(comparison)


def _show_source(change: SourceChange) -> None:
    before, after = change.before, change.after
    title = f"source {change.source}: {after.lines} lines of {', '.join(change.days)}"
    if change.equal:
        console.show(f"{title}: every cell and every reject is as before\n")
        return
    _show_cells(title, "field", change.events)
    rows = [
        {"of the sample": what, "before": old, "now": new}
        for what, old, new in (
            ("events", before.events, after.events),
            ("of other sources", before.skipped, after.skipped),
            *(
                (f"reject: {reason}", before.rejects.get(reason, 0), after.rejects.get(reason, 0))
                for reason in sorted({*before.rejects, *after.rejects})
            ),
        )
    ]
    if any(row["before"] != row["now"] for row in rows):
        console.show_table("lines", rows)
    if change.became:
        console.show_table(
            "lines that became something else",
            [
                {
                    "lines": became.lines,
                    "was": became.before,
                    "is": became.after,
                    "reason": became.reason,
                    "first": became.first,
                    "such as": _short(became.example),
                }
                for became in change.became
            ],
        )


def _show_cells(title: str, word: str, table: TableChange) -> None:
    rows = [
        {
            word: column.column,
            "changed": column.changed,
            "share": _share(column.changed, column.of),
            "before": _short(example.before),
            "now": _short(example.after),
            "times": example.count,
            "first": example.first,
        }
        for column in table.changed
        for example in column.examples
    ]
    if rows:
        console.show_table(title, _said_once(rows, word))
    else:
        console.show(f"{title}: no value changed")
    for kind, names in (("new", table.appeared), ("gone", table.vanished)):
        for name, count in names.items():
            console.show(f"  {kind}: {name}, with a value in {count} rows")
    console.show()


def _show_reruns(comparison: Comparison) -> None:
    if not comparison.reruns and not comparison.vanished:
        console.show("nothing runs again: only words for people changed")
        return
    console.show_table(
        "runs again",
        [
            {"asset": asset, "when": when, "cause": cause}
            for asset, when, cause in _by_layer(comparison.reruns)
        ],
    )
    for asset in comparison.vanished:
        console.show(f"no longer made: {asset}")
    console.show_table(
        "detectors",
        [
            {"detector": one.detector, "retrains": _retrains(one), "cause": one.cause}
            for one in comparison.retrainings
        ],
    )


def _edits(comparison: Comparison) -> Iterator[dict[str, Any]]:
    for change in comparison.definitions:
        who = f"{change.kind} {change.name}"
        if not change.edits:
            yield {"definition": who, "field": change.change, "before": "", "now": ""}
        if not change.means:
            who += " (words only)"
        for edit in change.edits:
            before, now = _from_difference(edit.before or "", edit.after or "")
            yield {"definition": who, "field": edit.path, "before": before, "now": now}
            who = ""


def _by_layer(reruns: Sequence[Rerun]) -> Iterator[tuple[str, str, str]]:
    """Assets that run for sure one by one; those that may, a line for each cause."""
    followers: dict[str, list[str]] = {}
    for rerun in reruns:
        if rerun.certain:
            yield rerun.asset, "yes", rerun.cause
        else:
            followers.setdefault(rerun.cause, []).append(rerun.asset)
    for cause, assets in followers.items():
        yield ", ".join(assets), "if that changes", cause


def _retrains(retraining: Retraining) -> str:
    if retraining.certain:
        return "yes"
    if retraining.features is None:
        return "if its examples change"
    if not retraining.features:
        return "if its examples change; in the sample none of its features did"
    return f"yes where its examples change as the sample: {', '.join(retraining.features)}"


def _table_as_json(table: TableChange, word: str) -> dict[str, Any]:
    return {
        "common": table.common,
        "only_before": table.only_before,
        "only_after": table.only_after,
        word: [
            {**asdict(column), "share": round(column.changed / column.of, 6)}
            for column in table.changed
        ],
        "new": table.appeared,
        "gone": table.vanished,
    }


def _said_once(rows: list[dict[str, Any]], word: str) -> list[Mapping[str, Any]]:
    """Rows of one column one after the other: its name and its counts stand at the first."""
    said: list[Mapping[str, Any]] = []
    before = None
    for row in rows:
        name = row[word]
        said.append(row if name != before else row | {word: "", "changed": None, "share": ""})
        before = name
    return said


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %"


def _from_difference(before: str, now: str) -> tuple[str, str]:
    """Two texts, short; of long ones what is different, with a few characters before it."""
    before, now = " ".join(before.split()), " ".join(now.split())
    if max(len(before), len(now)) > _LONGEST_VALUE:
        equal = takewhile(lambda pair: pair[0] == pair[1], zip(before, now, strict=False))
        start = len(list(equal)) - _CONTEXT
        if start > 0:
            before, now = f"…{before[start:]}", f"…{now[start:]}"
    return _short(before), _short(now)


def _short(text: str | None) -> str:
    if text is None:
        return ""
    flat = " ".join(text.split())
    return flat if len(flat) <= _LONGEST_VALUE else f"{flat[: _LONGEST_VALUE - 1]}…"
