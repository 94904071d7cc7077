"""Find the smallest set of things without which all is well, in few trials. Pure."""

from collections.abc import Callable, Sequence


class TrialsUsedUpError(Exception):
    """More trials would be needed than are allowed."""


def smallest_culprits(
    candidates: Sequence[str], heals: Callable[[frozenset[str]], bool], most: int
) -> frozenset[str]:
    """A set of candidates whose removal heals, and of which none can be left out.

    Halves are removed in turn (Junker's QuickXplain): k culprits among n candidates take about
    2 k log2(n / k) + 2 k trials, one culprit 2 log2 n. It needs that removing more never undoes
    what removing less healed; where that fails, what is found still heals.

    Args:
        candidates: that all of them removed heals is known.
        heals: whether removing a set heals; asked at most once for each set.
        most: how often it may be asked.

    Raises:
        TrialsUsedUpError: `most` did not suffice.

    References:
        Junker, QuickXplain: Preferred Explanations and Relaxations for Over-Constrained Problems,
        AAAI 2004. Zeller, Hildebrandt, Simplifying and Isolating Failure-Inducing Input, IEEE
        Transactions on Software Engineering 28 (2), 2002.
    """
    known: dict[frozenset[str], bool] = {frozenset(candidates): True}

    def tried(removed: frozenset[str]) -> bool:
        if removed not in known:
            if len(known) > most:
                raise TrialsUsedUpError
            known[removed] = heals(removed)
        return known[removed]

    def culprits(removed: frozenset[str], grown: bool, rest: Sequence[str]) -> frozenset[str]:
        if grown and tried(removed):
            return frozenset()
        if len(rest) == 1:
            return frozenset(rest)
        first, second = rest[: len(rest) // 2], rest[len(rest) // 2 :]
        of_second = culprits(removed | set(first), True, second)
        return of_second | culprits(removed | of_second, bool(of_second), first)

    return culprits(frozenset(), False, list(candidates)) if candidates else frozenset()
