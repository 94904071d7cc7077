"""What is particular to the families of texts: n-grams, convolutions, baselines."""

from collections import Counter

import numpy as np
import onnx
import pyarrow as pa
import pytest
import torch
from detector_examples import texts
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from detectors.evaluation.text_baselines import text_baselines
from detectors.interface import Examples, GraphModel, Training
from detectors.networks.text_ngrams_graph import BUCKETS, MULTIPLIER
from detectors.text_cnn import TextCnn
from detectors.text_examples import random_texts
from detectors.text_ngrams import TextNgrams
from whetstone.catalog.catalog_pb2 import TextCnn as CnnParameters
from whetstone.catalog.catalog_pb2 import TextNgrams as NgramParameters
from whetstone.errors import TrainingError
from whetstone.scoring.encoding.texts import Texts

BENIGN = ("anna", "bert77", "karl-heinz", "7 rue de paris", "x", "", "münchen", "QWERTZ") * 6
ATTACKS = ("' or 1=1 --", "<script>alert(1)</script>", "../../etc/passwd", "1; drop table t") * 6
SNOWMAN = "\N{SNOWMAN}"


def labelled(benign: tuple[str, ...] = BENIGN, attacks: tuple[str, ...] = ATTACKS) -> Examples:
    positive = np.arange(len(benign) + len(attacks)) >= len(benign)
    return Examples(units(*benign, *attacks), positive)


def units(*values: str | None) -> pa.Table:
    return pa.table({"value": pa.array(values, pa.string())})


def ngram_model(examples: Examples | None = None, **parameters: float) -> GraphModel:
    return TextNgrams(NgramParameters(**parameters)).fit(examples or labelled(), Training(0))


def cnn_family() -> TextCnn:
    return TextCnn(CnnParameters(channels=8, epochs=12, learning_rate=0.02))


@pytest.fixture(scope="module")
def ngrams() -> GraphModel:
    return ngram_model(longest=4)


@pytest.fixture(scope="module")
def cnn() -> GraphModel:
    return cnn_family().fit(texts(400, 0), Training(1))


@pytest.fixture(params=["ngrams", "cnn"])
def model(request: pytest.FixtureRequest) -> GraphModel:
    return request.getfixturevalue(request.param)


def test_log_odds_are_those_of_ngrams_counted_in_plain_python() -> None:
    examples, asked = labelled(), [*BENIGN[:8], *ATTACKS[:4], "anna' or 1=1", "anna" * 30]
    given = examples.units["value"].to_pylist()
    columns: dict[str, int] = {}

    def counted(values: list[str]) -> np.ndarray:
        rows = [Counter(ngram_strings(text, 2, 4)) for text in values]
        for row in rows:
            for ngram in row:
                columns.setdefault(ngram, len(columns))
        matrix = np.zeros((len(rows), 5000))
        for at, (row, text) in enumerate(zip(rows, values, strict=True)):
            for ngram, count in row.items():
                matrix[at, columns[ngram]] = count / np.sqrt(len(text) + 2)
        return matrix

    reference = LogisticRegression(
        C=2.0, class_weight="balanced", solver="liblinear", tol=1e-8, max_iter=1000
    ).fit(counted(given), examples.positive)
    found = ngram_model(shortest=2, longest=4, c=2.0).score(units(*asked))
    np.testing.assert_allclose(found, reference.decision_function(counted(asked)), atol=5e-3)


def ngram_strings(text: str, shortest: int, longest: int) -> list[str]:
    """The marks are characters that no text here has."""
    marked = f"^{text}$"
    return [
        marked[at : at + n]
        for n in range(shortest, longest + 1)
        for at in range(len(marked) - n + 1)
    ]


@pytest.mark.parametrize(("shortest", "longest"), [(1, 1), (1, 3), (4, 4), (2, 8)])
def test_score_and_parts_are_sums_of_the_weights_at_the_documented_hashes(
    shortest: int, longest: int
) -> None:
    model = ngram_model(shortest=shortest, longest=longest)
    asked = units("anna' or 1=1 --", "", "a", "-- ", SNOWMAN * 2, "../" * 40)
    scores, tensors = model.score(asked), model.scorer.encode(asked)
    parts = model.scorer.parts(tensors)
    for number, text in enumerate(asked["value"].to_pylist()):
        score, shares = by_hand(model, text, shortest, longest)
        assert scores[number] == pytest.approx(score, abs=1e-4)
        np.testing.assert_allclose(parts.unit(number), shares, atol=1e-4)


def by_hand(model: GraphModel, text: str, shortest: int, longest: int) -> tuple[float, list[float]]:
    """Score and parts from nothing but the graph's weights and the documentation."""
    constants = {
        tensor.name: onnx.numpy_helper.to_array(tensor)
        for tensor in onnx.load_from_string(model.export()).graph.initializer
    }
    encoding = model.scorer.inputs[0].encoding
    assert isinstance(encoding, Texts)
    ids = {character: at for at, character in enumerate(encoding.vocabulary, 2)}
    marked = [encoding.ids, *(ids.get(character, 1) for character in text), 0]
    shares = np.zeros(len(marked))
    for n in range(shortest, longest + 1):
        for at in range(len(marked) - n + 1):
            bucket = 0
            for character in marked[at : at + n]:
                bucket = (bucket * MULTIPLIER + character) % BUCKETS
            shares[at : at + n] += constants["weights"][bucket] / n
    shares /= np.sqrt(len(marked))
    return float(shares.sum() + constants["intercept"]), list(shares[1:-1])


def test_the_graph_of_convolutions_scores_as_the_network_does(cnn: GraphModel) -> None:
    given, asked = texts(400, 0), texts(60, 5)
    encoding = cnn.scorer.inputs[0].encoding
    assert isinstance(encoding, Texts)
    network = cnn_family().fit_network(given, encoding, Training(1))
    found = cnn.score(asked.units)
    for number in range(len(asked)):
        ids = torch.from_numpy(encoding.encode(asked.units.slice(number, 1)).values)[None]
        expected = network(ids, torch.tensor([ids.shape[1]])).item()
        assert found[number] == pytest.approx(expected, abs=1e-4)


def test_characters_that_training_never_saw_are_all_the_same(model: GraphModel) -> None:
    unknown = units("\N{GRINNING FACE}", SNOWMAN, "\U0010ffff", "\x07")
    assert len(set(model.score(unknown))) == 1


def test_a_missing_text_scores_as_an_empty_one(model: GraphModel) -> None:
    missing, empty = model.score(units(None, ""))
    assert missing == empty


@pytest.mark.parametrize(
    "family",
    [
        TextNgrams(NgramParameters(max_length=20)),
        TextCnn(CnnParameters(max_length=20, channels=4, epochs=1)),
    ],
)
def test_what_is_beyond_the_longest_text_is_not_looked_at(family: TextNgrams | TextCnn) -> None:
    model = family.fit(texts(80, 0), Training(0))
    cut, long = model.score(units("a" * 20, "a" * 20 + "' or 1=1 --" * 9000))
    assert cut == long


def test_an_explanation_marks_the_injected_part(model: GraphModel) -> None:
    (explained,) = model.explain(units("gustav41' or 1=1 --"))
    raising = [c for c in explained if c.contribution > 0][:5]
    assert min(c.position for c in raising if c.position is not None) >= len("gustav41")
    assert {c.feature for c in explained} == {"value"}
    shown = {c.position: c.value for c in explained}
    assert "".join(str(shown[at]) for at in sorted(shown)) == "gustav41' or 1=1 --"


def test_upper_case_hides_nothing_where_cases_are_folded() -> None:
    folded, kept = ngram_model(fold_case=True), ngram_model()
    attacks = units("<script>alert(1)</script>", "<SCRIPT>aLERT(1)</SCRIPT>")
    first, second = folded.score(attacks)
    assert first == second
    assert np.ptp(kept.score(attacks)) > 0


def test_random_strings_make_unknown_kinds_of_attack_stand_out() -> None:
    rng = np.random.default_rng(3)
    syllables = np.array(["ber", "lin", "ma", "ri", "o", "ka", "ten", "son", "el", "da"])
    benign = tuple("".join(rng.choice(syllables, rng.integers(2, 6))) for _ in range(300))
    digits = tuple("".join(rng.choice(list("0123456789"), 12)) for _ in range(100))
    letters = ["".join(rng.choice(list("abdeiklmnorst"), 12)) for _ in range(200)]
    asked, positive = units(*benign[200:], *letters), np.arange(300) >= 100
    learned = labelled(benign[:200], digits)
    without, with_random = (
        roc_auc_score(positive, ngram_model(learned, random_strings=share).score(asked))
        for share in (0, 2)
    )
    assert with_random > 0.97 > without


def test_random_strings_join_texts_of_which_none_may_be_missing() -> None:
    given = labelled()
    complete = pa.schema([pa.field(given.names[0], pa.string(), nullable=False)])
    same = Examples(given.units.cast(complete), given.positive)
    graphs = [ngram_model(examples, random_strings=0.5).export() for examples in (given, same)]
    assert graphs[0] == graphs[1]


def test_random_strings_are_of_characters_that_occur_and_repeat_by_seed() -> None:
    given = pa.chunked_array([["abc-7", None, "", "münchen"]])
    made = random_texts(given, 50, 1)
    assert made == random_texts(given, 50, 1) != random_texts(given, 50, 2)
    assert set("".join(made)) <= set("abc7munhe")
    assert {len(text) for text in made} == {6, 7}
    assert random_texts(pa.chunked_array([["---"]]), 2, 0) == ["", ""]


@pytest.mark.parametrize(("shortest", "longest"), [(3, 2), (1, 9)])
def test_impossible_lengths_of_ngrams_are_refused(shortest: int, longest: int) -> None:
    with pytest.raises(TrainingError, match="shortest <= longest, from 1 to 8"):
        ngram_model(shortest=shortest, longest=longest)


@pytest.mark.parametrize("family", [TextNgrams(NgramParameters()), TextCnn(CnnParameters())])
@pytest.mark.parametrize("columns", [{"a": ["x"], "b": ["y"]}, {"a": [1]}])
def test_other_features_than_one_text_are_refused(
    family: TextNgrams | TextCnn, columns: dict[str, list[object]]
) -> None:
    with pytest.raises(TrainingError, match="learns from one text"):
        family.fit(Examples(pa.table(columns), np.array([True])), Training(0))


def test_baselines_of_texts_are_what_their_names_say() -> None:
    benign = Examples(units("abab", "abc", "bad"), np.array([False, False, True]))
    found = text_baselines(benign, Examples(units("abc", "abzz", "", "ababab", None), None))
    np.testing.assert_array_equal(found["length"], [3, 4, 0, 6, 0])
    np.testing.assert_array_equal(found["length_range"], [0, 0, 3, 2, 3])
    np.testing.assert_allclose(found["unseen_characters"], [0, 1 / 2, 0, 0, 0])
    np.testing.assert_allclose(found["unseen_trigrams"], [0, 3 / 4, 0, 0, 0])
    np.testing.assert_allclose(found["entropy"], [np.log2(3), 1.5, 0, 1, 0])
