"""Mahalanobis distance to benign units, with a shrunk covariance: the score is its square."""

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper
from sklearn.covariance import LedoitWolf

from detectors.graphs import assemble
from detectors.interface import Examples, GraphModel, Training
from detectors.scaling import LogScale
from detectors.tabular import Matrix
from whetstone.catalog import catalog_pb2
from whetstone.errors import TrainingError
from whetstone.scoring.onnx import OUTPUT, GraphInput

NAME = "mahalanobis"

_LEAST_VARIANCE = 1e-6  # of logarithms; a covariance of constants alone has no inverse


class Mahalanobis:
    """Squared Mahalanobis distance, on a logarithmic scale, to the mean of the benign examples.

    The covariance is shrunk towards a multiple of the identity (Ledoit, Wolf), so it has an inverse
    even where features never vary, or say the same thing; what breaks such a rule gets a high
    score. There is nothing to choose. Cost: O(n d^2 + d^3) to fit, O(d^2) a score.

    It stands here in place of a one-class SVM, which is not worse everywhere. Compared without test
    units, the SVM with eight settings (kernel widths from scikit-learn's default to a 64th of its
    square, two shares of outliers): on NSL-KDD, mean AUC over attack types in three held-out
    fifths of the training file, 0.969 against 0.915 to 0.993, and recall at 5 % false positives
    0.758 against 0.785 to 0.973; on HDFS counts, average precision in three random halves, 1.000
    against at most 0.9998, 0.997, 0.9997. The narrow kernels that win on NSL-KDD find what
    `nearest_neighbours` finds (0.993; 0.967), so that is the family to choose there; this one adds
    what they do not have: rules between features, nothing to tune, a score of O(d^2).

    References:
        Ledoit, Wolf, A Well-Conditioned Estimator for Large-Dimensional Covariance Matrices,
        Journal of Multivariate Analysis 88 (2), 2004.
    """

    def __init__(self, parameters: catalog_pb2.Mahalanobis) -> None:
        self._parameters = parameters

    def fit(self, examples: Examples, training: Training) -> GraphModel:
        """See `Family.fit`; nothing is random, and it trains afresh.

        Raises:
            TrainingError: fewer than two benign examples.
        """
        benign = examples.benign()
        if len(benign) < 2:
            raise TrainingError(
                "A Mahalanobis distance needs benign training examples and there are "
                f"{len(benign)}: contribute a sample of benign activity"
            )
        given = Matrix.of(benign)
        scale = LogScale.of(given)
        node = helper.make_node
        graph = assemble(
            NAME,
            [GraphInput(given.encoding)],
            [
                *scale.nodes("scaled"),
                node("MatMul", ["scaled", "whitening"], ["white"]),
                node("ReduceSumSquare", ["white"], ["squared"], axes=[1], keepdims=0),
                node("Cast", ["squared"], [OUTPUT], to=TensorProto.FLOAT),
            ],
            {**scale.constants(), "whitening": _whitening(scale.apply(given.features))},
            baselines=given.usual(),
        )
        return GraphModel(graph)


def _whitening(centred: NDArray[np.float64]) -> NDArray[np.float64]:
    """The (d, d) matrix that makes the covariance of rows (n, d) the identity, lower triangular."""
    covariance = LedoitWolf(assume_centered=True).fit(centred).covariance_
    covariance.flat[:: len(covariance) + 1] += _LEAST_VARIANCE
    return np.linalg.cholesky(np.linalg.inv(covariance))
