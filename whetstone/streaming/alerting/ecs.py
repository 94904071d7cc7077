"""Alerts under the names of the Elastic Common Schema, which the tools of a SOC read (pure).

ECS 8.17 (https://www.elastic.co/guide/en/ecs/8.17/): an alert is `event.kind: alert`; its detector
is the `rule`, its entity the `source`, `user`, `host` … of the event and one of `related`. What ECS
has no name for is in `whetstone`, which holds all there is to say about the alert.
"""

from collections.abc import Mapping, Sequence
from ipaddress import ip_address
from typing import Any, Protocol

from whetstone.catalog.catalog_pb2 import (
    ADDRESS,
    HOST,
    NOT_PERSONAL,
    USER,
    Detector,
    GoldenDataset,
    Source,
)
from whetstone.streaming.alerting.groups import Name

VERSION = "8.17.0"
_MOST_TEXT = 200
_ATTACK = "https://attack.mitre.org/techniques/"

# Field of an event -> ECS field. Addresses, ports and domains of logs differ: see `_set`.
FIELDS = {
    "src_ip": "source.ip",
    "src_port": "source.port",
    "src_mac": "source.mac",
    "src_host": "source.domain",
    "src_translated_ip": "source.nat.ip",
    "dest_ip": "destination.ip",
    "dest_port": "destination.port",
    "dest_mac": "destination.mac",
    "dest_host": "destination.domain",
    "host": "host.name",
    "agent_ip": "host.ip",
    "user": "user.name",
    "user_id": "user.id",
    "subject_user": "user.name",
    "target_user": "user.target.name",
    "proto": "network.transport",
    "app_proto": "network.protocol",
    "query": "dns.question.name",
    "http_host": "url.domain",
    "server_name": "tls.client.server_name",
    "url": "url.original",
    "user_agent": "user_agent.original",
    "program": "process.name",
    "process": "process.executable",
    "pid": "process.pid",
    "filename": "file.path",
    "sha256": "file.hash.sha256",
    "md5": "file.hash.md5",
}
_KINDS = {ADDRESS: "ip", USER: "user", HOST: "hosts"}
_NUMBERS = frozenset(("source.port", "destination.port", "process.pid"))
_ADDRESSES = frozenset(("source.ip", "destination.ip"))

_ACTIONS = {
    "open": "alert-opened",
    "updated": "alert-updated",
    "closed": "alert-closed",
    "withdrawn": "alert-withdrawn",
}


class Finder(Protocol):
    """The definitions behind an alert, as a scorer bears them."""

    @property
    def detector(self) -> Detector:
        """What found it."""
        ...

    @property
    def dataset(self) -> GoldenDataset:
        """What that was trained on, which names the technique."""
        ...

    @property
    def source(self) -> Source:
        """What kind of log it read."""
        ...


def names_of(entity: Mapping[str, str], source: Source) -> list[Name]:
    """The addresses, users and hosts of an entity, by ECS's kinds: `("ip", "192.0.2.1")`.

    Detectors of several sources know the same entity by them; numbers of lines and of flows are
    none.
    """
    personal = {field.name: field.personal_data for field in source.fields}
    kinds = ((_kind(name, personal), value) for name, value in entity.items())
    return [(kind, value) for kind, value in kinds if kind]


def alert_document(
    finder: Finder, whetstone: Mapping[str, Any], at: str, observer: str
) -> dict[str, Any]:
    """One alert.

    Args:
        whetstone: all about it: `alert`, `status`, `entity`, `unit`, `unit_start`, `unit_end`,
            `score`, `threshold`, `explanation` … as JSON takes them.
        at: when it happened, as far as is known now.
        observer: version of the program that says so.
    """
    entity: Mapping[str, str] = whetstone["entity"]
    reason = reason_of(whetstone["explanation"])
    detector = finder.detector.display_name or finder.detector.name
    document = _document(finder, whetstone, at, observer)
    document["message"] = f"{detector}: {whetstone['unit'][:_MOST_TEXT]}" + (
        f" ({reason})" if reason else ""
    )
    document["event"] |= {
        "kind": "alert",
        "category": ["intrusion_detection"],
        "type": ["info"],
        "id": whetstone["id"],
        "action": _ACTIONS[whetstone["status"]],
        "start": whetstone["unit_start"],
        "end": whetstone["unit_end"],
        "risk_score": whetstone["score"],
        "reason": reason,
    }
    for name, value in entity.items():
        _set(document, _field(name, finder.source), value)
    related: dict[str, list[str]] = {}
    for kind, value in names_of(entity, finder.source):
        related.setdefault(kind, []).append(value)
    if related:
        document["related"] = related
    tags = [name for name in ("canary", "shadow") if whetstone[name]]
    return document | ({"tags": tags} if tags else {})


def summary_document(
    finder: Finder, whetstone: Mapping[str, Any], at: str, observer: str
) -> dict[str, Any]:
    """What is said of many alerts at once: no alert, so that no queue counts it as one."""
    document = _document(finder, whetstone, at, observer)
    document["message"] = whetstone["message"]
    document["event"] |= {
        "kind": "event",
        "category": ["intrusion_detection"],
        "type": ["info"],
        "id": whetstone["id"],
        "action": "alerts-folded",
        "start": whetstone["start"],
        "end": whetstone["end"],
    }
    return document | ({"tags": ["shadow"]} if whetstone["shadow"] else {})


def reason_of(explanation: Sequence[Mapping[str, Any]], parts: int = 3) -> str:
    """The weightiest parts of an explanation in words: `failures=31, path[4]=union`.

    It holds text of logs, which is hostile.
    """
    return ", ".join(map(_in_words, explanation[:parts]))


def _in_words(part: Mapping[str, Any]) -> str:
    value = part["value"]
    number = isinstance(value, int | float) and not isinstance(value, bool)
    shown = "none" if value is None else f"{value:g}" if number else str(value)
    place = f"[{part['position']}]" if part.get("position") is not None else ""
    return f"{part['feature']}{place}={shown}"


def _document(
    finder: Finder, whetstone: Mapping[str, Any], at: str, observer: str
) -> dict[str, Any]:
    detector = finder.detector
    document: dict[str, Any] = {
        "@timestamp": at,
        "ecs": {"version": VERSION},
        "event": {"module": "whetstone", "dataset": "whetstone.alert", "provider": detector.name},
        "rule": {
            "id": detector.name,
            "name": detector.display_name or detector.name,
            "version": whetstone["model_version"],
        },
        "observer": {"vendor": "Whetstone", "product": "Whetstone", "type": "ids"},
        "labels": {"environment": whetstone["environment"]},
        "whetstone": dict(whetstone),
    }
    if observer:
        document["observer"]["version"] = observer
    if finder.dataset.technique:
        document["threat"] = _threat(finder.dataset.technique)
    return document


def _threat(technique: str) -> dict[str, Any]:
    """`T1568.002` is sub-technique 002 of T1568; ECS keeps the two apart."""
    above, _, part = technique.partition(".")
    found: dict[str, Any] = {"id": [above], "reference": [f"{_ATTACK}{above}/"]}
    if part:
        found["subtechnique"] = {"id": [technique], "reference": [f"{_ATTACK}{above}/{part}/"]}
    return {"framework": "MITRE ATT&CK", "technique": found}


def _kind(name: str, personal: Mapping[str, Any]) -> str | None:
    return "hosts" if name == "domain" else _KINDS.get(personal.get(name, NOT_PERSONAL))


def _field(name: str, source: Source) -> str | None:
    if name == "domain":
        has_urls = any(field.name == "url" for field in source.fields)
        return "url.domain" if has_urls else "dns.question.name"
    return FIELDS.get(name)


def _set(document: dict[str, Any], path: str | None, value: str) -> None:
    """Put a value where ECS has it; an `ip` has to be one, `address` takes a network too."""
    if path is None:
        return
    stem, _, leaf = path.rpartition(".")
    if path in _ADDRESSES:
        _place(document, stem, "address", value)
    if leaf == "ip" and not _is_address(value):
        return
    if path not in _NUMBERS:
        _place(document, stem, leaf, value)
    elif value.isdigit():
        _place(document, stem, leaf, int(value))


def _place(document: dict[str, Any], stem: str, leaf: str, value: object) -> None:
    inner = document
    for name in stem.split("."):
        inner = inner.setdefault(name, {})
    inner[leaf] = value


def _is_address(value: str) -> bool:
    try:
        ip_address(value)
    except ValueError:
        return False
    return True
