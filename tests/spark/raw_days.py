"""Raw files of a day, for any source of the catalog."""

import gzip
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from whetstone.catalog.catalog_pb2 import Source
from whetstone.parsing import RawFile

DAY = "2026-03-02"
_LINES_OF_A_REAL_LOG = 400
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


def land_samples(source: Source, directory: Path) -> list[RawFile]:
    """The samples of a definition, those with a header in files of their own, and no records."""
    files = [sample for sample in source.samples if "\n" in sample]
    lines = [sample for sample in source.samples if "\n" not in sample]
    contents = [sample.encode() for sample in files]
    contents.append("\n".join([*lines, ""]).encode() + b"\xff\xfe not UTF-8\n\n   \r\n{}\n[]\n")
    return [
        _landed(directory, f"samples-{at}.log", content, "oslo", "UTC")
        for at, content in enumerate(contents)
    ]


def land_nasty_variants(source: Source, directory: Path) -> list[RawFile]:
    """Samples cut off, doubled, with strange characters in between; an archive that breaks off."""
    lines = [line for sample in source.samples for line in sample.splitlines()]
    variants = "\n".join(variant for line in lines for variant in _variants(line))
    whole = gzip.compress(variants.encode())
    return [
        _landed(directory, "variants.log.gz", whole, "lima", "America/Lima"),
        _landed(directory, "broken.log.gz", whole[:-20], "lima", "America/Lima"),
    ]


def land_real_logs(source: Source, real_data: Path, directory: Path) -> list[RawFile]:
    """The beginning of a public log of the source, where there is one."""
    family = source.name.partition("_")[0]
    name = _REAL_LOGS.get(source.name) or _REAL_LOGS.get(family)
    if name is None:
        return []
    if not (real_data / name).exists():
        return []
    with gzip.open(real_data / name, "rb") as file:
        beginning = b"".join(islice(file, _LINES_OF_A_REAL_LOG))
    return [_landed(directory, "real.log", beginning, "oslo", "UTC")]


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
