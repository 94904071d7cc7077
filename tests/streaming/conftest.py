"""What tests of hunting share."""

from tests.streaming.hunted_lake import lake, new, old

__all__ = ["lake", "new", "old"]
