"""How old an asset may be before Dagster says so.

What is made day by day has to come again each day; what follows from verdicts and alerts, within
days; a model that has a cadence, within its period. What changes only when somebody changes
something is never too old: that nothing was remade is how early cut-off looks when all is well.
"""

from datetime import timedelta

import dagster as dg

from whetstone.catalog import Catalog
from whetstone.catalog.units import seconds_of
from whetstone.lineage import OVERVIEW, Node
from whetstone.retraining.cadence import shortest_period

_DAY = timedelta(days=1)
# A day's files come over the day or at its end, and are worked on for hours.
_DAILY = (timedelta(hours=30), timedelta(hours=54))
_QUALITY = (3 * _DAY, 7 * _DAY)


def freshness_of(node: Node, catalog: Catalog) -> dg.FreshnessPolicy | None:
    """When Dagster warns of an asset that has not been made again, and when it fails it."""
    windows = _windows(node, catalog)
    if windows is None:
        return None
    warn, fail = windows
    return dg.FreshnessPolicy.time_window(fail_window=fail, warn_window=warn)


def _windows(node: Node, catalog: Catalog) -> tuple[timedelta, timedelta] | None:
    if node.daily:
        return _DAILY
    if node.layer == "quality" or node.asset == OVERVIEW:
        return _QUALITY
    if node.layer == "model":
        return _of_cadence(catalog, node.name)
    return None


def _of_cadence(catalog: Catalog, detector: str) -> tuple[timedelta, timedelta] | None:
    """Its period and a day for the training; twice the period, and it has missed one."""
    cadence = catalog.detectors[detector].cadence
    period = shortest_period(cadence.cron) if cadence.cron else None
    if period is None:
        return None
    due = period + timedelta(seconds=seconds_of(cadence.jitter) or 0) + _DAY
    return due, due + period
