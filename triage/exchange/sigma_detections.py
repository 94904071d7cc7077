"""From what raises the scores of alerts alike to conditions on raw fields (pure).

A feature that is a field of an event becomes a condition on it: the words that all texts share, or
the range of the numbers. A feature that counts, `count(DISTINCT user)`, becomes a correlation: so
many of them by entity, within the window. A definition that says more than this cannot be said in
Sigma, and is left out.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from triage.records import Alert
from whetstone.catalog.catalog_pb2 import Feature, FeatureView, Source
from whetstone.streaming.alerting.ecs import FIELDS

_MOST_FEATURES = 3
_MOST_WORDS = 6
_WORDS = re.compile(r"[a-z0-9_]{3,40}")
_NAMES = re.compile(r"[a-z_][a-z0-9_]*")
_LOGARITHM = re.compile(r"ln\(1 \+ (.+)\)")
_PLAIN = re.compile(r"\$1|coalesce\(\$\d+(?:, \$\d+)*\)")
_COUNT = re.compile(r"count\((\*|DISTINCT (?P<column>\w+))\)(?: FILTER \(WHERE (?P<where>.+)\))?")
_EQUAL = re.compile(r"(?P<column>\w+) = (?:'(?P<text>[^']*)'|(?P<number>\d+))")
Detection = dict[str, Any]


@dataclass(frozen=True)
class Told:
    """What could be said.

    Attributes:
        features: of which something could.
        words: it in words.
        detection: Sigma's, with its condition.
        correlation: Sigma's, but for the rules that it counts; None: one event suffices.
    """

    features: tuple[str, ...]
    words: str
    detection: Detection
    correlation: Detection | None


def detection(view: FeatureView, source: Source, examples: Sequence[Alert]) -> Told | None:
    """What these alerts have in common; None: nothing that can be said of raw fields.

    Args:
        view: of their units.
        source: of its events.
        examples: the alerts, one at least.
    """
    values = _shared_values(examples)
    features = {feature.name: feature for feature in view.features}
    known = [(features[name], found) for name, found in values.items() if name in features]
    match view.WhichOneof("unit"):
        case "event":
            return _of_event(source, known)
        case "window":
            return _of_window(view, source, known)
        case _:
            return None


def _shared_values(examples: Sequence[Alert]) -> dict[str, list[Any]]:
    """Features that raise the score of each alert, the weightiest first, with their values.

    A feature of tokens has all tokens of an alert as one text.
    """
    weights: dict[str, float] = {}
    values: dict[str, list[Any]] = {}
    for alert in examples:
        parts = [part for part in alert.explanation if (part.get("contribution") or 0) > 0]
        for name in dict.fromkeys(str(part["feature"]) for part in parts):
            mine = [part for part in parts if part["feature"] == name]
            weights[name] = weights.get(name, 0.0) + sum(part["contribution"] for part in mine)
            sequence = any("position" in part for part in mine)
            text = " ".join(str(part["value"]) for part in mine)
            values.setdefault(name, []).append(text if sequence else mine[0]["value"])
    shared = [name for name, found in values.items() if len(found) == len(examples)]
    return {name: values[name] for name in sorted(shared, key=lambda name: -weights[name])}


def _of_event(source: Source, known: Sequence[tuple[Feature, list[Any]]]) -> Told | None:
    conditions: Detection = {}
    names: list[str] = []
    for feature, values in known[:_MOST_FEATURES]:
        condition = _condition(source, feature.definition, values)
        if condition:
            conditions |= condition
            names.append(feature.display_name or feature.name)
    if not conditions:
        return None
    words = "; ".join(f"{field} {value}" for field, value in conditions.items())
    detected: Detection = {"selection": conditions, "condition": "selection"}
    return Told(tuple(names), words, detected, None)


def _condition(source: Source, definition: str, values: Sequence[Any]) -> Detection:
    if all(isinstance(value, str) for value in values):
        return _of_texts(source, definition, values)
    if not all(isinstance(value, int | float) for value in values):
        return {}
    inner, numbers = _without_logarithm(definition, values)
    field = _raw(source, inner)
    if field is None:
        return {}
    low, high = _number(min(numbers)), _number(max(numbers))
    return {field: low} if low == high else {f"{field}|gte": low, f"{field}|lte": high}


def _of_texts(source: Source, definition: str, values: Sequence[str]) -> Detection:
    """The words of all texts, in the field that the definition is about before all others."""
    names = {field.name for field in source.fields}
    column = next((name for name in _NAMES.findall(definition) if name in names), "")
    field = _raw(source, column)
    shared = set.intersection(*(set(_WORDS.findall(value.lower())) for value in values))
    words = sorted(shared, key=lambda word: (-len(word), word))[:_MOST_WORDS]
    return {f"{field}|contains|all": words} if field is not None and words else {}


def _of_window(
    view: FeatureView, source: Source, known: Sequence[tuple[Feature, list[Any]]]
) -> Told | None:
    """By the weightiest feature that counts: a correlation has one number."""
    groups = [_raw(source, name) for name in view.window.entity]
    if None in groups:
        return None
    for feature, values in known:
        if not all(isinstance(value, int | float) for value in values):
            continue
        definition, numbers = _without_logarithm(feature.definition, values)
        least = math.floor(min(numbers))
        counted = _counted(source, definition)
        if counted is None or least < 1:
            continue
        field, selection = counted
        correlation: Detection = {
            "type": "event_count" if field is None else "value_count",
            "group-by": groups,
            "timespan": view.window.every,
            "condition": {"gte": least} | ({} if field is None else {"field": field}),
        }
        # Without a condition every event counts that has the entity.
        chosen = selection or {f"{groups[0]}|exists": True}
        detected: Detection = {"selection": chosen, "condition": "selection"}
        name = feature.display_name or feature.name
        words = f"{name} of {least} or more within {view.window.every}"
        return Told((name,), words, detected, correlation)
    return None


def _counted(source: Source, definition: str) -> tuple[str | None, Detection] | None:
    """The raw field whose values are counted, None for events, and which events; None: no count."""
    found = _COUNT.fullmatch(definition)
    if found is None:
        return None
    field = None if found["column"] is None else _raw(source, found["column"])
    selection = _selection(source, found["where"])
    if selection is None or (found["column"] is not None and field is None):
        return None
    return field, selection


def _selection(source: Source, where: str | None) -> Detection | None:
    selection: Detection = {}
    for part in where.split(" AND ") if where else ():
        equal = _EQUAL.fullmatch(part)
        field = None if equal is None else _raw(source, equal["column"])
        if equal is None or field is None:
            return None
        selection[field] = equal["text"] if equal["number"] is None else int(equal["number"])
    return selection


def _raw(source: Source, column: str) -> str | None:
    """The name of a field for other tools: that of the raw log, or that of ECS; None: neither."""
    for field in source.fields:
        if field.name == column and field.index and _PLAIN.fullmatch(field.definition):
            # Of several names for the same the shortest is the one that rules are written with.
            return min(field.index, key=len)
    return FIELDS.get(column)


def _without_logarithm(definition: str, values: Sequence[float]) -> tuple[str, list[float]]:
    inner = _LOGARITHM.fullmatch(definition)
    if inner is None:
        return definition, list(values)
    return inner[1], [math.expm1(value) for value in values]


def _number(value: float) -> int | float:
    near = round(value, 6)
    return int(near) if float(near).is_integer() else near
