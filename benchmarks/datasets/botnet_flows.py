"""Flows of hosts in a botnet, as Argus saw them (Slips), beside a minute of a campus network.

Nothing can be measured here: the class is that of the file, the files were captured on different
networks, and the ordinary side is 89 flows that are called mixed, scans among them. The parts are
for golden datasets that get ordinary flows of the same sensor.
"""

from pathlib import Path

from benchmarks.datasets import Dataset, Part, find
from benchmarks.datasets.captures import Capture, measure, parts_of

_CAPTURES = {"slips_test2-*": "botnet", "slips_test3-*": "benign"}


def _parts(data: Path, into: Path) -> list[Part]:
    captures = [
        Capture(path, label, header=1)
        for pattern, label in _CAPTURES.items()
        for path in find(data, f"argus/{pattern}")
    ]
    return parts_of(captures, into, lambda line: line.split(",")[6])


DATASET = Dataset(
    golden="botnet_flows",
    detectors=("botnet_flow_shape",),
    parts=_parts,
    protocol="Two fifths of the destinations of each capture test. NOT A MEASURE OF DETECTION: each"
    " class has a capture of its own, so that whatever tells the captures apart (network, year,"
    " scans in the mixed one) is counted as detection; the baseline `total`, in effect the date,"
    " reaches an AUC of 1.000. No goal is set.",
    measure=measure,
)
