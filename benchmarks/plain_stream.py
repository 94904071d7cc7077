"""The peer of the stream benchmark: a loop as one writes it by hand.

Each line through `json.loads`, features of flows by hand, windows in a dictionary of counters and
sets, and the same two graphs on a batch of a thousand events; no framing, no lateness, no
checkpoint, no rejects.
"""

import json
import math
import time
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from benchmarks.stream_models import SHIPPED
from whetstone.releases import unpack
from whetstone.scoring.run import BundleScorer

_BATCH = 1_000


def plain_events_per_second(bundles: Iterable[Path], lines: Iterable[bytes]) -> float:
    """How many events a second the loop handles, all on one core."""
    scorers = [BundleScorer(unpack(file.read_bytes())) for file in bundles]
    flows, windows = (
        next(one for one in scorers if one.detector.name == name)
        for name in SHIPPED["suricata_flow"]
    )
    events = b"".join(lines).splitlines()
    open_windows: dict[tuple[str, int], _Window] = {}
    began = time.perf_counter()
    for batch in _batches(events):
        read = [json.loads(line) for line in batch]
        _score(flows, [_flow(event) for event in read])
        touched: dict[tuple[str, int], _Window] = {}
        for event in read:
            start = int(datetime.fromisoformat(event["flow"]["start"]).timestamp()) // 300
            window = open_windows.setdefault((event["src_ip"], start), _Window())
            window.add(event)
            touched[event["src_ip"], start] = window
        _score(windows, [window.features() for window in touched.values()])
    return len(events) / (time.perf_counter() - began)


def _batches(events: list[bytes]) -> Iterator[list[bytes]]:
    for at in range(0, len(events), _BATCH):
        yield events[at : at + _BATCH]


def _score(scorer: BundleScorer, rows: list[dict[str, Any]]) -> None:
    names = scorer.bundle.feature_names
    scores = scorer.score_features(
        pa.Table.from_pylist([{n: row[n] for n in names} for row in rows])
    )
    _ = scores >= scorer.bundle.threshold


def _flow(event: dict[str, Any]) -> dict[str, Any]:
    flow = event["flow"]
    begin, end = (datetime.fromisoformat(flow[name]).timestamp() for name in ("start", "end"))
    return {
        "log_packets_to_server": math.log1p(flow["pkts_toserver"]),
        "log_packets_to_client": math.log1p(flow["pkts_toclient"]),
        "log_bytes_to_server": math.log1p(flow["bytes_toserver"]),
        "log_bytes_to_client": math.log1p(flow["bytes_toclient"]),
        "log_duration": math.log1p(max(0.0, end - begin)),
        "bytes_per_packet": flow["bytes_toserver"] / (flow["pkts_toserver"] or math.nan),
        "unanswered": flow["pkts_toclient"] == 0,
        "syn_only": event["tcp"]["tcp_flags"] in ("02", "06", "16", "04", "14"),
    }


class _Window:
    """Five minutes of one source."""

    def __init__(self) -> None:
        self._flows = self._failed = 0
        self._destinations: set[str] = set()
        self._ports: set[int] = set()
        self._services: set[tuple[str, int]] = set()
        self._failed_destinations: set[str] = set()
        self._failed_services: set[tuple[str, int]] = set()

    def add(self, event: dict[str, Any]) -> None:
        """Count one flow."""
        flow, service = event["flow"], (event["dest_ip"], event["dest_port"])
        self._flows += 1
        self._destinations.add(service[0])
        self._ports.add(service[1])
        self._services.add(service)
        answered = flow["pkts_toclient"]
        if not answered or (
            event["proto"] == "TCP"
            and flow["pkts_toserver"] <= 2
            and flow["bytes_toclient"] <= 60 * answered
        ):
            self._failed += 1
            self._failed_destinations.add(service[0])
            self._failed_services.add(service)

    def features(self) -> dict[str, Any]:
        """As the shipped view names them."""
        return {
            "flows": self._flows,
            "destinations": len(self._destinations),
            "ports": len(self._ports),
            "services": len(self._services),
            "failed_share": self._failed / self._flows,
            "failed_destinations": len(self._failed_destinations),
            "failed_services": len(self._failed_services),
        }
