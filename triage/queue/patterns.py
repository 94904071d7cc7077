"""What an alert looks like, whoever it is about (pure).

A pattern is made of the detector and of the few features that carry most of the score, each as
coarse as it can be without losing what it says:

- a number is the power of two below it: 17 and 30 failures look alike, 300 do not;
- what stands in a sequence is the set of the tokens that weigh most, whatever their order; they may
  be numbers that name something (a system call, a kind of event), so only long ones are `0`; of
  single characters, letters are all `a`;
- a text is the set of its words, all their digits as `0`;
- what is missing is missing.

Two alerts with equal parts have the same pattern, so neighbours are found by an index. The words in
it are text of logs and hostile: escape a title where it is shown.
"""

import hashlib
import math
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any, TypeVar

MOST_FEATURES = 3
MOST_TOKENS = 6
_MOST_TOKEN_LENGTH = 40
_SEPARATOR = "\x1f"
_WORDS = re.compile(r"\w+|[^\w\s]")
_DIGITS = re.compile(r"\d+")
_LONG_NUMBER = re.compile(r"\d{5,}")

_SMALLEST, _LARGEST = -20, 50
Explanation = Sequence[Mapping[str, Any]]
_T = TypeVar("_T")


@dataclass(frozen=True)
class Pattern:
    """What alerts that look alike have in common.

    Attributes:
        key: 32 hex digits; equal where the alerts look alike.
        title: the same in words, `failures 16–31, users 8–15`; text of logs may stand in it.
    """

    key: str
    title: str


def pattern_of(detector: str, explanation: Explanation) -> Pattern:
    """The pattern of an alert.

    Args:
        detector: whose alert it is.
        explanation: as `Alert.explanation`, in any order.
    """
    parts = [_coarse(name, found) for name, found in _weightiest(explanation)]
    identity = _SEPARATOR.join((detector, *sorted(parts)))
    title = ", ".join(parts) or "no explanation"
    return Pattern(hashlib.sha256(identity.encode()).hexdigest()[:32], title)


def _weightiest(explanation: Explanation) -> list[tuple[str, list[Mapping[str, Any]]]]:
    """The fewest features that carry more than half of what raises the score, with their parts.

    Where nothing does, of what lowers it: a unit may be odd as a whole.
    """
    raised = any(_weight(part) > 0 for part in explanation)
    by_feature: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for part in explanation:
        if _weight(part) > 0 or not raised:
            by_feature[str(part["feature"])].append(part)
    sums = {name: _sum(parts) for name, parts in by_feature.items()}
    ranked = sorted(sums.items(), key=lambda item: (-item[1], item[0]))
    chosen = _most(ranked, itemgetter(1), MOST_FEATURES)
    return [(name, by_feature[name]) for name, _ in chosen]


def _coarse(name: str, parts: Sequence[Mapping[str, Any]]) -> str:
    if any("position" in part for part in parts):
        return f"{name}: {_set_of(_tokens(parts))}"
    value = parts[0].get("value")
    if isinstance(value, str):
        words = (_DIGITS.sub("0", word) for word in _WORDS.findall(value))
        return f"{name}: {_set_of(map(_shape, words))}"
    return f"{name} {_range(value)}"


def _tokens(parts: Sequence[Mapping[str, Any]]) -> Iterable[str]:
    """The tokens that carry most of what a sequence adds to the score."""
    shaped = sorted((_shape(str(part.get("value"))), abs(_weight(part))) for part in parts)
    weights = [
        (token, math.fsum(weight for _, weight in same))
        for token, same in groupby(shaped, itemgetter(0))
    ]
    ranked = sorted(weights, key=lambda item: (-item[1], item[0]))
    return [token for token, _ in _most(ranked, itemgetter(1), MOST_TOKENS)]


def _most(ranked: Sequence[_T], weight: Callable[[_T], float], at_most: int) -> list[_T]:
    """The fewest of the first whose weights are together more than half of all."""
    half = math.fsum(map(weight, ranked)) / 2
    chosen: list[_T] = []
    for item in ranked[:at_most]:
        if math.fsum(map(weight, chosen)) > half:
            break
        chosen.append(item)
    return chosen


def _shape(token: str) -> str:
    if len(token) == 1 and token.isalpha():
        return "a"
    return _LONG_NUMBER.sub("0", token.lower())[:_MOST_TOKEN_LENGTH]


def _set_of(tokens: Iterable[str]) -> str:
    return " ".join(sorted(set(tokens))[:MOST_TOKENS]) or "empty"


def _range(value: Any) -> str:
    """The powers of two between which a number lies: `16–31`; below one, `0.25–0.5`."""
    if not isinstance(value, bool | int | float) or not math.isfinite(value):
        return "none"
    if isinstance(value, bool) or value == 0:
        return str(int(value))
    exponent = min(_LARGEST, max(_SMALLEST, math.frexp(abs(value))[1] - 1))
    low, high = 2.0**exponent, 2.0 ** (exponent + 1)
    whole = "1" if exponent == 0 else f"{low:.0f}–{high - 1:.0f}"
    return f"{'-' if value < 0 else ''}{whole if exponent >= 0 else f'{low:.3g}–{high:.3g}'}"


def _weight(part: Mapping[str, Any]) -> float:
    amount = part.get("contribution")
    return float(amount) if isinstance(amount, int | float) and math.isfinite(amount) else 0.0


def _sum(parts: Iterable[Mapping[str, Any]]) -> float:
    return math.fsum(abs(_weight(part)) for part in parts)
