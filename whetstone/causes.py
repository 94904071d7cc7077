"""Why something that has been made is stale: its definitions, or an input that it heeds (pure)."""

from collections.abc import Iterable, Mapping

from whetstone.ledger import Made
from whetstone.lineage import Follow, Input, Node


def is_heeded(source: Input, made: Made | None, newest: bool) -> bool:
    """Whether an input's changes matter to what has been made."""
    match source.follow:
        case Follow.CONTENT:
            return True
        case Follow.LATEST:
            return newest or made is None
        case Follow.PRESENCE:
            return made is None or source.asset not in made.inputs
        case Follow.AFTER:
            return False


def causes_of(
    node: Node, made: Made | None, inputs: Mapping[str, str], settled: Iterable[str]
) -> list[str]:
    """Why an asset is stale, in words; empty: it is not.

    Args:
        node: the asset.
        made: what has been made of it.
        inputs: the versions of its inputs as they are now.
        settled: the inputs that count: heeded, and not about to be made anew.
    """
    if made is None:
        return ["never made"]
    if made.expired:
        settled = [asset for asset in settled if asset in made.inputs and asset in inputs]
        return [f"{each} changed" for each in settled if made.inputs[each] != inputs[each]]
    causes = ["its definitions changed"] if made.code_version != node.code_version else []
    for asset in settled:
        before, now = made.inputs.get(asset), inputs.get(asset)
        if before != now:
            what = "appeared" if before is None else "disappeared" if now is None else "changed"
            causes.append(f"{asset} {what}")
    known = {source.asset for source in node.inputs}
    causes += [f"{asset} is no input any more" for asset in made.inputs if asset not in known]
    return causes
