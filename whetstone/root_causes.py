"""Why an asset was made, followed to where it began: an edit, a verdict, a contribution."""

from whetstone.lake import Lake, Manifest, Place
from whetstone.reasons import Change, why_made


def root_changes(lake: Lake, asset: str) -> list[Change] | None:
    """What began the chain of changes at whose end an asset without days was made last.

    Followed from input to input through what each manifest keeps of the one before it, as far as
    inputs still are what was made from them.

    Returns:
        Empty: it was its first making; None: it was made before manifests told, or never.
    """
    manifest = _manifest(lake, asset)
    changes = None if manifest is None else why_made(lake, asset, manifest)
    if manifest is None or changes is None:
        return None
    found: dict[tuple[str, str], Change] = {}
    for change in changes:
        for root in _roots(lake, change, {asset}):
            found.setdefault((root.kind, root.what), root)
    return list(found.values())


def _roots(lake: Lake, change: Change, seen: set[str]) -> list[Change]:
    source = _manifest(lake, change.what) if change.kind == "input" else None
    # What was made anew since says nothing of what its user was made from.
    if source is None or source.version != change.after or change.what in seen:
        return [change]
    further = why_made(lake, change.what, source)
    if not further:
        return [change]
    known = {*seen, change.what}
    return [root for each in further for root in _roots(lake, each, known)]


def _manifest(lake: Lake, asset: str) -> Manifest | None:
    layer, _, name = asset.partition("/")
    return lake.manifest(Place(layer, name))
