"""Which type all values of a raw field have (pure)."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from whetstone.proposing.clocks import clocks_of

_PLACEHOLDERS = ("-", "?", "N/A", "null", "NULL", "(none)")
_BIGINT = re.compile(r"-?(?:0|[1-9]\d{0,17})", re.ASCII)
_DOUBLE = re.compile(r"-?(?:0|[1-9]\d{0,14})(?:\.\d{1,30})?(?:[eE][+-]?\d{1,2})?", re.ASCII)
_BOOLEANS = frozenset(("true", "false", "True", "False", "TRUE", "FALSE"))
# Names of things that look like numbers and are none.
_TEXT_NAMES = frozenset(("version", "id", "uid", "serial"))


@dataclass(frozen=True)
class Inferred:
    """The type of a field, and the expression that gives it, over `$1` and `needs`."""

    data_type: str
    definition: str
    needs: tuple[str, ...] = ()


def infer(values: Iterable[str], name: str = "") -> Inferred:
    """The narrowest type that keeps every value.

    Numbers with leading zeros are text, as are versions: nothing is lost. A placeholder such as
    `-` among typed values is NULL.

    Args:
        values: the distinct values, as text.
        name: the field's name: `version` and `id` may look like fractions.
    """
    distinct = set(values)
    placeholder = next((p for p in _PLACEHOLDERS if p in distinct), None)
    kept = distinct - {placeholder}
    given = "$1" if placeholder is None else f"nullif($1, '{placeholder}')"
    if not kept:
        return Inferred("VARCHAR", given)
    if kept <= _BOOLEANS:
        return Inferred("BOOLEAN", given)
    if all(map(_BIGINT.fullmatch, kept)):
        return Inferred("BIGINT", given)
    if all(map(_DOUBLE.fullmatch, kept)) and not _TEXT_NAMES & set(name.split("_")):
        return Inferred("DOUBLE", given)
    for clock in clocks_of(sorted(kept)):
        if clock.distinct:
            return Inferred("TIMESTAMP", clock.definition.replace("$1", given), clock.needs)
    return Inferred("VARCHAR", "$1" if placeholder not in ("-", "?") else given)
