"""Histogram gradient boosting: supervised, the score is the probability of an attack."""

import numpy as np
from numpy.typing import NDArray
from onnx import helper
from sklearn.ensemble import HistGradientBoostingClassifier

from detectors.graphs import assemble, squeeze
from detectors.interface import Examples, GraphModel, Training
from detectors.tabular import Matrix
from detectors.trees import Tree, sum_of_trees
from whetstone.catalog import catalog_pb2
from whetstone.scoring.onnx import INPUT, OUTPUT, GraphInput

NAME = "gradient_boosting"


class GradientBoosting:
    """Gradient boosting over binned features, both classes given equal weight.

    Missing values are a value of their own. Default: 200 iterations at learning rate 0.1, trees of
    31 leaves with at least 5 examples each. That is less than scikit-learn's 20, because attacks
    are few and come in kinds: of 49 anomalous HDFS sessions, trees with leaves of 20 learn next to
    nothing (average precision on their own training examples 0.10, with 5 it is 0.93). There is no
    early stopping, so the parameters alone say how long it learns. Cost: O(n d) an iteration.

    References:
        Ke et al., LightGBM: A Highly Efficient Gradient Boosting Decision Tree, NIPS 2017.
    """

    def __init__(self, parameters: catalog_pb2.GradientBoosting) -> None:
        self._parameters = parameters

    def fit(self, examples: Examples, training: Training) -> GraphModel:
        """See `Family.fit`; trains afresh."""
        given = Matrix.of(examples)
        fitted = self.fit_classifier(given, training.seed)
        graph = assemble(
            NAME,
            [GraphInput(given.encoding)],
            [
                sum_of_trees(
                    [_tree(predictor.nodes) for (predictor,) in fitted._predictors],
                    base=np.asarray(fitted._baseline_prediction).item(),
                    source=INPUT,
                    output="log_odds",
                ),
                helper.make_node("Sigmoid", ["log_odds"], ["probability"]),
                squeeze("probability", OUTPUT),
            ],
            {},
            baselines=given.usual(),
        )
        return GraphModel(graph)

    def fit_classifier(self, examples: Matrix, seed: int) -> HistGradientBoostingClassifier:
        """The scikit-learn model before it becomes a graph.

        Raises:
            TrainingError: no positive or no benign examples.
        """
        positive = examples.labels("Gradient boosting")
        given = self._parameters
        return HistGradientBoostingClassifier(
            max_iter=given.iterations or 200,
            learning_rate=given.learning_rate or 0.1,
            max_leaf_nodes=given.max_leaf_nodes or 31,
            min_samples_leaf=given.min_samples_leaf or 5,
            l2_regularization=given.l2_regularization,
            class_weight="balanced",
            early_stopping=False,  # pyright: ignore[reportArgumentType]
            random_state=seed,
        ).fit(_binnable(examples.features), positive)


def _binnable(features: NDArray[np.float32]) -> NDArray[np.float32]:
    """What scikit-learn can sort into bins: finite or missing, no column all missing.

    A column without any value becomes a constant, which no tree looks at.
    """
    finite = np.nan_to_num(features, nan=np.nan)
    return np.where(np.isnan(finite).all(axis=0), np.float32(0), finite)


def _tree(nodes: NDArray[np.void]) -> Tree:
    return Tree(
        feature=nodes["feature_idx"],
        threshold=nodes["num_threshold"],
        left=nodes["left"],
        right=nodes["right"],
        leaf=nodes["is_leaf"].astype(bool),
        value=nodes["value"],
        missing_left=nodes["missing_go_to_left"].astype(bool),
    )
