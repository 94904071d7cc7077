"""A small valid catalog to copy and to break."""

from collections.abc import Mapping
from pathlib import Path

SOURCE = "sources/web.textproto"
FLOWS = "sources/flows.textproto"
VIEW = "features/web_5m.textproto"
EVENTS = "features/web_request.textproto"
GOLDEN = "golden/web_scan.textproto"
DETECTOR = "detectors/web_scan_gb.textproto"
ENVIRONMENT = "environments/oslo.textproto"

FILES: Mapping[str, str] = {
    SOURCE: r"""name: "web"
format: LINE
pattern: "^(?P<time>\\S+) (?P<client>\\S+) (?P<status>\\d+)$"
event_time: "event_time"
fields { name: "event_time" data_type: "TIMESTAMP" index: "time" definition: "$1" }
fields { name: "client" data_type: "VARCHAR" index: "client" definition: "$1" }
fields {
  name: "status"
  data_type: "BIGINT"
  index: "status"
  definition: "$1"
}
fields { name: "unused" data_type: "BIGINT" index: "status" definition: "$1" }
""",
    FLOWS: r"""name: "flows"
format: JSON
event_time: "event_time"
fields { name: "event_time" data_type: "TIMESTAMP" index: "flow.start" definition: "$1" }
""",
    VIEW: r"""name: "web_5m"
source: "web"
window { entity: "client" every: "5m" }
features { name: "requests" data_type: "BIGINT" definition: "count(*)" }
features {
  name: "errors"
  data_type: "BIGINT"
  definition: "count(*) FILTER (WHERE status >= 400)"
}
features { name: "spare" data_type: "BIGINT" definition: "max(unused)" }
""",
    EVENTS: r"""name: "web_request"
source: "web"
event { entity: "client" }
features { name: "failed" data_type: "BOOLEAN" definition: "status >= 400" }
""",
    GOLDEN: r"""name: "web_scan"
feature_view: "web_5m"
classes { name: "scan" aliases: "attack" positive: true }
classes { name: "benign" aliases: "normal" }
holdout { group { keys: "client" test_share: 0.3 validation_share: 0.2 } }
""",
    DETECTOR: r"""name: "web_scan_gb"
golden_dataset: "web_scan"
features: "requests"
features: "errors"
gradient_boosting { iterations: 10 }
operating_point { max_false_positive_rate: 0.01 }
""",
    ENVIRONMENT: r"""name: "oslo"
sources: "web"
detectors: "web_scan_gb"
""",
}


def write_catalog(directory: Path, changes: Mapping[str, tuple[str, str]] | None = None) -> Path:
    """Write the catalog; `changes` names a file, a text in it and what stands there instead."""
    for name, text in FILES.items():
        old, new = (changes or {}).get(name, ("", ""))
        assert old in text, f"{name} does not contain {old!r}"
        file = directory / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text.replace(old, new, 1) if old else text, encoding="utf-8")
    return directory
