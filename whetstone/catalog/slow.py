"""Slow features of a detector: features of coarser windows, as they were when a unit began.

Of a unit they are those of the latest window of the same environment and entity that had ended at
or before the unit's start, and not more than `max_age` before it; NULL where there is none. The
history of a training example, of a day's batch and of a sensor come from different places; the
meaning is this one.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from whetstone.catalog.catalog_pb2 import Detector, FeatureView, Source
from whetstone.catalog.hashes import features_hash
from whetstone.catalog.slow_problems import slow_name
from whetstone.catalog.units import entity_columns, seconds_of
from whetstone.catalog.validation import event_columns


@dataclass(frozen=True)
class Slow:
    """Features of one view that a detector takes as slow ones.

    Attributes:
        view: the view of windows.
        features: their names in the view.
        keys: data type of each column by which windows are found: `environment` and the entity.
        types: data type of each feature, in their order.
        max_age: how long after its end a window counts.
        online: what the online store calls them. It names the definitions: values that were made
            by others are not found.
    """

    view: FeatureView
    features: tuple[str, ...]
    keys: Mapping[str, str]
    types: tuple[str, ...]
    max_age: timedelta
    online: str

    @property
    def names(self) -> tuple[str, ...]:
        """Their names among the features of the detector, `<view>__<feature>`."""
        return tuple(slow_name(self.view.name, feature) for feature in self.features)

    @property
    def days_before(self) -> int:
        """How many days before a unit's own the windows that count can have begun."""
        every = timedelta(seconds=seconds_of(self.view.window.every) or 0)
        return -(-(self.max_age + every) // timedelta(days=1))

    def days(self, day: str) -> list[str]:
        """The days on which windows that count for units of a day can have begun, ascending."""
        last = date.fromisoformat(day)
        return [(last - timedelta(n)).isoformat() for n in range(self.days_before, -1, -1)]


def slow_of(detector: Detector, source: Source, views: Iterable[FeatureView]) -> tuple[Slow, ...]:
    """The slow features of a validated detector.

    Args:
        detector: the definition.
        source: of its units, and of the windows.
        views: its slow views are among them.
    """
    by_name = {view.name: view for view in views}
    return tuple(
        _slow(by_name[slow.view], source, slow.features, slow.max_age) for slow in detector.slow
    )


def feature_names(detector: Detector) -> list[str]:
    """All features of a detector, in the order of its graph's inputs: its units' and slow ones."""
    slow = [slow_name(each.view, name) for each in detector.slow for name in each.features]
    return [*detector.features, *slow]


def _slow(view: FeatureView, source: Source, features: Iterable[str], max_age: str) -> Slow:
    names = tuple(features)
    types = {feature.name: feature.data_type for feature in view.features}
    columns = event_columns(source)
    return Slow(
        view=view,
        features=names,
        keys={name: columns[name] for name in ("environment", *entity_columns(view))},
        types=tuple(types[name] for name in names),
        max_age=timedelta(seconds=seconds_of(max_age) or 0),
        online=f"{view.name}__{features_hash(source, view, names)}",
    )
