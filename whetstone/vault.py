"""The test vault: the one door to examples that are held out, and the log of who went through it.

A test set that is asked too often answers no more: each decision taken on it (does this challenger
replace the champion?) tells the decider something about it, and what has been selected by it looks
better on it than it is. So every opening is written down before the examples are handed out, in a
log chained by hashes, and the golden report counts the decisions.

    examples = open_test(lake, "ssh_bruteforce", who="evaluation/ssh_bruteforce_gb", why="gate",
                         purpose="gate", details={"detector": …, "challenger": …})

References:
    Dwork, Feldman, Hardt, Pitassi, Reingold, Roth: Generalization in Adaptive Data Analysis and
    Holdout Reuse, NeurIPS 2015.
"""

# pyarrow builds most of its functions when it is imported, where pyright cannot see them.
# pyright: reportAttributeAccessIssue=false, reportMissingTypeStubs=false
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false
# pyright: reportUnknownVariableType=false, reportUnknownParameterType=false

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from whetstone.audit import AuditLog
from whetstone.errors import NotReadyError
from whetstone.lake import Lake, Place

TEST = "test"
TEST_VERSION = "test_version"
"""The fact of a golden dataset that stays the same as long as its test examples do."""

Purpose = Literal["judge", "gate", "idea", "report"]
_SURE = 0.05


def open_test(
    lake: Lake,
    dataset: str,
    who: str,
    why: str,
    *,
    purpose: Purpose = "judge",
    place: Place | None = None,
    details: Mapping[str, Any] | None = None,
    columns: Sequence[str] | None = None,
) -> pa.Table:
    """The test examples of a golden dataset, after the opening has been written down.

    Args:
        lake: where they lie; the log is beside it.
        dataset: the golden dataset.
        who: the asset or the person that looks.
        why: the reason, in a few words.
        purpose: `gate` where something is decided by them; `judge` where a model is measured,
            `idea` where a proposal is, `report` where the examples themselves are looked over.
        place: where the rows are read, with a column `split`: by default `golden/<dataset>`, or
            `training_set/<detector>` with the features.
        details: what else is to be known later: `detector`, `challenger` …; nothing personal.
        columns: only these.

    Raises:
        NotReadyError: the dataset has not been made.
        InputError: nobody, or no reason, is named.
        StorageError: the log cannot be written; then nothing is handed out.
    """
    golden = lake.manifest(Place("golden", dataset))
    if golden is None:
        raise NotReadyError(f"golden/{dataset} does not exist yet: materialize it first")
    part = lake.part(place or Place("golden", dataset))
    about = {
        **(details or {}),
        "dataset": dataset,
        "version": golden.facts.get(TEST_VERSION, golden.version),
    }
    vault_log(lake).append(who, purpose, why, about)
    return pq.read_table(part, columns=columns, filters=pc.field("split") == TEST)


def vault_log(lake: Lake) -> AuditLog:
    """The log of all openings; it lies beside the lake: `audit/vault.jsonl` below the home."""
    return AuditLog(lake.root.parent / "audit" / "vault.jsonl")


@dataclass(frozen=True)
class Openings:
    """How often the test examples of a dataset, as they are now, were opened.

    Attributes:
        by_purpose: openings by `Purpose`.
        decisions: different gate decisions; a gate that ran again on the same models is one.
        problems: what is wrong with the log; empty where its chain is whole.
    """

    by_purpose: Mapping[str, int]
    decisions: int
    problems: tuple[str, ...]

    def optimism(self, groups: int, decisions: int | None = None) -> float | None:
        """How far the share judged rightly may be overstated on a test set that was reused.

        A decision tells one bit, so k of them choose among at most 2^k models. With 95 %
        certainty none of these is off by more than sqrt((k ln 2 + ln 20) / 2n) (Hoeffding, and the
        union bound; section 1 of the reference). It is the worst case: a decider that overfits on
        purpose.

        Args:
            groups: n, of independent test examples; None comes of 0.
            decisions: k; those that were taken by default.
        """
        if not groups:
            return None
        taken = self.decisions if decisions is None else decisions
        bits = taken * math.log(2) + math.log(1 / _SURE)
        return math.sqrt(bits / (2 * groups))


def openings(lake: Lake, dataset: str) -> Openings:
    """How often the dataset's present test examples were opened."""
    golden = lake.manifest(Place("golden", dataset))
    version = golden and golden.facts.get(TEST_VERSION, golden.version)
    log = vault_log(lake).read()
    entries = [
        entry
        for entry in log.entries
        if entry.details.get("dataset") == dataset and entry.details.get("version") == version
    ]
    counts: dict[str, int] = {}
    for entry in entries:
        counts[entry.what] = counts.get(entry.what, 0) + 1
    decided = {
        json.dumps([entry.who, entry.details], sort_keys=True)
        for entry in entries
        if entry.what == "gate"
    }
    return Openings(counts, len(decided), tuple(log.problems))
