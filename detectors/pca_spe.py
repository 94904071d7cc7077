"""Squared prediction error outside the principal subspace: learns what benign units share."""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper
from scipy.stats import chi2

from detectors.graphs import assemble
from detectors.interface import Examples, GraphModel, Training
from detectors.scaling import LogScale
from detectors.tabular import Matrix
from whetstone.catalog import catalog_pb2
from whetstone.errors import TrainingError
from whetstone.scoring.onnx import OUTPUT, GraphInput

NAME = "pca_spe"

_MORE_THAN_ROUNDING = 1e-6  # squared, of logarithms of counts; one event in a thousand is as much
_ROUNDING = 1e-12  # a share of variance below this is what float64 leaves of zero


class PcaSpe:
    """PCA on benign examples; the score is what it leaves unexplained.

    Features are first put on a logarithmic scale (`LogScale`). Scalings were compared on labelled
    HDFS sessions and NSL-KDD, so results on those two flatter this one (HDFS: average precision
    0.83 with full standardization, 1.0 without). A feature that was constant in training lies
    wholly outside the subspace, so any change of it raises the score.

    Missing values become the benign median. Default: the subspace explains 0.95 of the variance.
    Cost: O(n d^2 + d^3) to fit, O(d^2) a score.

    References:
        Xu et al., Detecting Large-Scale System Problems by Mining Console Logs, SOSP 2009.
        Jackson, Mudholkar, Control Procedures for Residuals Associated with Principal Component
        Analysis, Technometrics 21 (3), 1979.
    """

    def __init__(self, parameters: catalog_pb2.PcaSpe) -> None:
        self._parameters = parameters

    def fit(self, examples: Examples, training: Training) -> "PcaSpeModel":
        """See `Family.fit`; nothing is random, and it trains afresh."""
        given = Matrix.of(examples.benign())
        subspace = fit_subspace(given, self._parameters.explained_variance or 0.95)
        node = helper.make_node
        graph = assemble(
            NAME,
            [GraphInput(given.encoding)],
            [
                *subspace.scale.nodes("scaled"),
                node("MatMul", ["scaled", "residual"], ["outside"]),
                node("ReduceSumSquare", ["outside"], ["error"], axes=[1], keepdims=0),
                node("Cast", ["error"], [OUTPUT], to=TensorProto.FLOAT),
            ],
            {**subspace.scale.constants(), "residual": subspace.residual},
            baselines=given.usual(),
        )
        return PcaSpeModel(graph, subspace.residual_variances)


class PcaSpeModel(GraphModel):
    """The graph, and the threshold that follows from the variances outside the subspace."""

    def __init__(self, graph: bytes, residual_variances: NDArray[np.float64]) -> None:
        super().__init__(graph)
        self._residual_variances = residual_variances

    def threshold(self, significance: float) -> float:
        """The Q statistic of Jackson and Mudholkar (1979).

        Where it has no real value, that of Box (1954); where the benign examples leave nothing
        outside the subspace, the least that is more than rounding.

        Raises:
            TrainingError: the significance is not between 0 and 1.
        """
        if not 0 < significance < 1:
            raise TrainingError(f"A significance lies between 0 and 1, not at {significance}")
        return _q_statistic(self._residual_variances, significance)


@dataclass(frozen=True, eq=False)
class Subspace:
    """What PCA learned from benign examples of d features.

    Attributes:
        scale: on which it sees the features.
        residual: (d, r) orthonormal basis of what lies outside the principal subspace.
        residual_variances: (r,) of the benign examples along that basis.
    """

    scale: LogScale
    residual: NDArray[np.float64]
    residual_variances: NDArray[np.float64]


def fit_subspace(examples: Matrix, explained_variance: float) -> Subspace:
    """Fit PCA on the benign examples.

    Raises:
        TrainingError: fewer than two benign examples, or an impossible share of variance.
    """
    if not 0 < explained_variance < 1:
        raise TrainingError(
            f"explained_variance is a share between 0 and 1, not {explained_variance}"
        )
    benign = examples.benign()
    if len(benign) < 2:
        raise TrainingError(
            f"PCA needs benign training examples and there are {len(benign)}: "
            "contribute a sample of benign activity"
        )
    scale = LogScale.of(benign)
    scaled = scale.apply(benign.features)
    ascending, basis = np.linalg.eigh(scaled.T @ scaled / (len(benign) - 1))
    variances, basis = ascending[::-1], basis[:, ::-1]
    variances = np.where(variances > _ROUNDING * variances[0], variances, 0.0)
    # The fewest directions that explain enough; one at least stays outside, or nothing could
    # ever be told apart.
    explained = np.cumsum(variances) >= explained_variance * variances.sum()
    principal = min(int(np.argmax(explained)) + 1, len(variances) - 1) if variances.any() else 0
    return Subspace(scale, basis[:, principal:], variances[principal:])


def _q_statistic(variances: NDArray[np.float64], significance: float) -> float:
    theta1, theta2, theta3 = (float((variances**power).sum()) for power in (1, 2, 3))
    if theta1 > 0:
        power = 1 - 2 * theta1 * theta3 / (3 * theta2**2)
        deviate = NormalDist().inv_cdf(1 - significance)
        base = (
            deviate * power * (2 * theta2) ** 0.5 / theta1
            + 1
            + theta2 * power * (power - 1) / theta1**2
        )
        if power > 0 and base > 0:
            return theta1 * base ** (1 / power)
        # Few directions of very unequal variance: the approximation of Jackson and Mudholkar has
        # no real solution there. That of Box (1954), g times chi-square of h, always has.
        return theta2 / theta1 * float(chi2.isf(significance, theta1**2 / theta2))
    # The benign examples lie in the subspace exactly: what leaves it by more than rounding does not
    # follow their rules.
    return _MORE_THAN_ROUNDING
