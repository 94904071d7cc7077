"""What families that learn from one list of keys a session begin with."""

from detectors.interface import Examples
from whetstone.errors import InputError, TrainingError
from whetstone.scoring.encoding import Ragged
from whetstone.scoring.encoding.keys import Keys


def benign_keys(examples: Examples, max_length: int) -> tuple[Keys, Ragged]:
    """The encoding of the examples' one feature, and the benign sessions encoded with it.

    Raises:
        TrainingError: there are no benign examples.
        InputError: they have another number of features, or theirs is no list of keys.
    """
    if len(examples.names) != 1:
        raise InputError(
            f"A model of sequences takes one list of keys, not {', '.join(examples.names)}"
        )
    benign = examples.benign()
    if not len(benign):
        raise TrainingError(
            "There is no benign training session: contribute a sample of benign activity"
        )
    encoding = Keys.fitted(benign.units, examples.names[0], max_length)
    return encoding, encoding.encode(benign.units)
