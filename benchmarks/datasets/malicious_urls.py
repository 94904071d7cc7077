"""URLs of phishing and malware, and of ordinary pages, half and half (d3vzer0).

https://github.com/d3vzer0/applied_data_science_amsterdam
"""

from pathlib import Path

from benchmarks.datasets import Dataset, Part, find
from benchmarks.datasets.records import Record, drawn_split, read_records, write_records


def _parts(data: Path, into: Path) -> list[Part]:
    found = [r for path in find(data, "web/urls_*.csv*") for r in read_records(path)]
    records = [(drawn_split(record.values["domain"]), record) for record in found]
    return [
        Part(*write_records([r for s, r in records if s == split], _label, into, split), split)
        for split in ("train", "test")
    ]


def _label(record: Record) -> str:
    return record.values["isMalicious"]


DATASET = Dataset(
    golden="malicious_urls",
    detectors=("malicious_urls_ngrams",),
    parts=_parts,
    protocol="30 % of the registered domains test, with all their URLs; both classes are equally "
    "many, which no real traffic has",
)
