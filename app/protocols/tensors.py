"""Tensors of the Open Inference Protocol as bytes, in JSON or in the binary extension behind it.

body = JSON | JSON of `Inference-Header-Content-Length` bytes, then the binary tensors in their order
BYTES element = 4-byte little-endian length, then that many bytes
"""

import math
import re
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import pydantic

from app.contract.errors import InvalidRequest
from app.contract.schemas.oip import InferRequest, InferResponse, InputTensor, OutputTensor
from app.errors import InvalidFields

HEADER_LENGTH = "Inference-Header-Content-Length"
BINARY = "application/octet-stream"

_WHOLE = re.compile(r"[0-9]{1,18}")  # Python makes no number of more than 4300 digits

_CODES = {
    "BOOL": "?", "UINT8": "B", "UINT16": "H", "UINT32": "I", "UINT64": "Q",
    "INT8": "b", "INT16": "h", "INT32": "i", "INT64": "q", "FP32": "f", "FP64": "d",
}  # fmt: skip


@dataclass(frozen=True)
class Tensor:
    """Values in C order: raw little-endian bytes, or, for BYTES, the elements themselves."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    data: bytes = b""
    elements: tuple[bytes, ...] = ()

    @classmethod
    def of(cls, name: str, datatype: str, shape: Sequence[int], values: Sequence[float]) -> "Tensor":
        """A tensor of numbers."""
        return cls(name, datatype, tuple(shape), struct.pack(f"<{len(values)}{_CODES[datatype]}", *values))

    def numbers(self) -> list[Any]:
        """The values of a tensor that is not BYTES."""
        code = _CODES[self.datatype]
        return list(struct.unpack(f"<{len(self.data) // struct.calcsize(code)}{code}", self.data))


def read(body: bytes, header_length: str | None) -> tuple[InferRequest, dict[str, Tensor]]:
    """The request and its input tensors by name. Raises `InvalidRequest`."""
    if header_length is None:
        length = len(body)
    elif _WHOLE.fullmatch(header_length) and int(header_length) <= len(body):
        length = int(header_length)
    else:
        raise InvalidRequest(reason=f"{HEADER_LENGTH} is not the length of the JSON that begins the body")
    try:
        asked = InferRequest.model_validate_json(body[:length])
    except pydantic.ValidationError as error:
        raise InvalidFields.of(error, "body") from None
    rest = memoryview(body)[length:]
    tensors: dict[str, Tensor] = {}
    for given in asked.inputs:
        size = given.parameters.get("binary_data_size")
        if size is None:
            tensor = _from_json(given)
        elif type(size) is not int or not 0 <= size <= len(rest):
            raise InvalidRequest(reason=f"input {given.name}: binary_data_size is more than the body holds")
        else:
            tensor, rest = _from_binary(given, bytes(rest[:size])), rest[size:]
        if given.name in tensors:
            raise InvalidRequest(reason=f"input {given.name} comes twice")
        tensors[given.name] = tensor
    if rest:
        raise InvalidRequest(reason=f"{len(rest)} bytes of the body belong to no input")
    return asked, tensors


def write(response: InferResponse, tensors: Sequence[Tensor], *, binary: Sequence[bool]) -> tuple[bytes, int | None]:
    """The body of an answer with these outputs, and the length of its JSON when binary tensors follow it."""
    outputs, tail = [], b""
    for tensor, as_binary in zip(tensors, binary, strict=True):
        told: dict[str, Any] = {"name": tensor.name, "datatype": tensor.datatype, "shape": list(tensor.shape)}
        if as_binary:
            packed = _pack(tensor)
            tail += packed
            told["parameters"] = {"binary_data_size": len(packed)}
        elif tensor.datatype == "BYTES":
            told["data"] = [element.decode("utf-8", "replace") for element in tensor.elements]
        else:
            told["data"] = tensor.numbers()
        outputs.append(OutputTensor(**told))
    head = response.model_copy(update={"outputs": outputs}).model_dump_json(exclude_none=True).encode()
    return head + tail, len(head) if any(binary) else None


def _from_json(given: InputTensor) -> Tensor:
    values = _flat(given.data or [], given.name)
    count = _count(given)
    if len(values) != count:
        raise InvalidRequest(reason=f"input {given.name}: {len(values)} values do not fill its shape of {count}")
    shape = tuple(given.shape)
    if given.datatype == "BYTES":
        if not all(isinstance(value, str) for value in values):
            raise InvalidRequest(reason=f"input {given.name}: BYTES are texts in JSON")
        return Tensor(given.name, "BYTES", shape, elements=tuple(value.encode("utf-8", "replace") for value in values))
    try:
        return Tensor.of(given.name, given.datatype, shape, values)
    except (struct.error, TypeError, OverflowError):
        raise InvalidRequest(reason=f"input {given.name}: a value is no {given.datatype}") from None


def _from_binary(given: InputTensor, data: bytes) -> Tensor:
    count, shape = _count(given), tuple(given.shape)
    if given.datatype == "BYTES":
        elements = tuple(_elements(data, given.name))
        if len(elements) != count:
            raise InvalidRequest(reason=f"input {given.name}: {len(elements)} elements do not fill its shape")
        return Tensor(given.name, "BYTES", shape, elements=elements)
    if len(data) != count * struct.calcsize(_CODES[given.datatype]):
        raise InvalidRequest(reason=f"input {given.name}: {len(data)} bytes do not fill its shape")
    return Tensor(given.name, given.datatype, shape, data)


def _elements(data: bytes, name: str) -> Iterator[bytes]:
    at = 0
    while at < len(data):
        length = int.from_bytes(data[at : at + 4], "little")
        at += 4 + length
        if at > len(data):
            raise InvalidRequest(reason=f"input {name}: an element is longer than the tensor")
        yield data[at - length : at]


def _pack(tensor: Tensor) -> bytes:
    if tensor.datatype == "BYTES":
        return b"".join(len(element).to_bytes(4, "little") + element for element in tensor.elements)
    return tensor.data


def _count(given: InputTensor) -> int:
    """How many values a tensor has. Raises `InvalidRequest` when its type or shape is none."""
    if given.datatype != "BYTES" and given.datatype not in _CODES:
        raise InvalidRequest(reason=f"input {given.name}: {given.datatype} is not a datatype that is read here")
    if any(side < 0 for side in given.shape):
        raise InvalidRequest(reason=f"input {given.name}: a shape has no negative sides")
    return math.prod(given.shape)


def _flat(values: list[Any], name: str) -> list[Any]:
    """Nested lists as one, a level at a time: a picture's pixels are too many for a step of Python each.

    Each level is lists alone or values alone. Otherwise one deep list among many values would have all of them copied
    for each of its levels.
    """
    while values and type(values[0]) is list:
        if not all(type(value) is list for value in values):
            raise InvalidRequest(reason=f"input {name}: lists and values stand side by side")
        values = list(chain.from_iterable(values))
    return values
