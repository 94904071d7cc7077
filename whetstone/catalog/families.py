"""Model families as definitions see them: which there are, and which features they take."""

from collections.abc import Iterator, Mapping

from whetstone.catalog.catalog_pb2 import Detector

_ROWS = frozenset(("BOOLEAN", "INTEGER", "BIGINT", "DOUBLE", "VARCHAR"))
_LISTS = frozenset(("VARCHAR[]", "BIGINT[]", "DOUBLE[]"))
_TAKES = {
    "language_model": frozenset(("VARCHAR",)),
    "text_ngrams": frozenset(("VARCHAR",)),
    "text_cnn": frozenset(("VARCHAR",)),
    "log_key_sequence": _LISTS,
    "flow_sequence": _LISTS,
    "sequence_ngrams": frozenset(("VARCHAR[]", "BIGINT[]")),
    "sequence_sets": frozenset(("VARCHAR[]", "BIGINT[]")),
    "ensemble": _ROWS | _LISTS,
}
_WARM = ("log_key_sequence", "language_model")
WITH_THRESHOLD = ("pca_spe", "log_key_sequence")
"""Those whose models know a threshold by its significance."""
FAMILIES = tuple(field.name for field in Detector.DESCRIPTOR.oneofs_by_name["family"].fields)
"""All of them."""


def families_of(detector: Detector) -> tuple[str, ...]:
    """The family of a detector and those of its members, each once; empty where none is named."""
    own = detector.WhichOneof("family")
    members = [name for member in detector.ensemble.members for name in families_of(member)]
    return tuple(dict.fromkeys([*([own] if own else ()), *members]))


def family_problems(detector: Detector, types: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """What is wrong with a detector's family for features of these types, with its field.

    Args:
        detector: the definition, of an ensemble with its members.
        types: data type of each feature by its name.
    """
    family = detector.WhichOneof("family")
    if family is None:
        yield "family", f"write one of {', '.join(FAMILIES)} {{…}}"
        return
    takes = _TAKES.get(family, _ROWS)
    for number, name in enumerate(detector.features):
        if types.get(name, "BIGINT") not in takes:
            yield (
                f"features[{number}]",
                f"{name!r} is {types[name]}; {family} takes {', '.join(sorted(takes))}",
            )
    if detector.warm_start and family not in _WARM:
        yield "warm_start", f"only {' and '.join(_WARM)} can go on from the champion"
    if family != "ensemble":
        return
    if not detector.ensemble.members:
        yield "ensemble.members", "name at least one member"
    names = [member.name for member in detector.ensemble.members]
    for number, member in enumerate(detector.ensemble.members):
        path = f"ensemble.members[{number}]"
        if not member.name or member.name in names[:number]:
            yield f"{path}.name", "give each member a name of its own"
        if member.WhichOneof("family") == "ensemble":
            yield f"{path}.ensemble", "a member cannot be an ensemble"
            continue
        if not member.features:
            yield f"{path}.features", "name the features it uses"
        for name in member.features:
            if name not in detector.features:
                yield f"{path}.features", f"{name!r} is not among the features of the detector"
        for field, problem in family_problems(member, types):
            yield f"{path}.{field}", problem
