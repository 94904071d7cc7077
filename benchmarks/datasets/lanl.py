"""LANL authentication: who logs on from which computer to which, and a red team's log-ons.

Kent, Cyber Security Data Sources for Dynamic Network Research, 2015. The samples at hand cover four
minutes before the red team came, so its rows are CONSTRUCTED: user, source and destination are
those of its published list; how they logged on is drawn from ordinary log-ons of the test day.
Figures on them say whether a detector finds unusual computers of a user; they are not those of the
full data.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.datasets import (
    Dataset,
    Judged,
    Part,
    find,
    find_one,
    join_lines,
    read_lines,
    write_labels,
    write_lines,
)
from detectors.evaluation.curves import Ranking, auc
from detectors.rank_statistics import normalized_so_far, rank_so_far

_DOMAIN = "DOM1"  # of nearly all accounts


def _parts(data: Path, into: Path) -> list[Part]:
    train = join_lines(find(data, "lanl/auth_day0*"), into / "train.csv.gz")
    ordinary = [line for path in find(data, "lanl/auth_day1*") for line in read_lines(path)]
    events = read_lines(find_one(data, "lanl/redteam_events.txt*"))
    constructed = red_team_lines(list(events), ordinary)
    raw = write_lines(into / "test.csv.gz", [*ordinary, *constructed])
    red = range(len(ordinary) + 1, len(ordinary) + len(constructed) + 1)
    labels = [*((str(number), "red_team") for number in red), ("*", "normal")]
    return [
        Part(train, write_labels(into / "train_labels.csv", [("*", "normal")]), "train"),
        Part(raw, write_labels(into / "test_labels.csv", labels), "test"),
    ]


def red_team_lines(events: list[str], ordinary: list[str]) -> list[str]:
    """The red team's events, each kind once, as lines of authentication.

    Args:
        events: `time,user@domain,source,destination`.
        ordinary: lines of authentication, from whose log-ons package, type and outcome are drawn.
    """
    fields = [line.split(",") for line in ordinary]
    how = [",".join(each[5:]) for each in fields if each[7] == "LogOn" and each[3] != each[4]]
    rng = np.random.default_rng(0)
    seen: dict[tuple[str, ...], str] = {}
    for event in events:
        time, *kind = event.split(",")
        seen.setdefault(tuple(kind), time)
    return [
        ",".join((time, user, user, source, destination, how[int(rng.integers(len(how)))]))
        for (user, source, destination), time in seen.items()
    ]


def _measure(judged: Judged) -> Mapping[str, Any]:
    """Perplexity of ordinary lines, and the ranking by each score beside the user's earlier ones.

    The red team's lines are the latest, so they are judged by what came before.
    """
    test = judged.examples["test"]
    number = np.array(test["unit"].to_pylist(), dtype=np.int64)
    time = test["event_timestamp"].to_numpy()
    order = np.lexsort((number, time))
    scores, positive = judged.scores[order], judged.positive[order]
    lines = test["line"].to_pylist()
    users = [lines[at].split("@", 1)[0] for at in order]
    adjusted = {
        "rank_of_user": rank_so_far(users, scores),
        "normalized_by_user": normalized_so_far(users, scores),
    }
    return {"perplexity_of_a_token": float(np.exp(scores[~positive].mean()))} | {
        f"auc_{name}": float(auc(*Ranking.of(values, np.inf).count(positive)))
        for name, values in adjusted.items()
    }


DATASET = Dataset(
    golden="lanl_red_team",
    detectors=("lanl_language_model",),
    parts=_parts,
    protocol="5,000 lines of day 0 train, 5,000 of day 1 and CONSTRUCTED red-team lines test "
    "(published user, source and destination; the rest drawn from ordinary log-ons)",
    published_split=True,
    published={
        "AUC, full days, real red team (Tuor et al. 2018, from memory; not comparable)": 0.98
    },
    measure=_measure,
)
