"""The alerts among a day's scores, by the ids that analysts know them by."""

from collections import defaultdict
from typing import TYPE_CHECKING

import pyarrow as pa

from assets.factory import Factory, Work
from whetstone.catalog.catalog_pb2 import Detector
from whetstone.scoring.alerts import alert_id
from whetstone.scoring.run import alerts_of

if TYPE_CHECKING:
    from monitoring.alert_list import AlertLine


def alerts_of_day(
    factory: Factory, work: Work, detector: Detector, rows: pa.Table
) -> list["AlertLine"]:
    """The alerts among scored rows, with what analysts have said of them by now."""
    from monitoring.alert_list import AlertLine

    view = factory.catalog.view_of(factory.catalog.golden_datasets[detector.golden_dataset])
    alerts = alerts_of(rows).to_pylist()
    said: dict[str, list[str]] = defaultdict(list)
    if alerts:
        with work.stores.cases.open() as cases:
            for verdict in cases.verdicts(detector.name):
                said[verdict.alert_id].append(f"{verdict.value} by {verdict.by}")
    found: list[AlertLine] = []
    for row in alerts:
        known = alert_id(view, detector.name, row)
        found.append(
            AlertLine(
                known,
                row["event_timestamp"],
                row["environment"],
                row["unit"],
                row["score"],
                said.get(known, ()),
            )
        )
    return found
