"""Stable patterns as Sigma rules, for whoever has no scorer but a SIEM.

https://github.com/SigmaHQ/sigma-specification, version 2.0: a detection over the fields of one
event, or a correlation that counts events of an entity within a time. Ids follow from the pattern
(UUIDv5), so that a later export replaces an earlier rule.

A rule says what the confirmed alerts of a pattern have in common, in as far as it can be said of
raw fields: see `triage.exchange.sigma_detections`. It finds less than the detector, and more that
is harmless: its status is `experimental`, and its description says so.
"""

import json
import uuid
from collections.abc import Iterable, Sequence
from typing import Any

from triage.exchange.sigma_detections import Told, detection
from triage.exchange.stable import StablePattern
from whetstone.catalog import Catalog
from whetstone.catalog.catalog_pb2 import GoldenDataset, Source

_OWN = uuid.uuid5(uuid.NAMESPACE_URL, "urn:whetstone:sigma")
_LOGSOURCE = ("product", "service", "category")
Document = dict[str, Any]


def rules(catalog: Catalog, patterns: Iterable[StablePattern]) -> str:
    """Rules for these patterns as YAML, a document each, and comments on those without one."""
    documents: list[Document] = []
    silent: list[str] = []
    for pattern in patterns:
        made = rule(catalog, pattern)
        documents += made
        if not made:
            silent.append(
                f"# {pattern.detector}, pattern {pattern.pattern}: nothing of it can be"
                " said of raw fields\n"
            )
    # JSON is YAML (1.2, section 1.3): quoting is exact, whatever a log wrote.
    text = "---\n".join(json.dumps(each, indent=2, ensure_ascii=True) + "\n" for each in documents)
    return text + "".join(silent)


def rule(catalog: Catalog, pattern: StablePattern) -> list[Document]:
    """The documents of a pattern's rule; none if nothing of it can be said."""
    detector = catalog.detectors.get(pattern.detector)
    if detector is None:
        return []
    dataset = catalog.golden_datasets[detector.golden_dataset]
    source = catalog.source_of(dataset)
    told = detection(catalog.view_of(dataset), source, pattern.examples)
    if told is None:
        return []
    name = f"whetstone_{pattern.detector}_{pattern.pattern[:8]}"
    title = f"{detector.display_name or detector.name}: {', '.join(told.features)}"
    about: Document = {
        "title": title[:256],
        "id": _id(pattern, "rule"),
        "status": "experimental",
        "description": _description(pattern, told),
        "author": "Whetstone",
        "date": f"{min(example.event_timestamp for example in pattern.examples):%Y-%m-%d}",
        "tags": _tags(dataset),
        "falsepositives": ["Benign events with the same values"],
        "level": "medium",
    }
    events: Document = {"logsource": _logsource(source), "detection": told.detection}
    if told.correlation is None:
        return [about | events]
    base = {"title": f"{title} (events)"[:256], "id": _id(pattern, "events"), "name": name}
    return [base | events, about | {"correlation": {**told.correlation, "rules": [name]}}]


def _description(pattern: StablePattern, told: Told) -> str:
    where = ", ".join(pattern.environments)
    return (
        f"What {pattern.confirmed} confirmed alerts of {pattern.detector} in {where} have in"
        f" common, as far as raw fields can say it: {told.words}. None of their pattern"
        f" ({pattern.pattern}) was called harmless. The detector weighs more than this."
    )


def _tags(dataset: GoldenDataset) -> Sequence[str]:
    return [f"attack.{dataset.technique.lower()}"] if dataset.technique else []


def _logsource(source: Source) -> Document:
    """Of the tags `sigma_product`, `sigma_service` and `sigma_category`; else the source's name."""
    found = {
        name: source.tags[f"sigma_{name}"] for name in _LOGSOURCE if f"sigma_{name}" in source.tags
    }
    named = found or {"service": source.name}
    return named | {"definition": f"{source.display_name or source.name}. {source.description}"}


def _id(pattern: StablePattern, part: str) -> str:
    return str(uuid.uuid5(_OWN, f"{part} {pattern.detector} {pattern.pattern}"))
