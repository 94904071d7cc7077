"""A record as Common Event Format, version 0, of ArcSight (its guide, revision 25)."""

import re
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any, cast

_SEVERITY = 5
_WITHDRAWN = 0
_MOST = 1023
"""Characters of a value: the shortest limit among the keys used here."""

# Key of CEF -> field of the record.
_FIELDS = {
    "externalId": "event.id",
    "act": "whetstone.status",
    "src": "source.ip",
    "spt": "source.port",
    "dst": "destination.ip",
    "dpt": "destination.port",
    "suser": "user.name",
    "shost": "host.name",
    "msg": "message",
    "start": "whetstone.unit_start",
    "end": "whetstone.unit_end",
    "cnt": "whetstone.events",
}
# Custom keys carry their meaning in a label.
_CUSTOM = {
    "cs1": ("environment", "whetstone.environment"),
    "cs2": ("source", "whetstone.source"),
    "cs3": ("unit", "whetstone.unit"),
    "cs4": ("modelVersion", "whetstone.model_version"),
    "cs5": ("technique", "threat.technique.id"),
    "cfp1": ("score", "whetstone.score"),
    "cfp2": ("threshold", "whetstone.threshold"),
    "cn1": ("revision", "whetstone.revision"),
    "cn2": ("sequence", "event.sequence"),
}
_TIMES = ("start", "end")


def cef(record: Mapping[str, Any]) -> str:
    """One line of CEF: what the record has of the fields above; the rest stays behind."""
    detector = field(record, "whetstone.detector") or field(record, "whetstone.kind") or "whetstone"
    name = field(record, "rule.name") or field(record, "message") or detector
    header = ["CEF:0", "Whetstone", "scorer", _version(), detector, name, _severity(record)]
    return "|".join([header[0], *map(_header, header[1:])]) + "|" + _extension(record)


def field(record: Mapping[str, Any], path: str) -> str:
    """A field as text, by its dotted name: whether the record nests the names or not."""
    value: Any = record
    for part in path.split("."):
        value = cast("Mapping[str, Any]", value).get(part) if isinstance(value, Mapping) else None
    if value is None:
        value = record.get(path)
    if isinstance(value, list):
        return ",".join(map(str, cast("list[object]", value)))
    return "" if value is None or isinstance(value, Mapping) else str(value)


def _severity(record: Mapping[str, Any]) -> str:
    if field(record, "whetstone.status") == "withdrawn":
        return str(_WITHDRAWN)
    given = field(record, "event.severity")
    return given if re.fullmatch(r"\d|10", given) else str(_SEVERITY)


def _extension(record: Mapping[str, Any]) -> str:
    pairs = [("rt", _milliseconds(field(record, "@timestamp")))]
    for key, path in _FIELDS.items():
        value = field(record, path)
        pairs.append((key, _milliseconds(value) if key in _TIMES else value))
    for key, (label, path) in _CUSTOM.items():
        if value := field(record, path):
            pairs += [(f"{key}Label", label), (key, value)]
    return " ".join(f"{key}={_value(value)}" for key, value in pairs if value)


def _header(text: str) -> str:
    flat = " ".join(text[:_MOST].split())
    return flat.replace("\\", "\\\\").replace("|", "\\|")


def _value(text: str) -> str:
    escaped = text[:_MOST].replace("\\", "\\\\").replace("=", "\\=")
    return escaped.replace("\r\n", "\\n").replace("\n", "\\n").replace("\r", "\\n")


def _milliseconds(time: str) -> str:
    try:
        return str(round(datetime.fromisoformat(time).timestamp() * 1000))
    except ValueError:
        return ""


@cache
def _version() -> str:
    try:
        return version("whetstone")
    except PackageNotFoundError:
        return "0"
