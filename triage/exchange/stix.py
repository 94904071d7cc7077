"""Attacks that analysts confirmed, as sightings for threat intelligence: STIX 2.1.

https://docs.oasis-open.org/cti/stix/v2.1/os/stix-v2.1-os.html. A confirmed alert is a sighting of
the ATT&CK technique that its detector looks for, by the identity of its environment, with what was
observed: addresses and accounts. All ids follow from what they name (UUIDv5), so that the same
alert is the same object in every export.
"""

import json
import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from triage.exchange.ecs import Found
from triage.records import Alert, Decision
from whetstone.catalog import Catalog
from whetstone.streaming.alerting.ecs import names_of

_OWN = uuid.uuid5(uuid.NAMESPACE_URL, "urn:whetstone:stix")
# Section 2.9 of the specification: of observables whose ids everybody draws alike.
_SHARED = uuid.UUID("00abedb4-aa42-466c-9c01-fed23315a9b7")
_ATTACK = "https://attack.mitre.org/techniques/"
_ALWAYS = "2026-01-01T00:00:00.000Z"
_MOST_OBSERVED = 999_999_999
Object = dict[str, Any]


def bundle(catalog: Catalog, confirmed: Iterable[Decision]) -> Object:
    """A bundle of the sightings of confirmed alerts, and of all that they refer to."""
    objects: dict[str, Object] = {}
    for decision in confirmed:
        for made in _objects(catalog, decision):
            objects.setdefault(made["id"], made)
    found: Object = {"type": "bundle", "id": f"bundle--{uuid.uuid5(_OWN, ' '.join(objects))}"}
    return found | ({"objects": list(objects.values())} if objects else {})


def _objects(catalog: Catalog, decision: Decision) -> list[Object]:
    alert, found = decision.alert, Found.by(catalog, decision.alert)
    who = _identity(alert.environment)
    what = _attack(found)
    observables = _observables(found, alert)
    seen = _times(alert)
    of_alert = {
        "created_by_ref": who["id"],
        "created": _instant(min(verdict.at for verdict in alert.verdicts)),
        "modified": _instant(max(verdict.at for verdict in alert.verdicts)),
    }
    key = f"{alert.environment} {alert.alert_id}"
    sighting = _object("sighting", key) | of_alert
    sighting |= {
        "first_seen": seen[0],
        "last_seen": seen[1],
        "count": 1,
        "sighting_of_ref": what["id"],
        "where_sighted_refs": [who["id"]],
        "external_references": [{"source_name": "whetstone", "external_id": alert.alert_id}],
    }
    if not observables:
        return [who, what, sighting]
    observed = _object("observed-data", key) | of_alert
    observed |= {
        "first_observed": seen[0],
        "last_observed": seen[1],
        "number_observed": min(max(alert.events or 1, 1), _MOST_OBSERVED),
        "object_refs": [each["id"] for each in observables],
    }
    sighting["observed_data_refs"] = [observed["id"]]
    return [who, what, *observables, observed, sighting]


def _identity(environment: str) -> Object:
    made = _object("identity", environment)
    made |= {"created": _ALWAYS, "modified": _ALWAYS}
    return made | {"name": f"Whetstone in {environment}", "identity_class": "system"}


def _attack(found: Found) -> Object:
    technique, detector = found.dataset.technique, found.detector
    # Environments know the same technique under the same id: nobody in particular made it.
    made = _object("attack-pattern", technique or detector.name)
    made |= {"created": _ALWAYS, "modified": _ALWAYS}
    if not technique:
        return made | {"name": detector.display_name or detector.name}
    reference = {
        "source_name": "mitre-attack",
        "external_id": technique,
        "url": f"{_ATTACK}{technique.replace('.', '/')}/",
    }
    name = found.dataset.display_name or technique
    return made | {"name": name, "external_references": [reference]}


def _observables(found: Found, alert: Alert) -> list[Object]:
    entity = {name: str(value) for name, value in alert.entity.items() if value is not None}
    made = [_observable(kind, value) for kind, value in names_of(entity, found.source) if value]
    return list({each["id"]: each for each in made}.values())


def _observable(kind: str, value: str) -> Object:
    if kind == "user":
        return _shared("user-account", {"account_login": value})
    if kind == "ip":
        return _shared("ipv6-addr" if ":" in value else "ipv4-addr", {"value": value})
    return _shared("domain-name", {"value": value})


def _shared(kind: str, told: Mapping[str, str]) -> Object:
    # The canonical JSON of RFC 8785; of flat objects of text it is this.
    name = json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return {
        "type": kind,
        "spec_version": "2.1",
        "id": f"{kind}--{uuid.uuid5(_SHARED, name)}",
        **told,
    }


def _object(kind: str, key: str) -> Object:
    drawn = uuid.uuid5(_OWN, f"{kind} {key}")
    return {"type": kind, "spec_version": "2.1", "id": f"{kind}--{drawn}"}


def _times(alert: Alert) -> tuple[str, str]:
    first, last = sorted((alert.unit_start, alert.event_timestamp))
    return _instant(first), _instant(last)


def _instant(at: datetime) -> str:
    return f"{at.isoformat(timespec='milliseconds')}Z"
