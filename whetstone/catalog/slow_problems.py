"""What is wrong with the slow features of a detector (pure)."""

from collections.abc import Iterator, Mapping

from whetstone.catalog.catalog_pb2 import Detector, FeatureView, SlowFeatures, Source
from whetstone.catalog.templated import reads_templates
from whetstone.catalog.units import entity_columns, seconds_of

_KEYS = ("VARCHAR", "TINYINT", "SMALLINT", "INTEGER", "BIGINT")
"""What an online store can be asked for."""
_VALUES = ("BOOLEAN", "INTEGER", "BIGINT", "DOUBLE", "VARCHAR")
_MOST_SECONDS = 366 * 86400

Found = Iterator[tuple[str, str]]


def slow_name(view: str, feature: str) -> str:
    """What a slow feature is called among the features of a detector."""
    return f"{view}__{feature}"


def slow_types(detector: Detector, views: Mapping[str, FeatureView]) -> dict[str, str]:
    """Data type of each slow feature that exists, by its name in the detector."""
    return {
        slow_name(slow.view, feature.name): feature.data_type
        for slow in detector.slow
        if slow.view in views
        for feature in views[slow.view].features
        if feature.name in slow.features
    }


def slow_problems(
    detector: Detector,
    unit: FeatureView,
    source: Source,
    types: Mapping[str, str],
    views: Mapping[str, FeatureView],
) -> Found:
    """What is wrong with `detector.slow`, each problem with its field.

    Args:
        detector: the definition.
        unit: the view of its golden dataset.
        source: of that view.
        types: data type of each column of the source's events.
        views: all views by name.
    """
    taken = {*types, *(feature.name for feature in unit.features)}
    seen: set[str] = set()
    for number, slow in enumerate(detector.slow):
        path = f"slow[{number}]"
        if slow.view in seen:
            yield f"{path}.view", f"{slow.view!r} stands twice: name its features together"
        seen.add(slow.view)
        if slow.view not in views:
            yield f"{path}.view", f"there is no feature view {slow.view!r}"
            continue
        view = views[slow.view]
        yield from _view_problems(f"{path}.view", view, unit, types)
        yield from _feature_problems(f"{path}.features", slow, view, source, taken)
        yield from _age_problems(f"{path}.max_age", slow.max_age, view)
    for number, member in enumerate(detector.ensemble.members):
        if member.slow:
            path = f"ensemble.members[{number}].slow"
            yield path, "belongs to the detector; a member names <view>__<feature> in `features`"


def _view_problems(
    path: str, view: FeatureView, unit: FeatureView, types: Mapping[str, str]
) -> Found:
    if view.name == unit.name:
        yield path, f"{view.name!r} is the detector's own view: name them in `features`"
    if view.WhichOneof("unit") != "window":
        yield path, f"{view.name!r} has no windows: write a view of window {{…}}"
        return
    if view.source != unit.source:
        yield (
            path,
            f"{view.name!r} is of source {view.source}, the detector's units of {unit.source}:"
            " contributions hold logs of one source, so there would be nothing to train on",
        )
        return
    for name in entity_columns(view):
        if name not in entity_columns(unit):
            has = ", ".join(entity_columns(unit))
            yield path, f"{view.name!r} is by {name!r}, which no unit of {unit.name} has: {has}"
        elif types.get(name, "VARCHAR") not in _KEYS:
            yield path, f"{view.name!r} is by {name!r} of type {types[name]}: texts and integers do"


def _feature_problems(
    path: str, slow: SlowFeatures, view: FeatureView, source: Source, taken: set[str]
) -> Found:
    known = {feature.name: feature.data_type for feature in view.features}
    if not slow.features:
        yield path, "name the features it uses"
    for number, name in enumerate(slow.features):
        where = f"{path}[{number}]"
        if name in slow.features[:number]:
            yield where, f"{name!r} stands twice"
        elif name not in known:
            yield where, f"view {view.name} has no feature {name!r}"
        elif known[name] not in _VALUES:
            yield where, f"{name!r} is {known[name]}; slow features are {', '.join(_VALUES)}"
        elif reads_templates(source, view, [name]):
            yield where, f"{name!r} reads templates: one dictionary does not hold for all its days"
        elif slow_name(view.name, name) in taken:
            yield where, f"units have a column {slow_name(view.name, name)!r} already: rename one"


def _age_problems(path: str, max_age: str, view: FeatureView) -> Found:
    seconds = seconds_of(max_age)
    every = seconds_of(view.window.every) or 0
    if not seconds or not every <= seconds <= _MOST_SECONDS:
        yield path, f'write a duration from "{view.window.every or "1d"}" to "366d", such as "7d"'
