"""Raw files of a day, for any source of the catalog."""

import gzip
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from whetstone.catalog.catalog_pb2 import Source
from whetstone.parsing import RawFile

DAY = "2026-03-02"
_REAL_LINES = 250
# Where lines of a source lie among the public logs; more than one source may read a file.
_REAL_LOGS = {
    "hdfs": "hdfs/raw/HDFS_sessions_early30pct.log.gz",
    "sshd": "loghub_2k/OpenSSH/OpenSSH_2k.log.gz",
    "apache_access": "web/apache_access_first6000.log.gz",
    "apache_error": "loghub_2k/Apache/Apache_2k.log.gz",
    "bgl": "raw_logs/BGL_first5000.log.gz",
    "hadoop": "loghub_2k/Hadoop/Hadoop_2k.log.gz",
    "healthapp": "raw_logs/HealthApp_lines2001_14000.log.gz",
    "openstack": "loghub_2k/OpenStack/OpenStack_2k.log.gz",
    "zookeeper": "loghub_2k/Zookeeper/Zookeeper_2k.log.gz",
    "linux_syslog": "loghub_2k/Linux/Linux_2k.log.gz",
    "auditd": "otrf/linux_discovery_sh_arp_cache.log.gz",
    "journald": "elk_export/journal_first60pct.jsonl.gz",
    "wazuh": "elk_export/wazuh_first60pct.jsonl.gz",
    "elasticsearch": "elk_export/elastic_first60pct.jsonl.gz",
    "lanl_auth": "lanl/auth_day0_first5000.txt.gz",
    "suricata": "suricata/aitlds_mailserver_first60pct.eve.json.gz",
    "windows_security": "otrf/windows_collection_msf_record_mic.jsonl.gz",
    "sysmon": "otrf/windows_collection_msf_record_mic.jsonl.gz",
}
_MARKS = ("é漢😀", "\u00a0", "\\", "'", '"', "%", "\t")


def land_samples(source: Source, directory: Path, real: bytes = b"") -> list[RawFile]:
    """The samples of a definition, those with a header in files of their own, and no records.

    A file is a task of each of Python's workers, so what can stand in one file does: `real`, too.
    """
    files = [sample for sample in source.samples if "\n" in sample]
    lines = [sample for sample in source.samples if "\n" not in sample]
    contents = [sample.encode() for sample in files]
    samples = "\n".join([*lines, ""]).encode()
    contents.append(real + samples + b"\xff\xfe not UTF-8\n\n   \r\n{}\n[]\n")
    return [
        _landed(directory, f"samples-{at}.log", content, "oslo", "UTC")
        for at, content in enumerate(contents)
    ]


def land_nasty_variants(source: Source, directory: Path) -> RawFile:
    """Samples cut off, doubled, with strange characters in between."""
    whole = gzip.compress(_variants_of(source))
    return _landed(directory, "variants.log.gz", whole, "lima", "America/Lima")


def land_broken_archive(source: Source, directory: Path) -> RawFile:
    """The same as an archive that breaks off."""
    broken = gzip.compress(_variants_of(source))[:-20]
    return _landed(directory, "broken.log.gz", broken, "lima", "America/Lima")


def real_lines(source: Source, real_data: Path) -> bytes:
    """The beginning of a public log of the source, where there is one."""
    family = source.name.partition("_")[0]
    name = _REAL_LOGS.get(source.name) or _REAL_LOGS.get(family)
    if name is None or not (real_data / name).exists():
        return b""
    with gzip.open(real_data / name, "rb") as file:
        return b"".join(line.rstrip(b"\n") + b"\n" for line in islice(file, _REAL_LINES))


def _variants_of(source: Source) -> bytes:
    lines = [line for sample in source.samples for line in sample.splitlines()]
    return "\n".join(variant for line in lines for variant in _variants(line)).encode()


def _variants(line: str) -> Iterator[str]:
    for cut in range(1, len(line), max(1, len(line) // 12)):
        yield line[:cut]
        yield line[:cut] + _MARKS[cut % len(_MARKS)] + line[cut:]
    yield line.upper()
    yield line.replace("0", "٣").replace("1", "-1")
    yield f"{line} {line}"


def _landed(directory: Path, name: str, content: bytes, environment: str, zone: str) -> RawFile:
    path = directory / environment / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return RawFile(path, environment, f"{environment}/{directory.name}/{DAY}/{name}", zone)
