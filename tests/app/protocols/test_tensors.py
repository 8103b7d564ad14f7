import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.contract.errors import InvalidRequest
from app.contract.schemas.oip import InferResponse
from app.protocols import tensors
from app.protocols.tensors import Tensor

ANSWER = InferResponse(model_name="m", model_version="1", outputs=[])


def body(*inputs: dict[str, object], tail: bytes = b"") -> tuple[bytes, str]:
    head = json.dumps({"inputs": inputs}).encode()
    return head + tail, str(len(head))


@pytest.mark.parametrize("values", [[1, [2]], [[1], 2], [[[1]], [2]], ["ab", ["c"]]])
def test_lists_beside_values_are_refused(values: list[object]) -> None:
    sent, _ = body({"name": "pixels", "datatype": "UINT8", "shape": [2], "data": values})
    with pytest.raises(InvalidRequest, match=r"side by side|no UINT8"):
        tensors.read(sent, None)


def test_numbers_in_json_may_be_nested_or_flat() -> None:
    for data in ([[1, 2], [3, 4]], [1, 2, 3, 4]):
        sent, _ = body({"name": "x", "shape": [2, 2], "datatype": "UINT8", "data": data})
        assert tensors.read(sent, None)[1] == {"x": Tensor("x", "UINT8", (2, 2), b"\1\2\3\4")}


def test_binary_tensors_follow_the_json_in_their_order() -> None:
    sent, length = body(
        {"name": "a", "shape": [2], "datatype": "INT64", "parameters": {"binary_data_size": 16}},
        {"name": "b", "shape": [2], "datatype": "BYTES", "parameters": {"binary_data_size": 11}},
        tail=(7).to_bytes(8, "little") + (-1).to_bytes(8, "little", signed=True) + b"\2\0\0\0hi\1\0\0\0!",
    )

    found = tensors.read(sent, length)[1]

    assert found["a"].numbers() == [7, -1]
    assert found["b"].elements == (b"hi", b"!")


@given(st.lists(st.binary(max_size=30), max_size=6), st.lists(st.floats(width=32, allow_nan=False), max_size=6))
def test_what_is_written_in_binary_is_read_the_same(elements: list[bytes], numbers: list[float]) -> None:
    given_tensors = [
        Tensor("b", "BYTES", (len(elements),), elements=tuple(elements)),
        Tensor.of("f", "FP32", (len(numbers),), numbers),
    ]
    written, length = tensors.write(ANSWER, given_tensors, binary=[True, True])
    assert length is not None
    head = json.loads(written[:length])

    again = json.dumps({"inputs": head["outputs"]}).encode()
    found = tensors.read(again + written[length:], str(len(again)))[1]

    assert list(found.values()) == given_tensors


def test_an_answer_mixes_json_and_binary() -> None:
    written, length = tensors.write(
        ANSWER,
        [Tensor.of("f", "FP32", (2,), [0.5, 2]), Tensor("s", "BYTES", (1,), elements=(b"x",))],
        binary=[False, True],
    )

    assert length is not None
    assert [output.get("data") for output in json.loads(written[:length])["outputs"]] == [[0.5, 2], None]
    assert written[length:] == b"\1\0\0\0x"


@pytest.mark.parametrize(
    "given_input",
    [
        {"name": "x", "shape": [2], "datatype": "UINT8", "data": [1]},
        {"name": "x", "shape": [1], "datatype": "UINT8", "data": [256]},
        {"name": "x", "shape": [1], "datatype": "UINT8", "data": [1.5]},
        {"name": "x", "shape": [1], "datatype": "UINT8", "data": ["1"]},
        {"name": "x", "shape": [1], "datatype": "FP16", "data": [1]},
        {"name": "x", "shape": [-1], "datatype": "UINT8", "data": []},
        {"name": "x", "shape": [1], "datatype": "BYTES", "data": [1]},
        {"name": "x", "shape": [1], "datatype": "UINT8", "parameters": {"binary_data_size": 2}},
        {"name": "x", "shape": [1], "datatype": "UINT8", "parameters": {"binary_data_size": 9}},
        {"name": "x", "shape": [1], "datatype": "UINT8", "parameters": {"binary_data_size": -1}},
        {"name": "x", "shape": [1], "datatype": "UINT8", "parameters": {"binary_data_size": True}},
        {"name": "x", "shape": [2], "datatype": "BYTES", "parameters": {"binary_data_size": 4}},
        {"name": "x", "shape": [10**9, 10**9, 10**9], "datatype": "UINT8", "parameters": {"binary_data_size": 4}},
        {"name": "x", "shape": [10**4000, 10**4000], "datatype": "UINT8", "data": [1]},
    ],
)
def test_tensors_that_are_not_whole_are_refused(given_input: dict[str, object]) -> None:
    sent, length = body(given_input, tail=b"\xff\0\0\0")

    with pytest.raises(InvalidRequest):
        tensors.read(sent, length)


@pytest.mark.parametrize("length", ["-1", "x", "", "999", "1_0", "²", "9" * 5000])
def test_a_length_that_is_none_is_refused(length: str) -> None:
    with pytest.raises(InvalidRequest):
        tensors.read(b'{"inputs": []}', length)
