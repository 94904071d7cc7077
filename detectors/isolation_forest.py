"""Isolation forest: learns from benign units only; what few random cuts set apart scores high."""

import numpy as np
from numpy.typing import NDArray
from onnx import helper
from sklearn.ensemble import IsolationForest as SklearnForest
from sklearn.tree import ExtraTreeRegressor

from detectors.graphs import assemble, impute, squeeze
from detectors.interface import Examples, GraphModel, Training
from detectors.tabular import Matrix
from detectors.trees import Tree, sum_of_trees
from whetstone.catalog import catalog_pb2
from whetstone.errors import TrainingError
from whetstone.scoring.onnx import OUTPUT, GraphInput

NAME = "isolation_forest"


class IsolationForest:
    """Isolation forest, fitted on benign examples; scores lie between 0 and 1.

    A leaf holds the length of the path to it, so a score is one sum over trees:
    2 ** (-sum / (trees * c)), where c is the mean path length of an unsuccessful search among
    `samples` values. Missing values become the benign median. A feature that is constant in
    training is never cut: changes of it alone go unseen (choose pca_spe where that matters).
    Default: 100 trees of 256 samples.

    References:
        Liu, Ting, Zhou, Isolation Forest, ICDM 2008.
    """

    def __init__(self, parameters: catalog_pb2.IsolationForest) -> None:
        self._parameters = parameters

    def fit(self, examples: Examples, training: Training) -> GraphModel:
        """See `Family.fit`; trains afresh."""
        given = Matrix.of(examples.benign())
        forest = self.fit_forest(given, training.seed)
        trees = [_tree(estimator) for estimator in forest.estimators_]
        scale = len(trees) * _mean_path_length(np.array([forest.max_samples_])).item()
        graph = assemble(
            NAME,
            [GraphInput(given.encoding)],
            [
                *impute("known"),
                sum_of_trees(trees, base=0.0, source="known", output="path_lengths"),
                helper.make_node("Mul", ["path_lengths", "per_length"], ["exponent"]),
                helper.make_node("Exp", ["exponent"], ["score_column"]),
                squeeze("score_column", OUTPUT),
            ],
            {
                "medians": np.nan_to_num(given.medians()),
                "per_length": np.array(-np.log(2) / scale, dtype=np.float32),
            },
            baselines=given.usual(),
        )
        return GraphModel(graph)

    def fit_forest(self, examples: Matrix, seed: int) -> SklearnForest:
        """The scikit-learn model before it becomes a graph; it knows no missing values.

        Raises:
            TrainingError: fewer than two benign examples.
        """
        benign = examples.benign()
        if len(benign) < 2:
            raise TrainingError(
                f"An isolation forest needs benign training examples and there are {len(benign)}: "
                "contribute a sample of benign activity"
            )
        medians = np.nan_to_num(benign.medians())
        known = np.where(np.isnan(benign.features), medians, benign.features)
        return SklearnForest(
            n_estimators=self._parameters.trees or 100,
            max_samples=min(  # pyright: ignore[reportArgumentType]
                self._parameters.samples or 256, len(benign)
            ),
            random_state=seed,
        ).fit(np.nan_to_num(known))  # infinite becomes the largest float32


def _tree(estimator: ExtraTreeRegressor) -> Tree:
    tree = estimator.tree_
    leaf = tree.children_left < 0
    return Tree(
        feature=tree.feature,
        threshold=tree.threshold,
        left=tree.children_left,
        right=tree.children_right,
        leaf=leaf,
        value=_depths(tree.children_left, tree.children_right, leaf)
        + _mean_path_length(tree.n_node_samples),
        missing_left=np.zeros(len(leaf), dtype=bool),
    )


def _depths(
    left: NDArray[np.integer], right: NDArray[np.integer], leaf: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """The number of cuts above each node; a node comes before its children."""
    depths = np.zeros(len(leaf))
    for node in np.flatnonzero(~leaf):
        depths[left[node]] = depths[right[node]] = depths[node] + 1
    return depths


def _mean_path_length(samples: NDArray[np.integer]) -> NDArray[np.float64]:
    """c(n) of the paper: the mean depth at which n values would still be told apart."""
    count = samples.astype(np.float64)
    safe = np.maximum(count, 3)
    long = 2 * (np.log(safe - 1) + np.euler_gamma) - 2 * (safe - 1) / safe
    return np.where(count > 2, long, np.where(count == 2, 1.0, 0.0))
