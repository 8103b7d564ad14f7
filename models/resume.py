"""Resume state: named tensors and a JSON document in one safetensors file. Never served, never unpickled.

Optimisers and random generators keep nested dictionaries; `flatten` turns such a tree into tensors with dotted names
and a JSON skeleton, `unflatten` reverses it. Random generator states are uint8 tensors already
(`torch.get_rng_state()`).
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

_META = "resume"


def save_state(path: Path, tensors: Mapping[str, Tensor], meta: Mapping[str, Any]) -> None:
    """Write `tensors` and the JSON-able `meta` to `path`; a reader sees the old file or the new one, never half of
    one."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    # Clones, because safetensors refuses tensors that share memory, as tied weights and views do.
    owned = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    save_file(owned, partial, metadata={_META: json.dumps(meta)})
    with open(partial, "rb") as written:
        os.fsync(written.fileno())
    os.replace(partial, path)


def load_state(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors (on the CPU) and the meta document of `path`. Raises `ValueError` if it is no resume state."""
    try:
        opened = safe_open(path, framework="pt")
    except SafetensorError as error:
        raise ValueError(f"{Path(path).name} is not a resume state: {error}.") from error
    with opened as file:
        meta = (file.metadata() or {}).get(_META)
        if meta is None:
            raise ValueError(f"{Path(path).name} is not a resume state.")
        names: list[str] = list(file.keys())
        return {name: file.get_tensor(name) for name in names}, json.loads(meta)


def flatten(name: str, tree: Any) -> tuple[dict[str, Tensor], Any]:
    """Split `tree` (dicts, lists, numbers, tensors, as in an optimiser's `state_dict()`) into tensors and a skeleton.

    Tensor names start with `name`. In the skeleton a tensor is `{"tensor": its name}` and a dictionary is
    `{"dict": [[key, value], ...]}`, because optimisers use whole numbers as keys and JSON does not.
    """
    if isinstance(tree, Tensor):
        return {name: tree}, {"tensor": name}
    if isinstance(tree, Mapping):
        parts = [(key, flatten(f"{name}.{key}", value)) for key, value in tree.items()]
        tensors = {key: tensor for _, (part, _) in parts for key, tensor in part.items()}
        return tensors, {"dict": [[key, skeleton] for key, (_, skeleton) in parts]}
    if isinstance(tree, list | tuple):
        items = [flatten(f"{name}.{index}", value) for index, value in enumerate(tree)]
        return {key: tensor for part, _ in items for key, tensor in part.items()}, [skeleton for _, skeleton in items]
    return {}, tree


def unflatten(tensors: Mapping[str, Tensor], skeleton: Any) -> Any:
    """The tree that `flatten` split. Tuples come back as lists, which `load_state_dict` accepts."""
    if isinstance(skeleton, dict):
        if "tensor" in skeleton:
            return tensors[skeleton["tensor"]]
        return {key: unflatten(tensors, value) for key, value in skeleton["dict"]}
    if isinstance(skeleton, list):
        return [unflatten(tensors, value) for value in skeleton]
    return skeleton


def module_tensors(name: str, module: torch.nn.Module) -> dict[str, Tensor]:
    """The module's weights and buffers under `name.`, ready for `save_state`."""
    return {f"{name}.{key}": tensor for key, tensor in module.state_dict().items()}


def restore_module(name: str, module: torch.nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Load what `module_tensors(name, module)` saved."""
    module.load_state_dict(module_in(name, tensors))


def module_in(name: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What `module_tensors(name, module)` saved, by the module's own names; empty if it was not saved."""
    start = f"{name}."
    return {key[len(start) :]: value for key, value in tensors.items() if key.startswith(start)}


def as_json(value: Any) -> Any:
    """`value` as it comes back from a file, with tuples as lists, so that the two can be compared."""
    return json.loads(json.dumps(value))
