"""Random forest: supervised, the score is the share of trees that see an attack."""

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier
from sklearn.tree import DecisionTreeClassifier

from detectors.graphs import assemble, squeeze
from detectors.interface import Examples, GraphModel, Training
from detectors.tabular import Matrix
from detectors.trees import Tree, sum_of_trees
from whetstone.catalog import catalog_pb2
from whetstone.scoring.onnx import INPUT, OUTPUT, GraphInput

NAME = "random_forest"


class RandomForest:
    """A random forest, both classes given equal weight.

    Steadier than gradient boosting where labels are few or partly wrong: each tree sees its own
    resample of the examples, and each leaf votes with the share of attacks in it. Missing values
    are a value of their own. Default: 100 trees, grown until leaves are pure. Deep trees score
    slowly; `max_depth` bounds them. Cost: O(trees d n log n) to fit, O(trees depth) a score.

    References:
        Breiman, Random Forests, Machine Learning 45 (1), 2001.
    """

    def __init__(self, parameters: catalog_pb2.RandomForest) -> None:
        self._parameters = parameters

    def fit(self, examples: Examples, training: Training) -> GraphModel:
        """See `Family.fit`; trains afresh.

        Raises:
            TrainingError: no positive or no benign examples.
        """
        given = Matrix.of(examples)
        forest = self.fit_forest(given, training.seed)
        count = len(forest.estimators_)
        graph = assemble(
            NAME,
            [GraphInput(given.encoding)],
            [
                sum_of_trees(
                    [_tree(estimator, count) for estimator in forest.estimators_],
                    base=0.0,
                    source=INPUT,
                    output="share",
                ),
                squeeze("share", OUTPUT),
            ],
            {},
            baselines=given.usual(),
        )
        return GraphModel(graph)

    def fit_forest(self, examples: Matrix, seed: int) -> RandomForestClassifier:
        """The scikit-learn model before it becomes a graph.

        Raises:
            TrainingError: no positive or no benign examples.
        """
        positive = examples.labels("A random forest")
        given = self._parameters
        return RandomForestClassifier(
            n_estimators=given.trees or 100,
            max_depth=given.max_depth or None,
            min_samples_leaf=given.min_samples_leaf or 1,
            class_weight="balanced",
            random_state=seed,
        ).fit(_finite_or_missing(examples.features), positive)


def _finite_or_missing(features: NDArray[np.float32]) -> NDArray[np.float32]:
    """What scikit-learn takes: infinite becomes the largest float32."""
    return np.nan_to_num(features, nan=np.nan)


def _tree(estimator: DecisionTreeClassifier, count: int) -> Tree:
    """A tree whose leaves hold the share of attacks, over the number of trees."""
    tree = estimator.tree_
    weights = tree.value[:, 0, :]
    return Tree(
        feature=tree.feature,
        threshold=tree.threshold,
        left=tree.children_left,
        right=tree.children_right,
        leaf=tree.children_left < 0,
        value=weights[:, 1] / weights.sum(axis=1) / count,
        missing_left=tree.missing_go_to_left.astype(bool),
    )
