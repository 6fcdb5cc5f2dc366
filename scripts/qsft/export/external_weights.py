"""The weights of a graph without its data: read them from one external file, write them to another.

`WeightFile` is what a rewriting of the weights needs; graphs that keep theirs never come here.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from onnx import GraphProto, TensorProto, helper, numpy_helper

Array = NDArray[np.generic]
ALIGNMENT = 64  # bytes: a cache line, and enough for every vector instruction


class WeightFile:
    """External data that grows by one tensor at a time."""

    def __init__(self, stream: BinaryIO, location: str) -> None:
        self._stream = stream
        self._location = location

    def append(self, name: str, values: Array) -> TensorProto:
        """Write the values and give the initializer that finds them."""
        offset = self._stream.tell()
        padding = -offset % ALIGNMENT
        data = values.tobytes()
        self._stream.write(bytes(padding) + data)
        tensor = TensorProto(
            name=name,
            dims=values.shape,
            data_type=helper.np_dtype_to_tensor_dtype(values.dtype),
            data_location=TensorProto.EXTERNAL,
        )
        place = {"location": self._location, "offset": offset + padding, "length": len(data)}
        for key, value in place.items():
            tensor.external_data.add(key=key, value=str(value))
        return tensor


@contextmanager
def weight_file(path: Path) -> Iterator[WeightFile]:
    with path.open("wb") as stream:
        yield WeightFile(stream, path.name)


def read_weight(tensor: TensorProto, source: Path) -> Array:
    """The initializer's values: its own, or those it names in the file `source`."""
    if tensor.data_location != TensorProto.EXTERNAL:
        values: Array = numpy_helper.to_array(tensor)
        return values
    place = {entry.key: entry.value for entry in tensor.external_data}
    dtype = helper.tensor_dtype_to_np_dtype(tensor.data_type)
    stored: Array = np.memmap(
        source, dtype, "r", offset=int(place.get("offset", 0)), shape=tuple(tensor.dims)
    )
    return stored


def initializers_of(graph: GraphProto) -> dict[str, TensorProto]:
    return {tensor.name: tensor for tensor in graph.initializer}
