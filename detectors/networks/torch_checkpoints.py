"""Files from which an interrupted training continues: arrays and JSON, nothing that executes."""

import json
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

_STATE = "state"
_SEPARATOR = "|"  # between the name of a group and of a tensor; no parameter has it in its name


class Checkpoint:
    """A checkpoint file of one particular training.

    Args:
        path: where it is; its directory exists.
        training: identifies the training. A file of another training counts as none.
    """

    def __init__(self, path: Path, training: str) -> None:
        self._path, self._training = path, training

    def write(self, state: dict[str, Any], tensors: dict[str, dict[str, Tensor]]) -> None:
        """Replace the file in one step, so that an interruption leaves the old one or the new one.

        Args:
            state: JSON.
            tensors: by group and name.
        """
        arrays = {
            f"{group}{_SEPARATOR}{name}": tensor.detach().cpu().numpy()
            for group, members in tensors.items()
            for name, tensor in members.items()
        }
        text = json.dumps({"training": self._training, **state})
        fresh = self._path.with_name(f"{self._path.name}.{os.getpid()}.new")
        with fresh.open("wb") as file:
            np.savez(file, allow_pickle=False, **{_STATE: np.array(text)}, **arrays)
        fresh.replace(self._path)

    def read(self) -> tuple[dict[str, Any], dict[str, dict[str, Tensor]]] | None:
        """What was written last; None where there is no readable file of this training."""
        try:
            with np.load(self._path, allow_pickle=False) as file:
                state = json.loads(str(file[_STATE]))
                if state.pop("training") != self._training:
                    return None
                tensors: dict[str, dict[str, Tensor]] = {}
                for key in file.files:
                    if key != _STATE:
                        group, _, name = key.partition(_SEPARATOR)
                        tensors.setdefault(group, {})[name] = torch.from_numpy(file[key])
                return state, tensors
        except (OSError, ValueError, KeyError, zipfile.BadZipFile):
            return None  # a training that starts anew is right, only slower

    def remove(self) -> None:
        """Remove the file; nothing happens where there is none."""
        self._path.unlink(missing_ok=True)
