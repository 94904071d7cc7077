"""Text of logs for people's eyes: everything in it is seen, nothing in it acts, it ends.

Escaping is the templates' business (Jinja does it always); what is done here is against text that
is harmless as HTML and still lies: terminal escapes, marks that turn the direction of the text
around, characters that take no room.
"""

import re

MOST = 300
"""Characters that a piece of text has in a page unless the template says otherwise."""
# Controls but newline and tab; marks of direction (UAX #9) and of format; what takes no room; half
# characters; tags and variation selectors, in which whole texts can hide.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    "\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
    "\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd\U00013430-\U0001343f"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff\ud800-\udfff]"
)


def shown(value: object, most: int = MOST) -> str:
    """At most so many characters of a text, and how many more there are; the filter `shown`."""
    text = value if isinstance(value, str) else str(value)
    if len(text) <= most:
        return seen(text)
    return f"{seen(text[:most])}… ({len(text) - most:,} more)"


def seen(text: str) -> str:
    """The text, with `\\x1b` or `\\u202e` for every character that nobody would see."""
    return _UNSEEN.sub(_mark, text)


def _mark(found: re.Match[str]) -> str:
    code = ord(found[0])
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
