"""The feature store: Feast objects made from the catalog, and the offline store they are read by.

Importing this package imports Feast, which takes seconds: import inside the step that needs it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typeguard


@contextmanager
def _unchecked() -> Iterator[None]:
    """Classes that are defined meanwhile have their types not checked at run time.

    Feast has typeguard compile all methods of its classes anew, which takes as long as the rest of
    its import; how we call them is checked without running.
    """
    module: Any = typeguard
    checked = module.typechecked
    module.typechecked = lambda target: target
    try:
        yield
    finally:
        module.typechecked = checked


with _unchecked():
    import feast as feast
