"""The capturing groups of an RE2 pattern (Python's `re` speaks another dialect)."""

import re

_PIECE = re.compile(
    r"""\\Q.*?(?:\\E|$)                                # quoted text
      | \\.                                            # an escaped character
      | \[\^?\]?(?:\[:\^?\w+:\]|\\.|[^\]\\])*\]        # a class of characters
      | (?P<named>\(\?P<(?P<name>\w+)>)
      | \(\?                                           # flags or a group that captures nothing
      | (?P<plain>\()""",
    re.VERBOSE | re.DOTALL,
)


def group_names(pattern: str) -> list[str | None]:
    """The names of all capturing groups in order, None for those without one."""
    return [
        piece["name"]
        for piece in _PIECE.finditer(pattern)
        if piece["named"] is not None or piece["plain"] is not None
    ]
