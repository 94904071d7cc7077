"""C2 beacons planted in the traffic of a real office (M57, 2009-11-18; Zeek's conn.log).

The beacons are constructed, the traffic around them is real: no public capture at hand has
labelled beacons. An implant sleeps `interval` seconds, more or less by `jitter`, misses a call now
and then, and is given work now and then, as the profiles of common C2 frameworks have it.
Every second host of the office is the test, with implants of their own: other addresses, ports,
intervals and sizes, and a class that varies its pauses more than any implant of the training.
"""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.datasets import (
    Dataset,
    Goal,
    Judged,
    Part,
    find,
    read_lines,
    write_labels,
    write_lines,
)

_OFFICE = "192.168."
_CERTAIN = 0.3  # jitter beyond which a beacon is of the class jittered_beacon
_FIRST_PORT = 49152


@dataclass(frozen=True)
class Implant:
    """One implant and how it reports; `jitter`, `variation`: the largest relative deviation."""

    source: str
    destination: str
    port: int
    interval: float
    jitter: float
    request: int
    reply: int
    variation: float

    @property
    def label(self) -> str:
        """The class of the golden dataset that it belongs to."""
        return "beacon" if self.jitter <= _CERTAIN else "jittered_beacon"

    def calls(self, start: float, end: float, chance: random.Random) -> Iterator[dict[str, str]]:
        """Its connections, as values of Zeek's columns."""
        at = start + chance.uniform(0, self.interval)
        while at < end:
            if chance.random() > 0.03:  # else nobody answered the name, or the laptop slept
                yield self._call(at, chance)
            at += self.interval * (1 + chance.uniform(-self.jitter, self.jitter))

    def _call(self, at: float, chance: random.Random) -> dict[str, str]:
        vary = 1 + chance.uniform(-self.variation, self.variation)
        work = chance.randint(10, 200) if chance.random() < 0.03 else 1
        sent, got = round(self.request * vary), round(self.reply * vary * work)
        packets = 5 + sent // 1400, 5 + got // 1400
        return {
            "ts": f"{at:.6f}",
            "uid": f"C{chance.getrandbits(60):015x}",
            "id.orig_h": self.source,
            "id.orig_p": str(_FIRST_PORT + chance.randrange(16000)),
            "id.resp_h": self.destination,
            "id.resp_p": str(self.port),
            "proto": "tcp",
            "service": "ssl" if self.port == 443 else "http",
            "duration": f"{chance.lognormvariate(-1.5, 0.5):.6f}",
            "orig_bytes": str(sent),
            "resp_bytes": str(got),
            "conn_state": "SF",
            "missed_bytes": "0",
            "history": "ShADadFf",
            "orig_pkts": str(packets[0]),
            "orig_ip_bytes": str(sent + 40 * packets[0]),
            "resp_pkts": str(packets[1]),
            "resp_ip_bytes": str(got + 40 * packets[1]),
        }


def _implants(split: str, sources: list[str], chance: random.Random) -> list[Implant]:
    """The implants of a split: what trains has none of the test's addresses and fewer habits."""
    training = split == "train"
    network = "203.0.113" if training else "198.51.100"
    return [
        Implant(
            source=chance.choice(sources),
            destination=f"{network}.{number + 1}",
            port=chance.choice([80, 443, 8080] if training else [80, 443, 8443, 4444]),
            interval=np.exp(chance.uniform(np.log(20), np.log(600))).item(),
            jitter=chance.uniform(*((0, _CERTAIN) if training or number % 2 else (_CERTAIN, 0.5))),
            request=round(np.exp(chance.uniform(np.log(150), np.log(3000))).item()),
            reply=round(np.exp(chance.uniform(np.log(80), np.log(5000))).item()),
            variation=chance.choice([0.0, 0.02, 0.1, 0.3]),
        )
        for number in range(24 if training else 40)
    ]


def _parts(data: Path, into: Path) -> list[Part]:
    files = find(data, "zeek/m57_day1*/conn.log*")
    header = [line for line in read_lines(files[0]) if line.startswith("#")]
    columns = next(line for line in header if line.startswith("#fields")).split("\t")[1:]
    rows = [
        line.split("\t")
        for file in files
        for line in read_lines(file)
        if line and not line.startswith("#")
    ]
    times, source = [float(row[0]) for row in rows], columns.index("id.orig_h")
    hosts = sorted({row[source] for row in rows})
    chance = random.Random(7)  # noqa: S311  planted alike in every run
    parts: list[Part] = []
    for at, split in enumerate(("train", "test")):
        own = hosts[at::2]
        implants = _implants(split, [host for host in own if host.startswith(_OFFICE)], chance)
        planted = [
            [call.get(name, "-") for name in columns]
            for implant in implants
            for call in implant.calls(min(times), max(times), chance)
        ]
        mixed = sorted(
            [*(row for row in rows if row[source] in own), *planted], key=lambda row: float(row[0])
        )
        raw = write_lines(into / f"{split}.log.gz", [*header, *map("\t".join, mixed)])
        named = [(f"{i.source}|{i.destination}|{i.port}", i.label) for i in implants]
        labels = write_labels(into / f"{split}.csv", [*named, ("*", "benign")])
        parts.append(Part(raw, labels, "train" if split == "train" else "test", "2009-11-18"))
    return parts


def _measure(judged: Judged) -> Mapping[str, float]:
    """Hours and whole implants found, by how much their pauses vary; false alarms a day."""
    test = judged.examples["test"]
    label, unit = (np.array(test[name].to_pylist()) for name in ("label", "unit"))
    found = judged.alerts
    measures: dict[str, float] = {}
    for kind in ("beacon", "jittered_beacon"):
        chosen = label == kind
        implants = set(unit[chosen])
        measures[f"{kind}_hours_found"] = found[chosen].mean().item()
        measures[f"{kind}_implants_found"] = len(set(unit[chosen & found])) / len(implants)
    times = test["unit_start"]
    hours = len({(at.date(), at.hour) for at in times.to_pylist()})
    benign = label == "benign"
    measures["false_alarms_a_day"] = found[benign].sum().item() * 24 / hours
    measures["benign_pairs_alarmed"] = float(len(set(unit[benign & found])))
    return measures


DATASET = Dataset(
    golden="c2_beacon",
    detectors=("c2_beacon_neighbours",),
    parts=_parts,
    protocol="Constructed beacons in real traffic: every second host, with 24 implants, trains; the"
    " other hosts test, with 40 implants, half of them with more jitter than any that trains.",
    published_split=True,
    goals=(Goal("auc", 0.97), Goal("beacon_implants_found", 0.95)),
    measure=_measure,
)
