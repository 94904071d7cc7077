"""The feature store: Feast objects made from the catalog, and the offline store they are read by.

Importing this package imports Feast, which takes seconds: import inside the step that needs it.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
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


def _torch_when_asked_for() -> None:
    """Feast imports PyTorch for one way to read features that is not ours, and takes twice as long.

    Who calls it gets PyTorch all the same.
    """
    wrapper: Any = ModuleType("feast.torch_wrapper")
    wrapper.get_torch = lambda: import_module("torch")
    sys.modules.setdefault(wrapper.__name__, wrapper)


_torch_when_asked_for()
with _unchecked():
    import feast as feast
