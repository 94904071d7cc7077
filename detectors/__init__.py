"""Training: one file a model family, one interface (`detectors.interface`).

Importing this package loads no training library; `family_of` loads that of the family it returns.
"""

import ast
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from whetstone.catalog import catalog_pb2
from whetstone.errors import CatalogError

if TYPE_CHECKING:
    from detectors.interface import Family

# Module of this package, which is also the field of the `Detector` message -> class.
_FAMILIES = {
    "gradient_boosting": "GradientBoosting",
    "pca_spe": "PcaSpe",
    "isolation_forest": "IsolationForest",
    "random_forest": "RandomForest",
    "logistic_regression": "LogisticRegression",
    "nearest_neighbours": "NearestNeighbours",
    "mahalanobis": "Mahalanobis",
    "log_key_sequence": "LogKeySequence",
    "language_model": "LanguageModel",
    "flow_sequence": "FlowSequence",
    "text_ngrams": "TextNgrams",
    "text_cnn": "TextCnn",
    "sequence_ngrams": "SequenceNgrams",
    "sequence_sets": "SequenceSets",
    "ensemble": "Ensemble",
}
_ROOT = Path(__file__).resolve().parent.parent
# What a training result depends on beside the libraries; the rest of the runtime is not code
# that trains.
_TRAINING_CODE = ("detectors.", "whetstone.scoring.")


def family_of(detector: catalog_pb2.Detector) -> "Family":
    """The family that the definition names, with its parameters.

    Raises:
        CatalogError: the definition names none.
    """
    name = detector.WhichOneof("family")
    if name is None:
        raise CatalogError(
            f"Detector {detector.name!r} names no model family: add one of {', '.join(_FAMILIES)}"
        )
    family = getattr(import_module(f"detectors.{name}"), _FAMILIES[name])
    return family(getattr(detector, name))


def code_version(family: str) -> str:
    """Hash of the code that trains a family: its own module and all that this one and
    `detectors.training` import from here, as far as it has a meaning (no comments, docstrings
    or formatting). Nothing is imported to find out.

    Raises:
        CatalogError: there is no such family.
    """
    used = sorted((module, code.meaning) for module, code in _code_of(family).items())
    return hashlib.sha256(repr(used).encode()).hexdigest()


def trains_with_torch(family: str) -> bool:
    """Whether code that trains a family imports torch; nothing is imported to find out."""
    return any(code.torch for code in _code_of(family).values())


@dataclass(frozen=True)
class _Code:
    """What a module says.

    Attributes:
        meaning: see `meaning`.
        imports: the modules of training that it imports.
        torch: whether it imports torch.
    """

    meaning: str
    imports: tuple[str, ...]
    torch: bool


def _code_of(family: str) -> dict[str, _Code]:
    """The modules that train a family, by name."""
    if family not in _FAMILIES:
        raise CatalogError(f"No model family {family!r}: there are {', '.join(_FAMILIES)}")
    found: dict[str, _Code] = {}
    waiting = [f"detectors.{family}", "detectors.training"]
    while waiting:
        module = waiting.pop()
        if module not in found:
            found[module] = _read(_file_of(module))
            waiting += found[module].imports
    return found


@cache  # most families share most of their modules
def _read(path: Path) -> _Code:
    tree = ast.parse(path.read_bytes())
    named = tuple(_imports(tree))
    training = tuple(name for name in named if name.startswith(_TRAINING_CODE))
    torch = any(name.partition(".")[0] == "torch" for name in named)
    return _Code(meaning(tree), training, torch)


def _file_of(module: str) -> Path:
    path = _ROOT.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def meaning(tree: ast.Module) -> str:
    """The module without what does not change what it does; consumes `tree`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(
            node, clean=False
        ):
            del node.body[0]
    return ast.dump(tree)


def _imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            yield node.module
        elif isinstance(node, ast.Import):
            yield from (a.name for a in node.names)
