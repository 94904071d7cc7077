"""The way back: from an exported graph to the weights of the network that it was made of."""

import numpy as np
import onnx
import torch
from onnx import numpy_helper

from detectors.networks.language_graph import language_nodes
from detectors.networks.language_network import LanguageNetwork
from whetstone.errors import TrainingError

_EXACT = 1 << 24  # float32 counts exactly up to here


def load_weights(network: LanguageNetwork, graph: bytes) -> None:
    """Give `network` the weights of a graph that `language_nodes` made of one of the same shape.

    A graph's constants are the weights in another order, and which, the export knows best: it is
    asked to export a network whose weights are their own numbers.

    Raises:
        TrainingError: the graph is of a network of another shape.
    """
    trained = {
        constant.name: numpy_helper.to_array(constant)
        for constant in onnx.load_from_string(graph).graph.initializer
    }
    parameters = list(network.parameters())
    sizes = [parameter.numel() for parameter in parameters]
    if sum(sizes) >= _EXACT:
        raise TrainingError(f"A warm start takes at most {_EXACT} weights, not {sum(sizes)}")
    with torch.no_grad():
        first = 1  # 0 is what the export fills gaps with
        for parameter, size in zip(parameters, sizes, strict=True):
            parameter.copy_(torch.arange(first, first + size).reshape(parameter.shape))
            first += size
        weights = np.zeros(first, dtype=np.float32)
        for name, numbers in language_nodes(network)[1].items():
            if numbers.dtype == np.float32 and numbers.ndim:
                if name not in trained or trained[name].shape != numbers.shape:
                    raise TrainingError(
                        "The earlier model has another shape: train afresh, without a warm start"
                    )
                weights[numbers.astype(np.int64)] = trained[name]
        parts = np.split(weights[1:], np.cumsum(sizes)[:-1])
        for parameter, part in zip(parameters, parts, strict=True):
            parameter.copy_(torch.from_numpy(part).reshape(parameter.shape))
