"""Brain, the bidirectional parallel tree (Yu et al., IEEE TSC 2023), as a peer of our templates.

Written from the paper: messages of one length are grouped by their longest pattern of words that
are equally frequent in their columns. A column of more frequent words (towards the root) is
constant if it has one word; a column of less frequent words (the other direction) branches while
it has few, and is variable when it has many.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence

VARIABLE = "<*>"
_Words = tuple[str, ...]


def brain(messages: Sequence[str], branches: int = 3, root_share: float = 0.5) -> list[str]:
    """The template of each message.

    Args:
        messages: with or without masks.
        branches: a column of rarer words with more of them is variable.
        root_share: words of the root pattern are at least this frequent, of the most frequent one.
    """
    split = {message: tuple(message.split()) for message in set(messages)}
    counts = Counter(messages)
    by_length: dict[int, list[str]] = defaultdict(list)
    for message, words in sorted(split.items()):
        by_length[len(words)].append(message)
    found: dict[str, str] = {}
    for group in by_length.values():
        frequency: Counter[tuple[int, str]] = Counter()
        for message in group:
            for column in enumerate(split[message]):
                frequency[column] += counts[message]
        roots: dict[frozenset[tuple[int, str]], list[str]] = defaultdict(list)
        for message in group:
            roots[_root(split[message], frequency, root_share)].append(message)
        for root, members in roots.items():
            words = {message: split[message] for message in members}
            found |= _below(root, words, frequency, branches)
    return [found[message] for message in messages]


def _root(
    words: _Words, frequency: Counter[tuple[int, str]], share: float
) -> frozenset[tuple[int, str]]:
    """The longest pattern of equally frequent words; of equally long ones the more frequent."""
    patterns: dict[int, list[tuple[int, str]]] = defaultdict(list)
    for column in enumerate(words):
        if column[1] != VARIABLE:
            patterns[frequency[column]].append(column)
    if not patterns:
        return frozenset()
    enough = max(patterns) * share
    return frozenset(
        max(((len(p), f, p) for f, p in patterns.items() if f >= enough), key=lambda x: x[:2])[2]
    )


def _below(
    root: frozenset[tuple[int, str]],
    words: dict[str, _Words],
    frequency: Counter[tuple[int, str]],
    branches: int,
) -> dict[str, str]:
    fixed = {place for place, _ in root}
    level = min((frequency[column] for column in root), default=0)
    length = len(next(iter(words.values())))
    open_columns = [place for place in range(length) if place not in fixed]
    values = {place: {w[place] for w in words.values()} for place in open_columns}
    variable = {
        place
        for place in open_columns
        if len(values[place]) > 1
        and min(frequency[place, w[place]] for w in words.values()) >= level
    }
    rest = [place for place in open_columns if place not in variable]
    return _branch(words, variable, rest, branches)


def _branch(
    words: dict[str, _Words], variable: set[int], rest: Sequence[int], branches: int
) -> dict[str, str]:
    """Split by the columns with few words, the fewest first."""
    number = {place: len({w[place] for w in words.values()}) for place in rest}
    splitting = [place for place in rest if 1 < number[place] <= branches]
    if splitting:
        at = min(splitting, key=lambda place: (number[place], place))
        parts: dict[str, dict[str, _Words]] = defaultdict(dict)
        for message, chunks in words.items():
            parts[chunks[at]][message] = chunks
        remaining = [place for place in rest if place != at]
        return {
            message: template
            for part in parts.values()
            for message, template in _branch(part, variable, remaining, branches).items()
        }
    variable = variable | {place for place in rest if number[place] > branches}
    return {
        message: " ".join(VARIABLE if n in variable else w for n, w in enumerate(chunks))
        for message, chunks in words.items()
    }
