"""A bundle: everything an environment needs to run one model, as one file without code in it.

    manifest.json          what it is: detector, version, family, seed, versions, metrics, lineage
    operating_point.json   threshold and the order of the graph's features
    definitions.textproto  the exact definitions it was trained with
    model_card.md          for people
    templates.json         the template dictionary, where features read templates
    online.arrow           slow features from the online store, where the detector has any
    graph.onnx             the model

`pack` and `unpack` are inverse to each other. The version of a bundle is a hash of its content, so
the same training gives the same version and a version never means two things.
"""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

from google.protobuf import text_format

from whetstone.catalog.catalog_pb2 import Definitions
from whetstone.errors import InputError, ReleaseError
from whetstone.parsing.templates import TemplateDictionary
from whetstone.releases import archive
from whetstone.releases.online import Online

_MIB = 1 << 20
_LIMITS = {
    "manifest.json": 16 * _MIB,
    "operating_point.json": _MIB,
    "definitions.textproto": 16 * _MIB,
    "model_card.md": 4 * _MIB,
    "templates.json": 64 * _MIB,
    "online.arrow": 64 * _MIB,
    "graph.onnx": 512 * _MIB,
}
MAX_BUNDLE_BYTES = sum(_LIMITS.values()) + _MIB
"""No packed bundle is larger."""


@dataclass(frozen=True)
class Bundle:
    """One trained model with all that scoring it takes.

    Attributes:
        graph: The ONNX graph; its input is float32 of shape (examples, len(feature_names)).
        threshold: A score at or above it is an alert. Finite.
        definitions: The exact Source, FeatureView, GoldenDataset and Detector messages.
        feature_names: The graph's input columns, in order, without repetition.
        manifest: JSON-able facts: detector, version, family, seed, data and code versions, metrics,
            lineage, feature baselines for explanations. `version` is filled in by `stamp` and
            `pack`; what is not to change the version (a wall-clock time) does not belong here.
        model_card: Markdown.
        templates: The dictionary of the source's messages; None where no feature reads it.
        online: Slow features as they were known at publication; None where there are none.
    """

    graph: bytes
    threshold: float
    definitions: Definitions
    feature_names: tuple[str, ...]
    manifest: dict[str, Any]
    model_card: str
    templates: TemplateDictionary | None = None
    online: Online | None = None


def version(bundle: Bundle) -> str:
    """The first 12 hex digits of SHA-256 over the packed content without `manifest["version"]`.

    A bundle that was stamped, packed and unpacked keeps its version.

    Raises:
        ReleaseError: The bundle's parts cannot be packed.
    """
    return _content_hash(_members(bundle))


def stamp(bundle: Bundle) -> Bundle:
    """The same bundle with its version in the manifest.

    Raises:
        ReleaseError: The bundle's parts cannot be packed.
    """
    return replace(bundle, manifest={**bundle.manifest, "version": version(bundle)})


def pack(bundle: Bundle) -> bytes:
    """The bundle, stamped, as an uncompressed tar; equal bundles give equal bytes.

    Raises:
        ReleaseError: A part has no JSON or text form, is not finite, or exceeds its limit.
    """
    members = _members(stamp(bundle))
    for name, content in members.items():
        if len(content) > _LIMITS[name]:
            raise ReleaseError(
                f"cannot pack the bundle: {name} has {len(content)} bytes, more than the limit of "
                f"{_LIMITS[name]}. Make the model or its description smaller"
            )
    return archive.write(members)


def unpack(data: bytes) -> Bundle:
    """The bundle in `data`, which may come from anybody.

    Accepts exactly what `pack` makes: any changed byte is refused. That proves integrity, not
    origin; the signatures of the release repository prove origin.

    Raises:
        ReleaseError: What is wrong with which member, and what to do.
    """
    members = archive.read(data, _LIMITS, optional=("templates.json", "online.arrow"))
    manifest = _json_object("manifest.json", members["manifest.json"])
    if manifest.get("version") != (content := _content_hash(members)):
        raise _refused(
            "manifest.json", f"says version {manifest.get('version')!r}, the content is {content}"
        )
    threshold, feature_names = _operating_point(members["operating_point.json"])
    return Bundle(
        graph=_graph(members["graph.onnx"]),
        threshold=threshold,
        definitions=_definitions(members["definitions.textproto"]),
        feature_names=feature_names,
        manifest=manifest,
        model_card=_text("model_card.md", members["model_card.md"]),
        templates=_templates(members.get("templates.json")),
        online=_online(members.get("online.arrow")),
    )


def _members(bundle: Bundle) -> dict[str, bytes]:
    """Name to content, in the archive's order; the reading functions below check them."""
    if not math.isfinite(bundle.threshold):
        raise ReleaseError(
            f"cannot pack the bundle: the threshold is {bundle.threshold}. Choose a finite one"
        )
    point = {"feature_names": list(bundle.feature_names), "threshold": float(bundle.threshold)}
    try:
        members = {
            "manifest.json": _json_bytes(bundle.manifest),
            "operating_point.json": _json_bytes(point),
            "definitions.textproto": text_format.MessageToString(
                bundle.definitions, as_utf8=True
            ).encode(),
            "model_card.md": bundle.model_card.encode(),
        }
        if bundle.templates is not None:
            members["templates.json"] = bundle.templates.to_json().encode()
        if bundle.online is not None:
            members["online.arrow"] = bundle.online.content
        members["graph.onnx"] = bundle.graph
        survived = json.loads(members["manifest.json"]) == bundle.manifest
    except (TypeError, ValueError, RecursionError) as error:
        raise ReleaseError(f"cannot pack the bundle: {error}. Correct that part of it") from error
    if not survived:
        raise ReleaseError(
            "cannot pack the bundle: the manifest holds what JSON cannot (tuples, keys that are "
            "not text). Use lists and text keys"
        )
    _operating_point(members["operating_point.json"])
    _graph(bundle.graph)
    return members


def _content_hash(members: Mapping[str, bytes]) -> str:
    # Over the members' own bytes: another protobuf version may print definitions differently.
    manifest = _json_object("manifest.json", members["manifest.json"])
    manifest.pop("version", None)
    content = archive.write({**members, "manifest.json": _json_bytes(manifest)})
    return hashlib.sha256(content).hexdigest()[:12]


def _json_bytes(value: Mapping[str, Any]) -> bytes:
    text = json.dumps(value, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False)
    return f"{text}\n".encode()


def _json_object(name: str, content: bytes) -> dict[str, Any]:
    try:
        value: object = json.loads(content)
        if not isinstance(value, dict):
            raise _refused(name, "is not a JSON object")
        value = cast("dict[str, Any]", value)
        # Duplicate keys, NaN, another order: two readers might understand it differently.
        if _json_bytes(value) != content:
            raise _refused(name, "is not in the form Whetstone writes")
    except (ValueError, RecursionError) as error:
        raise _refused(name, f"is not JSON: {error}") from error
    return value


def _operating_point(content: bytes) -> tuple[float, tuple[str, ...]]:
    name = "operating_point.json"
    point = _json_object(name, content)
    names: object = point.get("feature_names")
    threshold: object = point.get("threshold")
    if len(point) != 2 or not isinstance(names, list) or not isinstance(threshold, float):
        raise _refused(name, "must hold feature_names and a number threshold, nothing else")
    names = cast("list[object]", names)
    features = tuple(feature for feature in names if isinstance(feature, str) and feature)
    if not features or len(features) != len(names) or len(set(features)) != len(features):
        raise _refused(name, "needs feature_names: texts, at least one, none twice")
    return threshold, features


def _definitions(content: bytes) -> Definitions:
    name = "definitions.textproto"
    try:
        return text_format.Parse(_text(name, content), Definitions())
    except (text_format.ParseError, ValueError, RecursionError) as error:
        raise _refused(name, f"cannot be parsed: {error}") from error


def _templates(content: bytes | None) -> TemplateDictionary | None:
    try:
        return None if content is None else TemplateDictionary.from_json(content)
    except InputError as error:
        raise _refused("templates.json", str(error)) from error


def _online(content: bytes | None) -> Online | None:
    try:
        return None if content is None else Online(content)
    except (ValueError, OSError) as error:
        raise _refused("online.arrow", str(error)) from error


def _graph(content: bytes) -> bytes:
    if not content:
        raise _refused("graph.onnx", "is empty")
    return content


def _text(name: str, content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise _refused(name, f"is not UTF-8: {error}") from error


def _refused(name: str, reason: str) -> ReleaseError:
    return ReleaseError(
        f"bundle refused: {name} {reason}. Correct what made it and publish it anew; "
        "if it was pulled, pull it again"
    )
