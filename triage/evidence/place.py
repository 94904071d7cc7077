"""Where the evidence of an alert lies, and what of it may be shown."""

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property

from triage.definitions import definitions
from triage.records import ERASED, Alert
from whetstone.catalog import Catalog
from whetstone.catalog.catalog_pb2 import FeatureView, Source
from whetstone.catalog.validation import event_columns
from whetstone.errors import CatalogError
from whetstone.lake import Lake
from whetstone.privacy.protection import policies
from whetstone.settings import Settings

_MOST_DAYS = 8
_EVENT = "event"


@dataclass(frozen=True)
class Place:
    """An alert and the installation it was raised in.

    What the alert names (detector, source, columns) may be anything, or be defined no more: then
    there is less evidence, and no error.
    """

    alert: Alert
    settings: Settings

    @cached_property
    def catalog(self) -> Catalog | None:
        """The definitions; None: they cannot be read."""
        try:
            return definitions(self.settings)
        except CatalogError:
            return None

    @property
    def source(self) -> Source | None:
        """The definition of the alert's source; None: there is none."""
        return None if self.catalog is None else self.catalog.sources.get(self.alert.source)

    @property
    def view(self) -> FeatureView | None:
        """The features that the alert's detector reads; None: it is not defined."""
        detector = self.catalog and self.catalog.detectors.get(self.alert.detector)
        if not self.catalog or not detector:
            return None
        view = self.catalog.view_of(self.catalog.golden_datasets[detector.golden_dataset])
        return view if view.source == self.alert.source else None

    @property
    def one_event(self) -> bool:
        """Whether the alert's unit is one event."""
        if self.view is not None:
            return self.view.WhichOneof("unit") == _EVENT
        return self.alert.unit_start == self.alert.event_timestamp

    @property
    def protected(self) -> bool:
        """Whether the environment's raw lines must not be seen: it has a policy of privacy.

        Of an environment that is not defined nobody knows.
        """
        environments = {} if self.catalog is None else self.catalog.environments
        known = environments.get(self.alert.environment)
        return known is None or bool(policies([known]))

    @property
    def lake(self) -> Lake:
        """Where the parsed events are."""
        return Lake(self.settings.lake)

    @property
    def days(self) -> list[str]:
        """The days on which the raw lines of the unit may have landed, YYYY-MM-DD."""
        latest = date.max - timedelta(days=_MOST_DAYS)
        first, last = min(self.alert.unit_start.date(), latest), self.alert.event_timestamp.date()
        span = min((last - first).days + 1, _MOST_DAYS)  # one more: files land after midnight
        found = {first + timedelta(days=number) for number in range(span + 1)}
        return sorted(f"{day}" for day in found | ({self.alert.day} if self.alert.day else set()))

    @property
    def about(self) -> dict[str, str]:
        """Columns of the source's events that name the alert's entity, with their values."""
        if self.source is None or self.alert.unit == ERASED:
            return {}
        known = event_columns(self.source)
        return {
            name: str(value)
            for name, value in self.alert.entity.items()
            if name in known and value is not None
        }
