"""Retention with all that it has to respect: alerts, sketches, the limits in force."""

from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import UTC, datetime
from functools import partial

from monitoring.sketches.files import events_sketch, scores_sketch
from resources.wanted import wanted_rows
from triage import CaseStore
from whetstone.catalog import Catalog
from whetstone.catalog.slow import feature_names
from whetstone.lake import Lake, Place
from whetstone.lake_retention import Due, Expired, checked, due, expire
from whetstone.lake_usage import partitions
from whetstone.settings import Retention, Settings


def due_now(lake: Lake, limits: Mapping[str, Retention]) -> list[Due]:
    """The rows that exceed their limits at this moment.

    Raises:
        InputError: a limit is of a layer whose rows do not expire.
    """
    layers = [
        layer
        for layer, each in checked(limits).items()
        if (each.days, each.gigabytes) != (None, None)
    ]
    found = partitions(lake, layers) if layers else ()
    return due(found, limits, datetime.now(UTC).date())


def expire_now(
    settings: Settings, catalog: Catalog, chosen: list[Due], say: Callable[[str], None]
) -> Expired:
    """Let rows expire, but for those that alerts are about.

    Raises:
        StorageError: what has to be kept cannot be written; no row is gone.
    """
    if not chosen:
        return Expired(0, 0, 0)
    with closing(CaseStore(settings.case_store)) as cases:
        wanted = wanted_rows(catalog, cases)
    lake = Lake(settings.lake)
    keep = partial(_keep_sketches, lake, catalog)
    return expire(lake, chosen, wanted, keep, datetime.now(UTC), say)


def _keep_sketches(lake: Lake, catalog: Catalog, place: Place) -> None:
    """Sketches of a day, with which later days are compared, are made by now or never."""
    match place:
        case Place("scores", name, str(day)) if name in catalog.detectors:
            detector = catalog.detectors[name]
            scores_sketch(lake, name, day, feature_names(detector))
        case Place("parsed", name, str(day)) if name in catalog.sources:
            events_sketch(lake, catalog.sources[name], day)
        case _:
            pass
