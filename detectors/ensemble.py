"""Several models of the same units: their scores on one scale, fused, in one graph."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, compose, helper, numpy_helper

from detectors import family_of
from detectors.ensemble_tail import Tail
from detectors.graphs import assemble
from detectors.interface import Examples, GraphModel, Training
from whetstone.catalog import catalog_pb2
from whetstone.errors import InputError, TrainingError
from whetstone.scoring.onnx import MEMBERS, OUTPUT, PARTS, GraphInput, member_prefix

NAME = "ensemble"

_CALIBRATED_ON = 0.2  # share of the benign units
_FUSIONS = {
    catalog_pb2.MAX: "ReduceMax",
    catalog_pb2.SUM: "ReduceSum",
    catalog_pb2.MIN: "ReduceMin",
}


class Ensemble:
    """Members, each trained on its own features by its own family, whose surprises are fused.

    The surprise of a member is -log10 of the share of benign units that score as high, by the tail
    of benign scores (`Tail`): 2 says one benign unit in a hundred. So a member that is noisy says
    little, however large its numbers. The tail is that of a fifth of the benign units, scored by a
    model that was trained without them: units that a model knows would make it look too sure of
    itself. The member itself is then trained on all, hence each is trained twice.

    Fused by the largest surprise (default: one member is enough), by their sum (several weak
    suspicions add up) or by the smallest (all must agree, and one that knows the unit vetoes).
    The output `members` has each member's surprise; the one with the largest has fired, and the
    explanation is its own.

    References:
        Kriegel, Kroeger, Schubert, Zimek, Interpreting and Unifying Outlier Scores, SDM 2011.
    """

    def __init__(self, parameters: catalog_pb2.Ensemble) -> None:
        self._members = parameters.members
        self._fusion = parameters.fusion

    def fit(self, examples: Examples, training: Training) -> GraphModel:
        """See `Family.fit`; trains afresh.

        Raises:
            TrainingError: there are fewer than two benign examples, or a member has too few.
            InputError: the examples lack a feature of a member.
            CatalogError: a member names no family.
        """
        learned, calibrated = _calibration_split(examples, training.seed)
        members: list[_Member] = []
        for number, message in enumerate(self._members):
            first, last = (
                _fit(message, given, training, f"{number}_{purpose}")
                for given, purpose in ((learned, "calibration"), (examples, "service"))
            )
            tail = Tail.of(first.score(_features(message, calibrated).units))
            members.append(_Member(message.name, last, tail))
        return GraphModel(_merged(members, self._fusion))


@dataclass(frozen=True, eq=False)
class _Member:
    """A trained member.

    Attributes:
        name: as the definition has it.
        model: trained on all examples.
        tail: of its benign scores.
    """

    name: str
    model: GraphModel
    tail: Tail


def _calibration_split(examples: Examples, seed: int) -> tuple[Examples, Examples]:
    """The examples without a fifth of the benign ones, and that fifth."""
    count = len(examples)
    benign = np.arange(count)
    if examples.positive is not None:
        benign = np.flatnonzero(~examples.positive)
    if len(benign) < 2:
        raise TrainingError(
            f"An ensemble is calibrated on benign training examples and there are {len(benign)}: "
            "contribute a sample of benign activity"
        )
    chosen = np.random.default_rng(seed).permutation(len(benign))
    held = np.zeros(count, dtype=bool)
    held[benign[chosen[: max(1, int(_CALIBRATED_ON * len(benign)))]]] = True
    return examples.where(~held), examples.where(held)


def _features(member: catalog_pb2.Detector, examples: Examples) -> Examples:
    missing = [name for name in member.features if name not in examples.names]
    if missing:
        raise InputError(
            f"There is no feature {', '.join(missing)} for the member {member.name}; there are"
            f" {', '.join(examples.names)}"
        )
    return examples.select(tuple(member.features))


def _fit(
    member: catalog_pb2.Detector, examples: Examples, training: Training, name: str
) -> GraphModel:
    """Train a member; each training has a checkpoint of its own."""
    path = training.checkpoint
    own = replace(
        training,
        warm_start=None,
        say=lambda message: training.say(f"{member.name}: {message}"),
        checkpoint=None if path is None else path.with_name(f"{path.stem}_{name}{path.suffix}"),
    )
    return GraphModel(family_of(member).fit(_features(member, examples), own).export())


def _merged(members: Sequence[_Member], fusion: catalog_pb2.Fusion) -> bytes:
    """One graph: those of the members side by side, their surprises, and what fuses these."""
    inputs: list[GraphInput] = []
    nodes: list[NodeProto] = []
    constants: dict[str, NDArray[np.generic]] = {}
    baselines: dict[str, float | str | None] = {}
    with_parts: list[int] = []
    for number, member in enumerate(members):
        prefix = member_prefix(number)
        scorer = member.model.scorer
        inputs += [_prefixed_input(given, prefix) for given in scorer.inputs]
        graph = _prefixed(member.model.export(), prefix).graph
        tail = f"tail_{number}_"
        nodes += [*graph.node, *member.tail.nodes(prefix + OUTPUT, f"surprise_{number}", tail)]
        constants |= {given.name: numpy_helper.to_array(given) for given in graph.initializer}
        constants |= member.tail.constants(tail)
        baselines |= scorer.baselines
        if PARTS in scorer.outputs:
            with_parts.append(number)
    surprises = [f"surprise_{number}" for number in range(len(members))]
    nodes.append(helper.make_node("Concat", surprises, [MEMBERS], axis=1))
    nodes.append(_fuse(fusion))
    return assemble(
        NAME,
        inputs,
        nodes,
        {**constants, "member_axis": np.array([1])},
        baselines=baselines,
        members=[member.name for member in members],
        member_parts=with_parts,
    )


def _prefixed(graph: bytes, prefix: str) -> ModelProto:
    return compose.add_prefix(onnx.load_from_string(graph), prefix)


def _prefixed_input(given: GraphInput, prefix: str) -> GraphInput:
    return GraphInput(given.encoding, prefix + given.name, prefix + given.lengths)


def _fuse(fusion: catalog_pb2.Fusion) -> NodeProto:
    """From `members` [n, k] to the score; only the sum takes its axis as an input."""
    kind = _FUSIONS[fusion]
    if fusion == catalog_pb2.SUM:
        return helper.make_node(kind, [MEMBERS, "member_axis"], [OUTPUT], keepdims=0)
    return helper.make_node(kind, [MEMBERS], [OUTPUT], axes=[1], keepdims=0)
