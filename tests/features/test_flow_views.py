"""The shipped views over flows, computed from raw records: lists in order, and refused services."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from whetstone.catalog import Catalog, load_catalog
from whetstone.engine import open_engine
from whetstone.features import features_sql
from whetstone.parsing import RawFile, parse_files


@cache
def catalog() -> Catalog:
    return load_catalog(Path(__file__).resolve().parents[2] / "catalog")


def flow(second: int, port: int, packets: tuple[int, int], **given: Any) -> dict[str, Any]:
    """An EVE flow of 60 bytes a packet, of 192.0.2.1 to a host."""
    counts = {
        "pkts_toserver": packets[0],
        "pkts_toclient": packets[1],
        "bytes_toserver": 60 * packets[0],
        "bytes_toclient": 60 * packets[1],
    }
    start = f"2026-03-01T09:00:{second:02}.000000+0000"
    times = {"start": start, "end": start.replace("T09", "T10")}
    record = {
        "event_type": "flow",
        "timestamp": start,
        "flow_id": second,
        "src_ip": "192.0.2.1",
        "dest_ip": "198.51.100.7",
        "dest_port": port,
        "proto": "TCP",
    }
    return record | {"flow": counts | times} | given


def units_of(view: str, records: list[dict[str, Any]], tmp_path: Path) -> list[dict[str, Any]]:
    raw = tmp_path / "eve.json"
    raw.write_text("".join(json.dumps(record) + "\n" for record in records))
    definition = catalog().feature_views[view]
    source = catalog().sources[definition.source]
    with open_engine() as engine:
        files = [RawFile(raw, "oslo", "oslo/suricata_flow/2026-03-01/eve.json")]
        parse_files(engine, source, files, "2026-03-01", 1 << 20)
        sql = features_sql(definition, "events")
        return engine.sql(f"FROM ({sql}) ORDER BY unit").to_arrow_table().to_pylist()


@pytest.mark.parametrize(
    ("given", "failed"),
    [
        (flow(1, 445, (2, 0)), 1),  # nobody answered
        (flow(1, 445, (1, 1)), 1),  # a reset
        (flow(1, 443, (12, 15)), 0),
        (flow(1, 53, (1, 1), proto="UDP"), 0),
        (flow(1, 53, (1, 0), proto="UDP"), 1),
    ],
)
def test_a_flow_counts_as_refused_when_nothing_or_a_reset_came_back(
    given: dict[str, Any], failed: int, tmp_path: Path
) -> None:
    (unit,) = units_of("suricata_flow_source_5m", [given], tmp_path)
    assert (unit["failed_services"], unit["failed_share"]) == (failed, failed)


def test_a_scan_has_as_many_refused_services_as_it_asked(tmp_path: Path) -> None:
    twice = [flow(second, 1000 + second % 20, (2, 0)) for second in range(40)]
    (unit,) = units_of("suricata_flow_source_5m", twice, tmp_path)
    asked = {name: unit[name] for name in ("flows", "services", "failed_services", "destinations")}
    assert asked == {"flows": 40, "services": 20, "failed_services": 20, "destinations": 1}


def test_the_flows_to_a_service_stand_in_order_in_lists_of_equal_length(tmp_path: Path) -> None:
    records = [
        flow(9, 443, (9, 0)),
        flow(2, 443, (2, 4)),
        flow(5, 443, (5, 1)),
        flow(1, 80, (1, 1)),
    ]
    service, other = units_of("suricata_flow_service_1d", records, tmp_path)
    assert service["unit"] == "192.0.2.1|198.51.100.7|443"
    assert service["packets_to_server"] == [2, 5, 9]
    assert [time - service["times"][0] for time in service["times"]] == [0, 3, 7]
    assert service["sizes_to_client"] == [60, 60, None]
    assert service["durations"] == [3600, 3600, 3600]
    assert other["flows"] == 1
