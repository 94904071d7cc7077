"""Logistic regression: supervised, the score is the probability of an attack."""

import numpy as np
from onnx import TensorProto, helper
from sklearn.linear_model import LogisticRegression as SklearnRegression

from detectors.graphs import assemble, squeeze
from detectors.interface import Examples, GraphModel, Training
from detectors.scaling import LogScale
from detectors.tabular import Matrix
from whetstone.catalog import catalog_pb2
from whetstone.scoring.onnx import OUTPUT, GraphInput

NAME = "logistic_regression"

_STEPS = 1000


class LogisticRegression:
    """Logistic regression on a logarithmic scale, both classes given equal weight.

    The fastest family and the easiest to read: each feature adds its weight to the log odds. It
    needs features that grow with the threat; where a threat lies between two values, choose trees.
    Missing values become the median. Default: `c`, the inverse of the L2 penalty, is 1. Cost:
    O(n d) a step.
    """

    def __init__(self, parameters: catalog_pb2.LogisticRegression) -> None:
        self._parameters = parameters

    def fit(self, examples: Examples, training: Training) -> GraphModel:
        """See `Family.fit`; nothing is random, and it trains afresh.

        Raises:
            TrainingError: no positive or no benign examples.
        """
        given = Matrix.of(examples)
        scale = LogScale.of(given)
        fitted = self.fit_regression(given, scale)
        node = helper.make_node
        graph = assemble(
            NAME,
            [GraphInput(given.encoding)],
            [
                *scale.nodes("scaled"),
                node("MatMul", ["scaled", "weights"], ["weighted"]),
                node("Add", ["weighted", "intercept"], ["log_odds"]),
                node("Sigmoid", ["log_odds"], ["probability"]),
                node("Cast", ["probability"], ["column"], to=TensorProto.FLOAT),
                squeeze("column", OUTPUT),
            ],
            {
                **scale.constants(),
                "weights": np.asarray(fitted.coef_, dtype=np.float64).reshape(-1, 1),
                "intercept": np.asarray(fitted.intercept_, dtype=np.float64),
            },
            baselines=given.usual(),
        )
        return GraphModel(graph)

    def fit_regression(self, examples: Matrix, scale: LogScale) -> SklearnRegression:
        """The scikit-learn model, of features on the scale, before it becomes a graph.

        Raises:
            TrainingError: no positive or no benign examples.
        """
        positive = examples.labels("Logistic regression")
        return SklearnRegression(
            C=self._parameters.c or 1.0,
            class_weight="balanced",
            max_iter=_STEPS,
        ).fit(scale.apply(examples.features), positive)
