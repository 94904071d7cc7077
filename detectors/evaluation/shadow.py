"""What a challenger said of live traffic while the champion served: alerts of both, compared. Pure.

Neither model's silence is recorded, so traffic without alerts counts in neither.
"""

from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Any

from scipy.special import bdtrc

from detectors.evaluation.budget import clopper_pearson
from detectors.evaluation.mcnemar import SIGNIFICANCE, McNemar, exact_p

MOST_ALERTS = 3.0
"""So many times the champion's alerts are too many."""


@dataclass(frozen=True)
class ShadowAlerts:
    """Alerts of both models on the same traffic.

    Attributes:
        challenger: ids of its alerts.
        champion: ids of its alerts in the same environments on the same days.
        verdicts: whether an alert, by its id, was an attack; of any alert of that traffic.
        environments: names of the environments.
        days: how many days of an environment were compared.
    """

    challenger: Set[str]
    champion: Set[str]
    verdicts: Mapping[str, bool]
    environments: tuple[str, ...]
    days: int


@dataclass(frozen=True)
class ShadowResult:
    """What the comparison says: whether the challenger is refused, why, and the numbers."""

    refused: bool
    reasons: list[str]
    numbers: dict[str, Any]


def judge_shadow(alerts: ShadowAlerts) -> ShadowResult:
    """Compare both models' alerts on the same traffic.

    The challenger is refused

    - where it alerts more than three times as often as the champion, beyond chance: of all alerts
      of both, its share lies above 3 / 4 by the exact binomial test. Alerts that analysts called
      attacks do not count against it.
    - where verdicts speak against it: McNemar's exact test of the judged units, of which a model
      judges one rightly that alerts on it if, and only if, it is an attack.
    """
    right = {i for i in alerts.challenger if alerts.verdicts.get(i)}
    asked, served = len(alerts.challenger - right), len(alerts.champion)
    share = MOST_ALERTS / (1 + MOST_ALERTS)
    too_many = float(bdtrc(asked - 1, asked + served, share)) if asked else 1.0
    test = _judged(alerts)
    noisy, wrong = too_many < SIGNIFICANCE, test.worse(0.0)
    both = len(alerts.challenger & alerts.champion)
    either = len(alerts.challenger | alerts.champion)
    numbers: dict[str, Any] = {
        "environments": list(alerts.environments),
        "days": alerts.days,
        "alerts": {"challenger": len(alerts.challenger), "champion": served, "both": both},
        "disagreement": (either - both) / either if either else 0.0,
        "ratio": _ratio(len(alerts.challenger), served),
        "p_too_many": too_many,
        "verdicts": {**test.to_dict(), "found": len(right)},
    }
    where = f"{', '.join(alerts.environments)} ({alerts.days} days of environments)"
    reasons = [
        f"In shadow in {where} the challenger raised {len(alerts.challenger)} alerts, the champion"
        f" {served}, both {both}: {'' if noisy else 'not '}more than {MOST_ALERTS:g} times as many"
        f" beyond chance (p {too_many:.3g})",
        f"Of {test.n} judged alerts of that traffic, champion alone right on {test.b}, challenger"
        f" alone on {test.c} (p {test.p:.3g}): {'' if wrong else 'not '}worse beyond chance",
    ]
    return ShadowResult(noisy or wrong, reasons, numbers)


def _judged(alerts: ShadowAlerts) -> McNemar:
    b = c = 0
    for identity, attack in alerts.verdicts.items():
        challenger = (identity in alerts.challenger) == attack
        champion = (identity in alerts.champion) == attack
        b += champion and not challenger
        c += challenger and not champion
    n = len(alerts.verdicts)
    return McNemar(n, b, c, exact_p(b, c), (b - c) / n if n else 0.0)


def _ratio(challenger: int, champion: int) -> dict[str, float | None]:
    """Alerts of the challenger to one of the champion, with the exact 95 % interval."""
    if not challenger + champion:
        return {"value": None, "low": None, "high": None}
    low, high = clopper_pearson(challenger, challenger + champion)
    return {
        "value": challenger / champion if champion else None,
        "low": low / (1 - low),
        "high": high / (1 - high) if high < 1 else None,
    }
