"""Scans in the traffic of a real office (M57, 2009-11-18; Zeek's conn.log): planted ones, one real.

The public captures of scans hold one or two windows each, too few to judge by, and come from other
networks than the ordinary traffic at hand. So scans are planted into the hours of the office that
nobody learned from; the one real scan (Slips, an infected host that asks ten others in vain) is
judged beside them. Only ordinary windows train.
"""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.datasets import Dataset, Goal, Judged, Part, find, write_labels, write_lines
from benchmarks.datasets.zeek_records import Log

_TRAINING_HOURS = 0.6  # share of the capture
_SCANS = 60
_REAL = "10.0.2.112"


@dataclass(frozen=True)
class Scan:
    """A planted scan within one window of five minutes.

    Attributes:
        source: who scans; each scan has an address of its own.
        start: seconds since 1970, where a window begins.
        asked: how many services it asks.
        vertical: ports of one host; else one port of many hosts.
        open_share: share of services that answer.
    """

    source: str
    start: float
    asked: int
    vertical: bool
    open_share: float

    def flows(self, chance: random.Random) -> Iterator[dict[str, str]]:
        """Its connections, as values of Zeek's columns."""
        for number in range(self.asked):
            state, packets = chance.choice([("S0", (2, 0)), ("REJ", (1, 1))])
            if chance.random() < self.open_share:
                state, packets = "RSTO", (2, 1)
            yield {
                "ts": f"{self.start + 295 * number / self.asked:.6f}",
                "uid": f"C{chance.getrandbits(60):015x}",
                "id.orig_h": self.source,
                "id.orig_p": str(chance.randrange(32768, 61000)),
                "id.resp_h": "192.168.1.1"
                if self.vertical
                else f"192.168.{1 + number // 250}.{number % 250}",
                "id.resp_p": str(1 + number * 7) if self.vertical else "445",
                "proto": "tcp",
                "conn_state": state,
                "missed_bytes": "0",
                "orig_pkts": str(packets[0]),
                "orig_ip_bytes": str(44 * packets[0]),
                "resp_pkts": str(packets[1]),
                "resp_ip_bytes": str(40 * packets[1]),
            }


def _scans(start: float, end: float, chance: random.Random) -> list[Scan]:
    windows = range(int(start // 300) + 1, int(end // 300))
    return [
        Scan(
            source=f"203.0.113.{number + 1}",
            start=300.0 * chance.choice(windows),
            asked=round(np.exp(chance.uniform(np.log(5), np.log(200))).item()),
            vertical=bool(number % 2),
            open_share=chance.uniform(0, 0.2),
        )
        for number in range(_SCANS)
    ]


def _parts(data: Path, into: Path) -> list[Part]:
    (office, *_), scanned = (
        [Log.read(path) for path in find(data, f"zeek/{pattern}/conn.log*")]
        for pattern in ("m57_day1*", "slips_portscan*")
    )
    times = [float(record.values["ts"]) for record in office.records]
    first, last = min(times), max(times)
    until = first + _TRAINING_HOURS * (last - first)
    train = office.write(into / "train.log.gz", lambda r: float(r.values["ts"]) < until)
    chance = random.Random(7)  # noqa: S311  planted alike in every run
    scans = _scans(until, last, chance)
    columns = next(line for line in office.header if line.startswith("#fields")).split("\t")[1:]
    planted = [
        "\t".join(flow.get(name, "-") for name in columns)
        for scan in scans
        for flow in scan.flows(chance)
    ]
    later = [r.line for r in office.records if float(r.values["ts"]) >= until]
    test = write_lines(into / "test.log.gz", [*office.header, *later, *planted])
    real = scanned[0].write(into / "real.log.gz", lambda _: True)
    marked = [(scan.source, "scan") for scan in scans]
    return [
        Part(train, write_labels(into / "train.csv", [("*", "benign")]), "train", "2009-11-18"),
        Part(test, write_labels(into / "test.csv", [*marked, ("*", "benign")]), "test"),
        Part(real, write_labels(into / "real.csv", [(_REAL, "scan")]), "test"),
    ]


def _measure(judged: Judged) -> Mapping[str, float]:
    """Planted scans found by how many services they asked; the real one; false alarms a day."""
    test, found = judged.examples["test"], judged.alerts
    unit = np.array(test["unit"].to_pylist())
    asked = np.array(test["failed_services"].to_pylist())
    scans = judged.positive & (unit != _REAL)
    measures = {
        f"found_of_{low}_to_{high - 1}_services": found[scans & (asked >= low) & (asked < high)]
        .mean()
        .item()
        for low, high in ((5, 10), (10, 20), (20, 201))
    }
    hours = len(set(test["unit_start"].to_pylist())) / 12
    measures["real_scan_found"] = float(found[unit == _REAL].all())
    measures["false_alarms_a_day"] = found[~judged.positive].sum().item() * 24 / hours
    return measures


DATASET = Dataset(
    golden="zeek_scan_windows",
    detectors=("zeek_scan_window",),
    parts=_parts,
    protocol="The first 60 % of an office's day trains, without scans. The rest tests, with 60"
    " planted scans of 5 to 200 services in five minutes, one in five of which may answer, and one"
    " real scan of another network. Planted scans say what is found, not how often scans occur;"
    " features and family were chosen with this test in sight.",
    published_split=True,
    goals=(Goal("auc", 0.99), Goal("real_scan_found", 1.0)),
    measure=_measure,
)
