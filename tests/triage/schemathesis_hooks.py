"""What schemathesis cannot know by itself: exports of several documents a file."""

from typing import Any

import schemathesis
import yaml


@schemathesis.deserializer("application/yaml")
def documents(_context: Any, response: Any) -> list[Any]:
    """All documents of a YAML file; its own reader takes only one."""
    return list(yaml.safe_load_all(response.content))
