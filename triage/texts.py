"""Texts that people hand in, before they are stored."""

from whetstone.errors import InputError


def checked_text(name: str, text: str, longest: int, *, required: bool) -> str:
    """`text` as it is, if it can be stored; `name` is what the message calls it.

    Raises:
        InputError: it is missing, too long, or has a character that Postgres refuses.
    """
    if (required and not text) or len(text) > longest or "\0" in text:
        raise InputError(f"{name}: text of {1 if required else 0} to {longest} characters")
    return text
