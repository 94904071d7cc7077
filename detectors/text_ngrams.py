"""A linear model of character n-grams: supervised, scores are the log odds of an attack."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression

from detectors.graphs import assemble
from detectors.interface import Examples, GraphModel, Training, both_classes
from detectors.networks.text_ngrams_graph import Windows, constants, nodes
from detectors.text_examples import random_texts, text_column
from whetstone.catalog import catalog_pb2
from whetstone.scoring.encoding.texts import Texts
from whetstone.scoring.onnx import GraphInput

NAME = "text_ngrams"

_STEPS = 1000
_TOLERANCE = 1e-5


class TextNgrams:
    """Logistic regression on the counts of character n-grams, both classes given equal weight.

    A text stands between a mark of its beginning and one of its end. Each run of `shortest` to
    `longest` characters, the marks among them, is hashed into one of `BUCKETS` weights; a text's
    score is the sum of the weights that it reaches, divided by the square root of its length, plus
    a constant. The root lies between what a short attack in a long text needs (no division) and
    what texts of different lengths need (a mean).

    The hash of characters c1 .. cn is ((c1 m + c2) m + ...) mod `BUCKETS`, with m `MULTIPLIER` and
    the ids of `Texts` as characters; equal in training and, of the same integers, in the graph. All
    characters that training never saw are one unknown character. Only the first `max_length`
    characters count: what is beyond is not looked at, however long the text.

    With `random_strings`, that many random strings for each benign text are learned as attacks too:
    so a string that no known attack made, but nobody would write, scores high.

    Defaults: 1 to 3 characters, `c` 10 (the inverse of the L2 penalty), 1,024 characters, case
    kept, no random strings. Cost: O(n-grams) a step of a dozen or so; a score costs about 7 ns a
    character and length of n-gram.

    References:
        Weinberger et al., Feature Hashing for Large Scale Multitask Learning, ICML 2009.
    """

    def __init__(self, parameters: catalog_pb2.TextNgrams) -> None:
        self._parameters = parameters

    def fit(self, examples: Examples, training: Training) -> GraphModel:
        """See `Family.fit`; trains afresh. The one feature is a text.

        Raises:
            TrainingError: no positive or no benign examples, other features than one text, or
                impossible lengths of n-grams.
        """
        given = self._parameters
        column = text_column(examples)
        examples = self._with_random(examples, column, training.seed)
        encoding = Texts.fitted(examples.units, column, given.max_length or 1024)
        if given.fold_case:
            encoding = _with_both_cases(encoding)
        windows = Windows.of(
            given.shortest or 1, given.longest or 3, encoding, fold_case=given.fold_case
        )
        training.say(f"counting n-grams of {len(examples)} texts")
        counts = windows.count(encoding.encode(examples.units))
        training.say(f"fitting {counts.nnz} n-grams")
        fitted = self.fit_regression(counts, examples)
        return GraphModel(
            assemble(
                NAME,
                [GraphInput(encoding)],
                nodes(windows),
                constants(windows, fitted.coef_[0], float(np.asarray(fitted.intercept_)[0])),
                parts=True,
            )
        )

    def fit_regression(self, counts: csr_matrix, examples: Examples) -> LogisticRegression:
        """The scikit-learn model of counted n-grams, before it becomes a graph.

        Raises:
            TrainingError: no positive or no benign examples.
        """
        return LogisticRegression(
            C=self._parameters.c or 10.0,
            class_weight="balanced",
            solver="liblinear",  # one thread and no random choice: equal on every machine
            tol=_TOLERANCE,
            max_iter=_STEPS,
        ).fit(counts, both_classes(examples.positive, "A model of n-grams"))

    def _with_random(self, examples: Examples, column: str, seed: int) -> Examples:
        benign = examples.benign()
        count = round(self._parameters.random_strings * len(benign))
        if not count:
            return examples
        positive = examples.positive
        known = np.zeros(len(examples), dtype=bool) if positive is None else positive
        written = examples.units.select([column])
        texts = pa.table({column: random_texts(written[column], count, seed)})
        return Examples(
            pa.concat_tables([written, texts.cast(written.schema)]),
            np.concatenate([known, np.ones(count, dtype=bool)]),
        )


def _with_both_cases(encoding: Texts) -> Texts:
    """One that knows each letter of its vocabulary in both cases, whichever training saw."""
    known = {form for c in encoding.vocabulary for form in (c, c.lower(), c.upper())}
    return replace(encoding, vocabulary=tuple(sorted(form for form in known if len(form) == 1)))
