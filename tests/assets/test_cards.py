"""What a model card tells people who decide about a detector."""

import numpy as np

from assets.cards import model_card
from detectors.evaluation.calibration import calibrate
from detectors.evaluation.metrics import evaluate
from whetstone.catalog.catalog_pb2 import Detector


def test_the_card_says_how_good_it_is_beside_baselines_and_what_it_costs_in_alerts() -> None:
    scores, positive = np.array([0.1, 0.2, 0.9, 0.8]), np.array([False, False, True, False])
    judged = evaluate(scores, positive, threshold=0.8, seed=1).to_dict()
    card = model_card(
        Detector(display_name="Guessing", description="Who guesses.", golden_dataset="guesses"),
        {
            "metrics": {"test": judged},
            "baselines": {"nearest_benign": judged},
            "counts": {"train": {"n": 70}},
            "threshold": 0.9495,
            "duplicate_share": 0.25,
            "calibration": calibrate(np.linspace(0, 1, 1_001)).to_dict(),
        },
    )
    for part in ("# Guessing", "70 examples of `guesses`", "4 held-out examples (1 positive)"):
        assert part in card
    assert "| nearest_benign | 1.000 | 0.500 | 1.000 | 0.667 |" in card
    assert "25.0% of the test examples" in card
    # 51 of 1,001 benign units reach the threshold.
    assert "At 1,000,000 benign units a day: 51,400 [39,000 – 66,400] false alerts a day" in card
