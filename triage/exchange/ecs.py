"""Alerts for a SIEM: documents of the Elastic Common Schema, whoever found the alert.

The same names as those of `whetstone score` (`whetstone.streaming.alerting.ecs`), so that both meet
in one index; `whetstone.state` and `whetstone.verdicts` say beside them what analysts said.
"""

from dataclasses import dataclass
from typing import Any

from triage.incoming import iso
from triage.records import Alert, RecordStatus, Verdict
from whetstone.catalog import Catalog
from whetstone.catalog.catalog_pb2 import Detector, GoldenDataset, Source
from whetstone.streaming.alerting.ecs import alert_document

_STATUS = {"open": RecordStatus.OPEN, "withdrawn": RecordStatus.WITHDRAWN}


@dataclass(frozen=True)
class Found:
    """The definitions behind an alert, as far as the catalog still has them."""

    detector: Detector
    dataset: GoldenDataset
    source: Source

    @staticmethod
    def by(catalog: Catalog, alert: Alert) -> "Found":
        """Those of an alert's detector."""
        detector = catalog.detectors.get(alert.detector) or Detector(name=alert.detector)
        dataset = catalog.golden_datasets.get(detector.golden_dataset) or GoldenDataset()
        source = catalog.sources.get(alert.source) or Source(name=alert.source)
        return Found(detector, dataset, source)


def document(catalog: Catalog, alert: Alert) -> dict[str, Any]:
    """An alert as ECS has it; its text comes from logs, and is hostile."""
    at = iso(alert.event_timestamp)
    whetstone = {
        "id": alert.alert_id,
        "alert": alert.alert_id,
        "status": _STATUS.get(alert.state, RecordStatus.CLOSED),
        "detector": alert.detector,
        "model_version": alert.model_version,
        "environment": alert.environment,
        "source": alert.source,
        "unit": alert.unit,
        "entity": {name: str(v) for name, v in alert.entity.items() if v is not None},
        "unit_start": iso(alert.unit_start),
        "unit_end": at,
        "event_timestamp": at,
        "score": alert.score,
        "threshold": alert.threshold,
        "per_day": alert.per_day,
        "explanation": alert.explanation,
        "events": alert.events,
        "pattern": alert.pattern,
        "state": alert.state,
        "verdicts": [_said(verdict) for verdict in alert.verdicts],
        "shadow": False,
        "canary": False,
    }
    return alert_document(Found.by(catalog, alert), whetstone, at, "")


def _said(verdict: Verdict) -> dict[str, Any]:
    return {
        "value": verdict.value,
        "reason": verdict.reason,
        "by": verdict.by,
        "at": iso(verdict.at),
    }
