"""The Open Inference Protocol (version 2) over HTTP: what it says of servers, models and tensors."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.contract.schemas.base import Told

Side = Annotated[int, Field(le=2**53)]  # programs in JavaScript count no further


class Lenient(BaseModel):
    """Base of what clients of the protocol send. Fields of extensions that are not known here have no effect."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class InputTensor(Lenient):
    """One tensor, its data in JSON or behind it."""

    name: str = Field(max_length=100)
    shape: list[Side] = Field(max_length=8)
    datatype: str = Field(max_length=10, examples=["UINT8"])
    parameters: dict[str, Any] = Field(default_factory=dict)
    data: list[Any] | None = None


class RequestedOutput(Lenient):
    """An output that is wanted."""

    name: str = Field(max_length=100)
    parameters: dict[str, Any] = Field(default_factory=dict)


class InferRequest(Lenient):
    """Tensors in."""

    id: str | None = Field(None, max_length=200)
    parameters: dict[str, Any] = Field(default_factory=dict)
    inputs: list[InputTensor] = Field(
        max_length=8, examples=[[{"name": "seeds", "datatype": "BYTES", "shape": [1], "data": ["ada"]}]]
    )
    outputs: list[RequestedOutput] | None = Field(None, max_length=8)


class OutputTensor(Told):
    """One tensor of the answer."""

    name: str
    shape: list[int]
    datatype: str
    parameters: dict[str, Any] | None = None
    data: list[Any] | None = None


class InferResponse(Told):
    """Tensors out."""

    model_name: str
    model_version: str
    id: str | None = None
    outputs: list[OutputTensor]


class TensorMetadata(Told):
    """What a model takes or gives; -1 is any number."""

    name: str
    datatype: str
    shape: list[int]


class ModelMetadata(Told):
    """A model."""

    name: str
    versions: list[str]
    platform: Literal["likeness_classifier", "likeness_generator"]
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]


class ServerMetadata(Told):
    """The server."""

    name: Literal["likeness"] = "likeness"
    version: str
    extensions: list[str]


class ServerLive(Told):
    """Whether it lives."""

    live: bool


class ServerReady(Told):
    """Whether it can infer."""

    ready: bool


class ModelReady(Told):
    """Whether a model can be used."""

    name: str
    ready: bool


class RepositoryEntry(Told):
    """One model of the repository's index."""

    name: str
    version: str
    state: Literal["READY", "UNAVAILABLE"]
