"""A small bundle of every shipped detector, and what the day's batch makes of real lines.

Features, encodings and graphs are those of the shipped definitions; how well the models detect is
of no interest here, so they are trained for a moment, on labels that mean nothing.
"""

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import cache
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import numpy as np
import pyarrow as pa

from demo import suricata_flow
from demo.world import Site
from detectors import family_of
from detectors.evaluation.calibration import calibrate
from detectors.interface import Examples, Training
from whetstone.catalog import load_catalog
from whetstone.catalog.catalog_pb2 import Detector, Source
from whetstone.catalog.templated import reads_templates
from whetstone.engine import open_engine
from whetstone.features import features_sql
from whetstone.parsing import RawFile, parse_files
from whetstone.parsing.templates import Templating, mine, with_templates
from whetstone.releases import Bundle, stamp
from whetstone.scoring.calibration import CALIBRATION
from whetstone.scoring.run import BundleScorer

CATALOG = load_catalog(Path(__file__).resolve().parents[2] / "catalog")
DETECTORS = tuple(sorted(CATALOG.detectors))
ENVIRONMENT = "berlin"
MAX_LINE_BYTES = 1 << 20
_ALERTING = 0.6  # quantile of the distinct scores at which alerts begin
_UNITS = 400  # at most
# Real lines of each source: files in the order of their times, lines of each, the day they are
# landed on.
_FILES = {
    "adfa_ld": (["adfa_ld/adfa_ld_A.tsv.gz"], 150, "2026-03-01"),
    "apache_access": (["web/apache_access_first6000.log.gz"], 250, "2015-05-17"),
    "argus": (["argus/slips_test2-malicious.binetflow.gz"], 250, "2026-03-01"),
    "bgl": (["loghub_2k/BGL/BGL_2k.log.gz"], 250, "2005-06-03"),
    "dga_domains": (["dga/domains_hosts_A.csv.gz"], 250, "2026-03-01"),
    "hadoop_keys": (["sequences/hadoop_loghub_sessions.csv.gz"], 150, "2026-03-01"),
    "hdfs": (["hdfs/raw/HDFS_sessions_early30pct.log.gz"], 800, "2008-11-09"),
    "hdfs_keys": (["hdfs/deeplog_keys/hdfs_train.txt.gz"], 200, "2026-03-01"),
    "http_parameters": (["web/httpparams_train.csv.gz"], 250, "2026-03-01"),
    "lanl_auth": (["lanl/auth_day0_first5000.txt.gz"], 250, "2026-03-01"),
    "nsl_kdd": (["nsl_kdd/KDDTrain+_20Percent.txt.gz"], 250, "2026-03-01"),
    "openstack_keys": (["sequences/openstack_loghub_sessions.csv.gz"], 150, "2026-03-01"),
    "sshd": (["loghub_2k/OpenSSH/OpenSSH_2k.log.gz"], 1500, "2015-12-10"),
    "suricata_flow": (["suricata/slips_test6_malicious_partA.eve.json.gz"], 1500, "2021-06-06"),
    "sysmon": (
        [
            "otrf/windows_collection_*.gz",
            "otrf/windows_persistence_*.gz",
            "otrf/windows_lateral_movement_*.gz",
            "otrf/windows_execution_*.gz",
            "otrf/windows_discovery_*.gz",
            "otrf/windows_credential_access_*.gz",
            "otrf/windows_privilege_escalation_*.gz",
            "otrf/windows_defense_evasion_*.gz",
        ],
        100,
        "2020-10-22",
    ),
    "web_urls": (["web/urls_A.csv.gz"], 250, "2026-03-01"),
    "zeek_conn": (["zeek/m57_day1_first60pct/conn.log.gz"], 500, "2009-11-18"),
}


@dataclass(frozen=True)
class Lines:
    """Raw lines of a source as they would lie in one landed file, and the day they landed on."""

    source: Source
    records: tuple[bytes, ...]
    day: str

    @property
    def content(self) -> bytes:
        """The file."""
        return b"".join(self.records)


@cache
def real_lines(source: str, data: Path) -> Lines:
    """Real lines, each with its line end; a header is the first of them."""
    names, most, day = _FILES[source]
    files = [file for name in names for file in data.glob(name)]
    assert len(files) == len(names), f"below {data} are not the files {', '.join(names)}"
    records = [record for file in files for record in _some(file, most)]
    return Lines(CATALOG.sources[source], tuple(records), day)


def generated_flows() -> Lines:
    """EVE of a quiet day with scans: windows of many flows, which the real lines have few of."""
    day = date(2026, 3, 1)
    plan = suricata_flow.Plan(flows=200, sweeps=1, vertical=1, slow=1)
    records = suricata_flow.records(Site(5, ENVIRONMENT), day, plan)
    raw = tuple(f"{record.raw}\n".encode() for record in records[:400])
    return Lines(CATALOG.sources["suricata_flow"], raw, day.isoformat())


@cache
def lines_of(source: str, data: Path) -> Lines:
    """Lines to score: real ones, of flows generated ones."""
    return generated_flows() if source == "suricata_flow" else real_lines(source, data)


def _some(path: Path, most: int) -> list[bytes]:
    with gzip.open(path, "rb") as file:
        return [line if line.endswith(b"\n") else line + b"\n" for line in islice(file, most)]


def source_of(detector: str) -> str:
    """The source that a shipped detector reads."""
    return CATALOG.source_of(
        CATALOG.golden_datasets[CATALOG.detectors[detector].golden_dataset]
    ).name


@cache
def scorer_of(detector: str, data: Path, seed: int = 1) -> BundleScorer:
    """The scorer of a shipped detector, trained for a moment; another seed is another version."""
    return BundleScorer(bundle_of(detector, data, seed))


@cache
def bundle_of(detector: str, data: Path, seed: int = 1) -> Bundle:
    """The bundle of a shipped detector, trained for a moment on every fourth unit of its lines."""
    defined = _in_a_hurry(CATALOG.detectors[detector])
    dataset = CATALOG.golden_datasets[defined.golden_dataset]
    source, view = CATALOG.source_of(dataset), CATALOG.view_of(dataset)
    features = list(defined.features)
    dictionary = None
    with parsed(lines_of(source.name, data)) as connection:
        relation = "events"
        if reads_templates(source, view, features):
            dictionary = mine(connection, relation, source.message, None)
            templating = Templating(source.message, dictionary)
            relation = with_templates(connection, relation, templating).relation
        units = connection.sql(
            f"""SELECT {", ".join(f'"{name}"' for name in features)}
                FROM ({features_sql(view, relation, features)})
                ORDER BY unit, event_timestamp LIMIT {_UNITS}"""
        ).to_arrow_table()
    learned = units.take(np.arange(seed % 4, units.num_rows, 4))
    positive = np.arange(learned.num_rows) % 5 == 0
    labels = np.where(positive, "attack", "benign")
    model = family_of(defined).fit(Examples(learned, positive, labels), Training(seed))
    definitions = CATALOG.needed_by(defined)
    return stamp(
        Bundle(
            graph=model.export(),
            threshold=float(np.quantile(np.unique(model.score(units)), _ALERTING)),
            definitions=definitions,
            feature_names=tuple(features),
            manifest={
                "detector": detector,
                "family": defined.WhichOneof("family"),
                "seed": seed,
                CALIBRATION: calibrate(model.score(units)).to_dict(),
            },
            model_card=f"# {detector}\n",
            templates=dictionary,
        )
    )


def batch_scores(scorer: BundleScorer, lines: Lines) -> pa.Table:
    """What the batch asset gives for lines that landed as one file."""
    with parsed(lines) as connection:
        return scorer.score_events(connection, "events")


@contextmanager
def parsed(*given: Lines, environment: str = ENVIRONMENT) -> Iterator[duckdb.DuckDBPyConnection]:
    """An engine with the table `events` of lines that landed, a file each."""
    with open_engine() as connection, TemporaryDirectory() as directory:
        raw: list[RawFile] = []
        for number, lines in enumerate(given):
            file = Path(directory) / f"{number}.log"
            file.write_bytes(lines.content)
            name = f"{environment}/{lines.source.name}/{lines.day}/{file.name}"
            raw.append(RawFile(file, environment, name))
        parse_files(connection, given[0].source, raw, given[0].day, MAX_LINE_BYTES)
        yield connection


def _in_a_hurry(shipped: Detector) -> Detector:
    """The same detector, trained for one epoch, or with few trees."""
    detector = Detector()
    detector.CopyFrom(shipped)
    for one in (detector, *detector.ensemble.members):
        family = getattr(one, str(one.WhichOneof("family")))
        for name, few in (("epochs", 1), ("iterations", 5), ("trees", 5), ("min_samples_leaf", 1)):
            if name in family.DESCRIPTOR.fields_by_name:
                setattr(family, name, few)
    return detector
