"""Sites where most alerts are benign, made of the alerts of a dataset: attacks are thinned out.

All benign alerts stay, and so many attacks that they are a given share of the alerts:

- by `units`: any attacks, each for itself, so that what many had in common is rarely seen;
- by `patterns`: the attacks of one pattern after another, in any order, until there are enough;
  only the last one's are cut short. A site sees few kinds of attacks, but those as a whole.

Where there are too few attacks for the share, benign alerts are left out at random instead. The
detectors ship with thresholds at which few benign units are alerts. With `noise` the threshold is
lowered until that share of the benign held-out units are alerts, as at a site of more traffic, or
with a worse detector; 0: the detector's own threshold.
"""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.workload_reading import WAYS, read

SHARES = (0.5, 0.1, 0.01)
THINNED = ("units", "patterns")
_LEAST = 20
"""Benign alerts without which a share of attacks says nothing."""
Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Replay:
    """A detector's answers to held-out units, those that are alerts at the noisiest point first.

    Attributes:
        positive: (n,) whether a unit is an attack.
        alerts: (a,) units, the highest score first.
        patterns: (a,) of the alerts.
        identities: (a,) equal where the features are.
        own: how many of `alerts` reach the detector's own threshold.
        plain: (n,) scores of each plain detector.
    """

    positive: Bools
    alerts: NDArray[np.int64]
    patterns: NDArray[np.str_]
    identities: NDArray[np.int64]
    own: int
    plain: Mapping[str, NDArray[np.float64]]

    @property
    def truth(self) -> Bools:
        """(a,) of the alerts."""
        return self.positive[self.alerts]

    def at(self, noise: float) -> int:
        """How many alerts there are with that noise; never fewer than at the own threshold."""
        benign = np.cumsum(~self.truth)
        budget = int(noise * (~self.positive).sum())
        return max(self.own, int(np.searchsorted(benign, budget, side="right")))


def folded(keys: Iterable[Hashable], truth: Bools) -> list[list[bool]]:
    """The truth about the alerts by key, in their order."""
    found: dict[Hashable, list[bool]] = defaultdict(list)
    for key, attack in zip(keys, truth.tolist(), strict=True):
        found[key].append(attack)
    return list(found.values())


def plain(
    scores: Mapping[str, NDArray[np.float64]], positive: Bools, attacks: int
) -> dict[str, Any]:
    """The plain detector that finds so many attacks with the fewest alerts."""
    needed = {name: alerts_for(each, positive, attacks) for name, each in scores.items()}
    best = min(needed, key=needed.__getitem__)
    return {"name": best, "alerts": needed[best]}


def alerts_for(scores: NDArray[np.float64], positive: Bools, attacks: int) -> int:
    """Alerts from the highest threshold on at which so many attacks are found."""
    if not attacks:
        return 0
    threshold = np.sort(scores[positive])[::-1][attacks - 1]
    return int((scores >= threshold).sum())


def sites(replay: Replay, noises: Sequence[float], seeds: int) -> list[dict[str, Any]]:
    """What reading costs and loses at each site; a list of one value a seed for each figure."""
    found: list[dict[str, Any]] = []
    for noise in noises:
        count = replay.at(noise)
        if (~replay.truth[:count]).sum() < _LEAST:
            continue
        for share in SHARES:
            for thinned in THINNED:
                runs = [_site(replay, count, share, thinned, seed) for seed in range(seeds)]
                figures = {name: [run[name] for run in runs] for name in runs[0]}
                found.append({"noise": noise, "share": share, "thinned": thinned} | figures)
    return found


def _site(replay: Replay, count: int, share: float, thinned: str, seed: int) -> dict[str, int]:
    draw = np.random.default_rng(seed)
    kept = thin(replay.truth[:count], replay.patterns[:count], share, thinned, draw)
    truth, patterns = replay.truth[kept], replay.patterns[kept]
    stacks = folded(patterns, truth)
    attacks = int(truth.sum())
    figures = {
        "alerts": len(kept),
        "attacks": attacks,
        "patterns": len(stacks),
        "attack_patterns": len(set(patterns[truth])),
        "identical": len(set(replay.identities[kept])),
        "plain": _plain_alerts(replay, kept, attacks, int(replay.truth[:count].sum()), draw),
    }
    for way in WAYS:
        done = vars(read(stacks, way, draw))
        figures |= {f"{way}.{name}": int(value) for name, value in done.items()}
        # What whoever reads as much by score alone would not have seen.
        figures[f"{way}.lost_by_score"] = int(truth[done["items"] :].sum())
    return figures


def thin(
    truth: Bools, patterns: NDArray[np.str_], share: float, thinned: str, draw: np.random.Generator
) -> NDArray[np.int64]:
    """The alerts that stay, in their order; at least one attack does."""
    attacks, benign = draw.permutation(np.flatnonzero(truth)), np.flatnonzero(~truth)
    wanted = max(1, round(len(benign) * share / (1 - share)))
    if wanted > len(attacks):
        few = round(len(attacks) * (1 - share) / share)
        benign = draw.permutation(benign)[:few]
    if thinned == "patterns":
        _, codes = np.unique(patterns[attacks], return_inverse=True)
        turn = draw.permutation(codes.max(initial=0) + 1)
        attacks = attacks[np.argsort(turn[codes], kind="stable")]
    return np.sort(np.concatenate([attacks[:wanted], benign]))


def _plain_alerts(
    replay: Replay, kept: NDArray[np.int64], attacks: int, of: int, draw: np.random.Generator
) -> int:
    """Alerts of the best plain detector at this site, where all benign units are.

    It may find other attacks than ours did, so those that ours did not find are thinned as much as
    those that it found.
    """
    benign = np.flatnonzero(~replay.positive)
    found = replay.alerts[kept][replay.truth[kept]]
    others = draw.permutation(np.setdiff1d(np.flatnonzero(replay.positive), replay.alerts))
    units = np.concatenate([benign, found, others[: round(len(others) * attacks / of)]])
    scores = {name: each[units] for name, each in replay.plain.items()}
    return plain(scores, replay.positive[units], attacks)["alerts"]


def totals(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Over all datasets, by site and way: the mean, lowest and highest of the seeds."""
    grouped: dict[tuple[float, float, str], list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        for site in row["sites"]:
            grouped[site["noise"], site["share"], site["thinned"]].append(site)
    found: list[dict[str, Any]] = []
    for (noise, share, thinned), each in grouped.items():
        summed = {
            name: np.sum([site[name] for site in each], axis=0)
            for name in each[0]
            if name not in ("noise", "share", "thinned")
        }
        for way in WAYS:
            items, lost = summed[f"{way}.items"], summed[f"{way}.lost"]
            figures = {
                "alerts": summed["alerts"],
                "attacks": summed["attacks"],
                "patterns": summed["patterns"],
                "items": items,
                "less_than_every_alert": 1 - items / summed["alerts"],
                "less_than_identical": 1 - items / summed["identical"],
                "less_than_plain": 1 - items / summed["plain"],
                "lost_share_of_attacks": lost / summed["attacks"],
                "lost_share_of_attack_patterns": summed[f"{way}.missed"]
                / summed["attack_patterns"],
                "lost_share_by_score": summed[f"{way}.lost_by_score"] / summed["attacks"],
                "blamed": summed[f"{way}.blamed"],
            }
            found.append(
                {"noise": noise, "share": share, "thinned": thinned, "way": way}
                | {"datasets": len(each)}
                | {name: _spread(values) for name, values in figures.items()}
            )
    return found


def _spread(values: NDArray[np.float64]) -> dict[str, float]:
    return {
        "mean": round(float(values.mean()), 4),
        "lowest": round(float(values.min()), 4),
        "highest": round(float(values.max()), 4),
    }
