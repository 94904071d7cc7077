"""Rows of production that alerts are about: analysts may judge them yet, or have judged them."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, time, timedelta

from triage import Alert, CaseStore
from triage.records import ERASED
from whetstone.catalog import Catalog
from whetstone.catalog.slow import Slow
from whetstone.lake_kept import Wanted

_PAGE = 10_000


def wanted_rows(catalog: Catalog, cases: CaseStore) -> Mapping[str, Sequence[Wanted]]:
    """What golden datasets are made from or may be yet, by asset: `parsed/sshd`."""
    slow = {name: catalog.slow_of(detector) for name, detector in catalog.detectors.items()}
    found: dict[str, list[Wanted]] = {}
    for alert in _alerts(cases):
        unit = Wanted(alert.environment, alert.entity, alert.unit_start, alert.event_timestamp)
        found.setdefault(f"parsed/{alert.source}", []).append(unit)
        for each in slow.get(alert.detector, ()):
            if set(each.keys) <= {"environment", *alert.entity}:
                found.setdefault(f"features/{each.view.name}", []).append(_history(alert, each))
    return found


def _history(alert: Alert, slow: Slow) -> Wanted:
    """The windows that an alert's unit was joined with."""
    entity = {name: alert.entity[name] for name in slow.keys if name != "environment"}
    first = datetime.combine(alert.unit_start - slow.max_age, time()) - timedelta(days=1)
    return Wanted(alert.environment, entity, first, alert.unit_start)


def _alerts(cases: CaseStore) -> Iterator[Alert]:
    for state in ("open", "judged"):
        page = cases.alerts(state=state, limit=_PAGE)
        while page:
            yield from (alert for alert in page if alert.unit != ERASED)
            page = cases.alerts(state=state, limit=_PAGE, after=page[-1].alert_id)
