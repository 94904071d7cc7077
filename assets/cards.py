"""How training results are shown: the model card, and the metadata of an evaluation."""

from typing import Any

import dagster as dg

from whetstone.catalog.catalog_pb2 import Detector
from whetstone.scoring.calibration import CALIBRATION, Calibration

_MANY_UNITS = 1_000_000


def shown(facts: dict[str, Any]) -> dict[str, Any]:
    """What the evaluation asset shows: figures that Dagster plots, gate, baselines."""
    test = facts["metrics"]["test"]
    plots = {
        name: float(test[name])
        for name in ("average_precision", "precision", "recall", "f1", "auc")
        if test[name] is not None
    }
    return {
        **plots,
        "dagster/row_count": test["n"],
        "positives": test["positives"],
        "gate": facts["gate"],
        "gate_reasons": dg.MetadataValue.md(bullets(facts["reasons"])),
        "beside_baselines": dg.MetadataValue.md(_comparison(facts)),
    }


def _comparison(facts: dict[str, Any]) -> str:
    measures = ("average_precision", "precision", "recall", "f1")
    rows = {"**this model**": facts["metrics"]["test"], **facts["baselines"]}
    lines = ["| scorer | " + " | ".join(measures) + " |", "|---" * (len(measures) + 1) + "|"]
    for name, metrics in rows.items():
        cells = ["–" if metrics[m] is None else f"{metrics[m]:.3f}" for m in measures]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def bullets(reasons: list[str]) -> str:
    """Reasons as a Markdown list."""
    return "\n".join(f"- {reason}" for reason in reasons)


def model_card(detector: Detector, facts: dict[str, Any]) -> str:
    """The card in a bundle: what it was trained on, how good it is, what it costs."""
    test = facts["metrics"]["test"]
    compared = _comparison({"metrics": facts["metrics"], "baselines": facts["baselines"]})
    return (
        f"# {detector.display_name}\n\n{detector.description}\n\n"
        f"Trained on {facts['counts']['train']['n']} examples of `{detector.golden_dataset}`,"
        f" judged on {test['n']} held-out examples ({test['positives']} positive)."
        f" Scores from {facts['threshold']:.6g} on are alerts. {_expected(facts)}\n\n{compared}\n\n"
        f"{facts['duplicate_share']:.1%} of the test examples have feature values that also occur"
        " in training.\n"
    )


def _expected(facts: dict[str, Any]) -> str:
    """What the threshold costs in alerts, from benign validation examples."""
    calibration = Calibration.from_dict(facts[CALIBRATION])
    expected = calibration.a_day(facts["threshold"], _MANY_UNITS)
    return (
        f"At {_MANY_UNITS:,} benign units a day: {expected} false alerts a day, as"
        f" {calibration.n:,} benign validation examples tell."
    )
