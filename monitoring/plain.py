"""Text of logs for people's eyes: no control characters, no turned direction, not endless."""

from whetstone.console import shown

MOST = 300
"""Characters that a piece of text has in a page."""
ENDLESS = 2_000
"""Longer text is of no use to anybody."""


def plain(text: str, most: int = MOST) -> str:
    """One line of at most so many characters; what would not be seen is made visible."""
    cut = text if len(text) <= most else f"{text[: most - 1]}…"
    return shown(" ".join(cut.split()))


def cleaned(value: object) -> object:
    """Plain values as in JSON, every text in them made visible and cut where it is endless."""
    if isinstance(value, str):
        return shown(value if len(value) <= ENDLESS else f"{value[: ENDLESS - 1]}…")
    if isinstance(value, dict):
        # Plotly's numbers, packed.
        return {key: each if key == "bdata" else cleaned(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [cleaned(each) for each in value]
    return value
