"""open_clip models with their image tower in int8: the file, its runtimes, and the choice of it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import onnx
import pytest
from msgspec.structs import asdict, replace
from PIL import Image

from imgsearch import Library, Settings
from imgsearch.encoders import openvino
from imgsearch.encoders.base import Encoder, EncoderKind, Int8Option
from imgsearch.encoders.measurements import Measurements
from imgsearch.encoders.onnx import OnnxModel
from imgsearch.encoders.openclip import int8, rewrites
from imgsearch.encoders.openvino import Form
from imgsearch.encoders.registry import (
    int8_option,
    name_of,
    open_encoder,
    register,
    satisfies,
    unregister,
)
from imgsearch.errors import EncoderError, EncoderMismatch
from imgsearch.indexer import int8_trial
from imgsearch.indexer.getting import PART
from imgsearch.indexer.int8_trial import ComparisonCache, Int8Comparison
from tests.factories import SimulatedClock, cosines, prepared, run_python, unit
from tests.stand_in import StandIn

if TYPE_CHECKING:
    from imgsearch.encoders.base import Encoder
    from imgsearch.records.arrays import PixelBatch, Vectors

pytestmark = pytest.mark.slow  # exports models

SMALL = "openclip:ViT-S-32-alt/random"
WIDTH = 384  # of its image tower
PHOTOS = 40
OPTION = Int8Option("trial+int8", "trial+fp32", Path("trial", "int8.json"), lambda: "this machine")
GOOD = Int8Comparison(512, 0.999, 0.995, 2.5)

needs_openvino = pytest.mark.skipif(
    not openvino.is_installed(), reason="OpenVINO is not available for this processor"
)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache folder with the small model exported, in float32 and in int8."""
    folder = tmp_path_factory.mktemp("exports")
    open_encoder(f"{SMALL}+int8", folder, "cpu")
    return folder


@pytest.fixture(scope="module")
def views(demo_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of real photos and of crops of them, enough for a trial."""
    folder = tmp_path_factory.mktemp("views")
    photos = [Image.open(path).convert("RGB") for path in sorted(demo_photos.iterdir())]
    for number in range(PHOTOS):
        photo = photos[number % len(photos)]
        corner = number // len(photos) * 40
        photo.crop((corner, corner, *photo.size)).save(folder / f"{number:02}.png")
    return folder


def pixels_of(encoder: Encoder, folder: Path) -> PixelBatch:
    return prepared(encoder, [Image.open(path) for path in sorted(folder.iterdir())])


def one_layer(
    node: onnx.NodeProto,
    shape_in: list[int | None],
    shape_out: list[int | None],
    constants: Mapping[str, np.ndarray] | None = None,
) -> onnx.ModelProto:
    """A graph of this node alone, with the shapes of its first input and output."""
    ends = [
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)
        for name, shape in ((node.input[0], shape_in), (node.output[0], shape_out))
    ]
    initializers = [
        onnx.numpy_helper.from_array(part, name) for name, part in (constants or {}).items()
    ]
    graph = onnx.helper.make_graph([node], "one layer", ends[:1], ends[1:], initializers)
    version = [onnx.helper.make_opsetid("", 17)]
    return onnx.helper.make_model(graph, opset_imports=version, ir_version=9)


# ------------------------------------------------------------------------ the graph, the runtimes


def graph_of(cache: Path, suffix: str) -> onnx.GraphProto:
    return onnx.load(cache / "openclip" / f"ViT-S-32-alt--random{suffix}" / "image.onnx").graph


def test_the_large_matrices_are_in_int8(cache: Path) -> None:
    float32_graph, int8_graph = graph_of(cache, ""), graph_of(cache, "+int8")
    constants = {c.name: onnx.numpy_helper.to_array(c) for c in int8_graph.initializer}
    matrices = {name: c for name, c in constants.items() if c.dtype == np.int8}
    # The one of the patches, and four in each of the twelve blocks.
    assert len(matrices) >= 1 + 4 * 12
    depths = {name: matrix.size // matrix.shape[-1] for name, matrix in matrices.items()}
    assert {WIDTH, 4 * WIDTH} <= set(depths.values())
    for name, matrix in matrices.items():
        assert constants[name.replace(".whole", ".scales")].size == matrix.shape[-1]
    assert "Conv" in {node.op_type for node in float32_graph.node}
    assert "Conv" not in {node.op_type for node in int8_graph.node}

    def size_bytes(graph: onnx.GraphProto) -> int:
        return sum(len(constant.raw_data) for constant in graph.initializer)

    assert size_bytes(int8_graph) < 0.35 * size_bytes(float32_graph)


@pytest.mark.parametrize(
    ("attributes", "side_px", "replaced"),
    [
        ({"strides": [8, 8]}, 24, True),
        ({"strides": [8, 8], "biased": True}, 24, True),
        ({"strides": [4, 4]}, 24, False),
        ({"strides": [8, 8]}, 28, False),
        ({"strides": [8, 8], "pads": [4, 4, 4, 4]}, 24, False),
    ],
)
def test_a_convolution_of_disjoint_patches_becomes_a_product(
    attributes: dict[str, Any], side_px: int, replaced: bool, tmp_path: Path
) -> None:
    random = np.random.default_rng(0)
    weights = [random.normal(size=(5, 2, 8, 8)).astype(np.float32)]
    if attributes.pop("biased", False):
        weights.append(random.normal(size=5).astype(np.float32))
    names = ["kernels", "bias"][: len(weights)]
    conv = onnx.helper.make_node("Conv", ["photos", *names], ["output"], **attributes)
    constants = dict(zip(names, weights, strict=True))
    model = one_layer(conv, [None, 2, side_px, side_px], [None] * 4, constants)
    photos = random.normal(size=(3, 2, side_px, side_px)).astype(np.float32)

    def output() -> np.ndarray:
        onnx.checker.check_model(model)
        onnx.save(model, tmp_path / "image.onnx")
        return OnnxModel(tmp_path / "image.onnx", threads=1)(photos)

    before = output()
    rewrites.patches_as_product(model.graph, 128)
    assert ("MatMul" in {node.op_type for node in model.graph.node}) is replaced
    np.testing.assert_allclose(output(), before, atol=1e-4)


def block(token: int = 0, shared: bool = False) -> onnx.ModelProto:
    """A layer that mixes five tokens, one that takes each by itself, and the choice of a token.

    With `shared`, the second layer also goes to an output of its own.
    """
    random = np.random.default_rng(0)
    constants = {
        "gain": random.normal(size=8),
        "up": random.normal(size=(8, 16)),
        "down": random.normal(size=(16, 8)),
        "bias": random.normal(size=8),
    }
    node = onnx.helper.make_node
    nodes = [
        node("Transpose", ["tokens"], ["keys"], perm=[0, 2, 1]),
        node("MatMul", ["tokens", "keys"], ["scores"]),
        node("Softmax", ["scores"], ["shares"], axis=-1),
        node("MatMul", ["shares", "tokens"], ["mixed"]),
        node("Add", ["tokens", "mixed"], ["sum"]),
        node("LayerNormalization", ["sum", "gain"], ["normal"], axis=-1),
        node("MatMul", ["normal", "up"], ["wide"]),
        node("Sigmoid", ["wide"], ["gated"]),
        node("MatMul", ["gated", "down"], ["narrow"]),
        node("Add", ["bias", "narrow"], ["biased"]),
        node("Add", ["sum", "biased"], ["all"]),
        node("Gather", ["all", "token"], ["output"], axis=1),
    ]
    value = onnx.helper.make_tensor_value_info
    initializers = [
        onnx.numpy_helper.from_array(part.astype(np.float32), name)
        for name, part in constants.items()
    ]
    initializers.append(onnx.numpy_helper.from_array(np.array(token), "token"))
    outputs = [value("output", onnx.TensorProto.FLOAT, [None, 8])]
    if shared:
        outputs.append(value("wide", onnx.TensorProto.FLOAT, [None, 5, 16]))
    inputs = [value("tokens", onnx.TensorProto.FLOAT, [None, 5, 8])]
    graph = onnx.helper.make_graph(nodes, "block", inputs, outputs, initializers)
    version = [onnx.helper.make_opsetid("", 17)]
    return onnx.helper.make_model(graph, opset_imports=version, ir_version=9)


@pytest.mark.parametrize(
    ("token", "shared", "rows_of_up", "rows_of_down"),
    [(0, False, 1, 1), (0, True, 5, 1), (1, False, 5, 5)],
)
def test_layers_behind_the_last_attention_are_computed_for_the_token_that_counts(
    token: int, shared: bool, rows_of_up: int, rows_of_down: int, tmp_path: Path
) -> None:
    model = block(token, shared)
    tokens = np.random.default_rng(1).normal(size=(3, 5, 8)).astype(np.float32)

    def outputs() -> list[np.ndarray]:
        onnx.checker.check_model(model)
        onnx.save(model, tmp_path / "image.onnx")
        return OnnxModel(tmp_path / "image.onnx", threads=1).outputs(tokens)

    before = outputs()
    rewrites.keep_one_token(model.graph)
    for now, then in zip(outputs(), before, strict=True):
        np.testing.assert_allclose(now, then, atol=1e-5)
    inferred = onnx.shape_inference.infer_shapes(model).graph
    rows = {
        value.name: value.type.tensor_type.shape.dim[1].dim_value
        for value in (*inferred.value_info, *inferred.output)
    }
    assert (rows["wide"], rows["narrow"]) == (rows_of_up, rows_of_down)


def normed_product(transposed: bool = False, shared: bool = False) -> onnx.ModelProto:
    """A layer norm with a few large channels, and the product of its tokens with a matrix.

    With `transposed`, tokens and photos change places between them, and with `shared` the norm
    goes to an output of its own.
    """
    random = np.random.default_rng(0)
    gain = random.uniform(0.5, 1, WIDTH)
    gain[::64] *= 60
    constants = {
        "gain": gain,
        "shift": random.normal(size=WIDTH) / 10,
        "matrix": random.normal(size=(WIDTH, 2 * WIDTH)) / WIDTH**0.5,
    }
    node, value = onnx.helper.make_node, onnx.helper.make_tensor_value_info
    nodes = [node("LayerNormalization", ["tokens", "gain", "shift"], ["normal"], axis=-1)]
    if transposed:
        nodes.append(node("Transpose", ["normal"], ["moved"], perm=[1, 0, 2]))
    nodes.append(node("MatMul", ["moved" if transposed else "normal", "matrix"], ["output"]))
    outputs = [value("output", onnx.TensorProto.FLOAT, [None, None, 2 * WIDTH])]
    if shared:
        outputs.append(value("normal", onnx.TensorProto.FLOAT, [None, None, WIDTH]))
    inputs = [value("tokens", onnx.TensorProto.FLOAT, [None, None, WIDTH])]
    initializers = [
        onnx.numpy_helper.from_array(part.astype(np.float32), name)
        for name, part in constants.items()
    ]
    graph = onnx.helper.make_graph(nodes, "normed product", inputs, outputs, initializers)
    version = [onnx.helper.make_opsetid("", 17)]
    return onnx.helper.make_model(graph, opset_imports=version, ir_version=9)


TOKENS = np.random.default_rng(1).normal(size=(8, 5, WIDTH)).astype(np.float32)


@needs_openvino
@pytest.mark.parametrize("transposed", [False, True])
def test_large_channels_do_not_coarsen_the_others(transposed: bool, tmp_path: Path) -> None:
    model = normed_product(transposed)
    onnx.save(model, tmp_path / "float.onnx")
    expected = OnnxModel(tmp_path / "float.onnx", threads=1).run(TOKENS)[0]
    random = np.random.default_rng(2)
    samples = [random.normal(size=(4, 5, WIDTH)).astype(np.float32)]
    facts = int8.convert(tmp_path / "float.onnx", tmp_path / "int8.onnx", samples)
    assert asdict(facts) == {"matrices": 1, "group": WIDTH}
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "float.onnx",
        "int8.onnx",
        "int8.weights",
    ]
    constants = {c.name: c for c in onnx.load(tmp_path / "int8.onnx").graph.initializer}
    before = {c.name: onnx.numpy_helper.to_array(c) for c in model.graph.initializer}
    factors = before["gain"] / onnx.numpy_helper.to_array(constants["normal.1"])
    assert np.array_equal(np.exp2(np.rint(np.log2(factors))), factors), "others would round"
    assert factors[::64].min() >= 4 * np.median(factors)

    def error(file: str) -> float:
        # In one form: OpenVinoModel chooses the fastest, and bfloat16 rounds more.
        graph = openvino.compiled(tmp_path / file, WIDTH, openvino.Form("f32"))
        vectors = graph.create_infer_request().infer({0: TOKENS})[0]
        return float(np.linalg.norm(vectors - expected) / np.linalg.norm(expected))

    smoothed = error("int8.onnx")
    onnx.save(normed_product(transposed, shared=True), tmp_path / "shared.onnx")
    int8.convert(tmp_path / "shared.onnx", tmp_path / "coarse.onnx", samples)
    assert smoothed < 0.01
    assert smoothed < 0.7 * error("coarse.onnx")


@needs_openvino
def test_a_norm_that_others_use_stays_as_it_is(tmp_path: Path) -> None:
    onnx.save(normed_product(shared=True), tmp_path / "float.onnx")
    before = OnnxModel(tmp_path / "float.onnx", threads=1).run(TOKENS)
    int8.convert(tmp_path / "float.onnx", tmp_path / "int8.onnx", [TOKENS])
    after = OnnxModel(tmp_path / "int8.onnx", threads=1).run(TOKENS)
    np.testing.assert_allclose(after[1], before[1], atol=1e-6)
    assert cosines(after[0][0], before[0][0]).min() > 0.999


def test_pictures_for_the_conversion_are_like_photos_and_always_the_same() -> None:
    pictures = int8.made_pictures(224)
    np.testing.assert_array_equal(pictures, int8.made_pictures(224))
    assert pictures.shape == (8, 3, 224, 224) and pictures.dtype == np.uint8
    assert ((pictures.std(axis=(1, 2, 3)) > 20) & (pictures.std(axis=(1, 2, 3)) < 80)).all()
    neighbours = np.abs(np.diff(pictures.astype(int), axis=-1)).mean()
    assert neighbours < 0.5 * pictures.std(), "this is noise"
    assert len({picture.tobytes() for picture in pictures}) == 8


def test_of_the_last_block_only_the_token_that_is_the_output_is_computed(cache: Path) -> None:
    graph = onnx.load(cache / "openclip/ViT-S-32-alt--random+int8/image.onnx").graph
    chosen = [node for node in graph.node if node.op_type == "Gather" and "token" in node.output[0]]
    assert len(chosen) == 2, "the sum behind the attention has two inputs"


@needs_openvino
def test_int8_is_close_to_float32_and_has_an_id_of_its_own(cache: Path, views: Path) -> None:
    float32, in_int8 = (open_encoder(name, cache, "cpu") for name in (SMALL, f"{SMALL}+int8"))
    assert in_int8.id != float32.id
    assert name_of(in_int8.id) == f"{SMALL}+int8"
    assert in_int8.runtime.label == "OpenVINO on cpu"  # type: ignore[attr-defined]
    pixels = pixels_of(float32, views)
    np.testing.assert_array_equal(pixels, pixels_of(in_int8, views))
    vectors = float32.encode_pixels(pixels)
    similarity = cosines(vectors, in_int8.encode_pixels(pixels))
    assert similarity.min() >= 0.998
    assert similarity.max() < 1 - 1e-6, "this is float32"
    np.testing.assert_array_equal(in_int8.encode_texts(["a cat"]), float32.encode_texts(["a cat"]))


@needs_openvino
def test_without_openvino_the_same_file_runs_in_onnx_runtime(
    cache: Path, views: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = open_encoder(f"{SMALL}+int8", cache, "cpu")
    pixels = pixels_of(here, views)
    vectors = here.encode_pixels(pixels)
    monkeypatch.setitem(sys.modules, "openvino", None)  # as if it were not installed
    elsewhere = open_encoder(f"{SMALL}+int8", cache, "cpu")
    assert elsewhere.runtime.label == "ONNX Runtime on cpu"  # type: ignore[attr-defined]
    assert elsewhere.id == here.id
    assert cosines(vectors, elsewhere.encode_pixels(pixels)).min() >= 0.998


@needs_openvino
def test_a_damaged_graph_is_an_error_and_a_damaged_compilation_is_replaced(
    cache: Path, views: Path, tmp_path: Path
) -> None:
    encoder = open_encoder(f"{SMALL}+int8", cache, "cpu")
    pixels = pixels_of(encoder, views)[:4]
    vectors = encoder.encode_pixels(pixels)
    folder = cache / "openclip" / "ViT-S-32-alt--random+int8"
    for blob in (folder / openvino.COMPILED).iterdir():
        blob.chmod(0o600)
        blob.write_bytes(blob.read_bytes()[: blob.stat().st_size // 2])
    again = open_encoder(f"{SMALL}+int8", cache, "cpu").encode_pixels(pixels)
    np.testing.assert_allclose(again, vectors, atol=1e-5)
    (tmp_path / "image.onnx").write_bytes(b"no graph")
    with pytest.raises(EncoderError, match="Delete the folder"):
        openvino.OpenVinoModel(tmp_path / "image.onnx", 128)


@needs_openvino
def test_a_model_runs_where_its_compilation_cannot_be_cached(cache: Path, tmp_path: Path) -> None:
    source = cache / "openclip" / "ViT-S-32-alt--random+int8"
    for name in ("image.onnx", "image.weights"):
        shutil.copyfile(source / name, tmp_path / name)
    (tmp_path / openvino.COMPILED).write_text("in the way")
    model = openvino.OpenVinoModel(tmp_path / "image.onnx", 128)
    assert model(np.zeros((3, 3, 224, 224), np.uint8)).shape == (3, 256)


def test_the_fastest_form_is_measured_once_for_a_machine(tmp_path: Path) -> None:
    cache = Measurements(tmp_path / "form.json")
    f32 = openvino.FORMS[1]
    measured: list[str] = []

    def fastest(seconds: Mapping[str, float], machine: str, *candidates: Form) -> str:
        def is_faster(form: Form, other: Form) -> bool:
            measured.append(machine)
            return seconds[form.name] < seconds[other.name]

        found = openvino.fastest_form(candidates or openvino.FORMS, cache, machine, is_faster)
        return found.name

    def seconds_of(*seconds: float) -> dict[str, float]:
        return dict(zip((form.name for form in openvino.FORMS), seconds, strict=True))

    assert fastest({}, "this", f32) == f32.name and not measured, "there is no choice"
    assert fastest(seconds_of(2, 1, 4, 3), "this") == f32.name
    assert measured == ["this"] * 3, "each with the fastest before it"
    assert fastest(seconds_of(1, 2, 3, 4), "this") == f32.name and len(measured) == 3
    cache.put("this", "f8")
    assert fastest(seconds_of(1, 2, 3, 4), "this") == "bf16, 8 at once", "it was damaged"
    slow_for_more = {"f32, scales in the graph, 8 at once": 2}
    few = "f32, scales in the graph, 4 at once"
    assert fastest(seconds_of(4, 2, 3, 1) | slow_for_more, "another") == few
    fast_for_more = {"f32, scales in the graph, 8 at once": 0.5}
    more = fastest(seconds_of(4, 2, 3, 1) | fast_for_more, "a third")
    assert more == "f32, scales in the graph, 8 at once"
    count = len(measured)
    assert fastest({}, "a third") == more and len(measured) == count, "more rows are known, too"


@needs_openvino
def test_a_model_is_computed_in_the_form_that_was_measured(
    cache: Path, views: Path, tmp_path: Path
) -> None:
    source = cache / "openclip" / "ViT-S-32-alt--random+int8"
    for name in ("image.onnx", "image.weights"):
        shutil.copyfile(source / name, tmp_path / name)
    graph = tmp_path / "image.onnx"
    chosen = openvino.form_for(graph, WIDTH)
    assert Measurements(tmp_path / openvino.FORM_FILE).get(openvino.machine()) == chosen.name
    pixels = pixels_of(open_encoder(SMALL, cache, "cpu"), views)[:6]
    expected = open_encoder(SMALL, cache, "cpu").encode_pixels(pixels)
    for form in openvino.FORMS:
        if form.float_type == "bf16" and not openvino.has_bfloat16():
            continue
        Measurements(tmp_path / openvino.FORM_FILE).put(openvino.machine(), form.name)
        model = openvino.OpenVinoModel(graph, WIDTH, threads=1)
        assert model.form == form
        vectors = unit(model(pixels))
        assert cosines(vectors, expected).min() >= 0.998
        np.testing.assert_array_equal(unit(model(pixels)), vectors)
        for rows in (1, 3):  # the promise of `Encoder.encode_pixels`
            alone = np.concatenate([unit(model(pixels[i : i + rows])) for i in range(0, 6, rows)])
            assert cosines(alone, vectors).min() >= 0.9999, "a photo depends on the others"
            if form.float_type == "f32":
                np.testing.assert_allclose(alone, vectors, atol=1e-6)


def layers_of(model: Any) -> list[str]:
    """The kinds of a compiled model's products, as OpenVINO names them."""
    kinds = (
        str(node.get_rt_info()["layerType"].astype(str))
        for node in model.get_runtime_model().get_ops()
    )
    return [kind for kind in kinds if kind.startswith("FullyConnected")]


@needs_openvino
@pytest.mark.parametrize("transposed", [False, True])
def test_scales_in_the_graph_round_as_the_products_do(transposed: bool, tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    groups, group, outputs = 3, 64, 1024
    depth = groups * group
    weights = random.integers(-127, 128, (depth, outputs)).astype(np.int8)
    scales = random.uniform(1e-3, 2e-3, outputs).astype(np.float32)
    shape = (10, depth) if transposed else (2, 5, depth)
    rows = random.normal(size=shape).astype(np.float32)
    rows[..., :group] *= 50  # one scale for all would leave nothing of the others
    rows[1] = 0
    nodes = [
        onnx.helper.make_node("Cast", ["whole"], ["floats"], to=onnx.TensorProto.FLOAT),
        onnx.helper.make_node("Mul", ["floats", "scales"], ["matrix"]),
        onnx.helper.make_node("Gemm", ["x", "matrix"], ["y"], transB=1)
        if transposed
        else onnx.helper.make_node("MatMul", ["x", "matrix"], ["y"]),
    ]
    constants: dict[str, np.ndarray] = {
        "whole": weights.T if transposed else weights,
        "scales": scales[:, None] if transposed else scales[None],
    }
    graph = onnx.helper.make_graph(
        nodes,
        "product",
        [onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["n", *shape[1:]])],
        [onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, None)],
        [onnx.numpy_helper.from_array(each, name) for name, each in constants.items()],
    )
    version = [onnx.helper.make_opsetid("", 17)]
    path = tmp_path / "product.onnx"
    onnx.save(onnx.helper.make_model(graph, opset_imports=version, ir_version=9), path)
    parts = rows.reshape(*shape[:-1], groups, group)
    largest = np.maximum(np.abs(parts).max(axis=-1, keepdims=True), 1e-12)
    rounded = (np.rint(parts / largest * 127) / 127 * largest).reshape(rows.shape)
    expected = rounded @ (weights * scales)
    model = openvino.compiled(path, group, openvino.Form("f32", scales_in_graph=True))
    # The last one ends what OpenVINO leaves in float32.
    assert layers_of(model) == ["FullyConnected"] * (groups + 1)
    (found,) = model.create_infer_request().infer({0: rows}).values()
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())
    assert not found[1].any()


@needs_openvino
def test_a_form_in_bfloat16_computes_nothing_large_in_float32(cache: Path) -> None:
    if not openvino.has_bfloat16():
        pytest.skip("This processor has no bfloat16.")
    graph = cache / "openclip" / "ViT-S-32-alt--random+int8" / "image.onnx"
    model = openvino.compiled(graph, WIDTH, Form("bf16", scales_in_graph=True))
    for node in model.get_runtime_model().get_ordered_ops():
        kind = str(node.get_rt_info()["layerType"].astype(str))
        if kind in ("Eltwise", "Reduce", "MVN", "Transpose", "Subgraph"):
            assert all(
                output.get_element_type().get_type_name() != "f32"
                or output.get_partial_shape().rank.get_length() < 3  # the vectors
                for output in node.outputs()
            ), node.friendly_name


@needs_openvino
def test_a_form_with_other_results_is_not_faster(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = cache / "openclip" / "ViT-S-32-alt--random+int8"
    for name in ("image.onnx", "image.weights"):
        shutil.copyfile(source / name, tmp_path / name)
    monkeypatch.setattr(openvino, "_MIN_COSINE", 1.1)
    chosen = openvino.form_for(tmp_path / "image.onnx", WIDTH)
    assert chosen == openvino.FORMS[0 if openvino.has_bfloat16() else 1]
    rows = np.array([[1, 0], [3, 4], [0, 0]], np.float32)
    others = np.array([[2, 0], [4, 3], [1, 0]], np.float32)
    assert openvino.least_cosine(rows[:1], others[:1]) == pytest.approx(1)
    assert openvino.least_cosine(rows[:2], others[:2]) == pytest.approx(0.96)
    assert openvino.least_cosine(rows, others) == 0


@needs_openvino
def test_openvino_loads_no_telemetry() -> None:
    code = (
        "import sys; from imgsearch.encoders import openvino as model; model.machine()\n"
        "assert 'openvino' in sys.modules\n"
        "print(*(name for name in sys.modules if 'telemetry' in name or 'ovc' in name))"
    )
    done = run_python(code)
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr


@needs_openvino
def test_first_calls_from_many_threads_do_not_deadlock(tmp_path: Path) -> None:
    file = tmp_path / "image.onnx"  # nothing but arrays in and out
    onnx.save(one_layer(onnx.helper.make_node("Abs", ["x"], ["y"]), [None, 4], [None, 4]), file)
    for _ in range(4):  # every other process hung before this was fixed
        code = [
            sys.executable,
            str(Path(__file__).with_name("concurrent_first_calls.py")),
            str(file),
        ]
        done = subprocess.run(code, capture_output=True, text=True, timeout=60)
        assert done.stdout.split() == ["1.0"] * 8, done.stderr


# ------------------------------------------------------------------------ the name


@pytest.mark.parametrize(
    ("requested", "name", "satisfied"),
    [
        ("openclip:A/p", "openclip:A/p", True),
        ("openclip:A/p", "openclip:A/p+int8", True),
        ("openclip:A/p+int8", "openclip:A/p+int8", True),
        ("openclip:A/p+int8", "openclip:A/p", False),
        ("openclip:A/p+fp32", "openclip:A/p", True),
        ("openclip:A/p+fp32", "openclip:A/p+int8", False),
        ("openclip:A/q", "openclip:A/p", False),
        ("lite", "lite", True),
        ("lite", "openclip:A/p+int8", False),
    ],
)
def test_a_name_without_precision_is_satisfied_by_both(
    requested: str, name: str, satisfied: bool
) -> None:
    assert satisfies(name, requested) is satisfied


def test_int8_is_tried_only_where_the_name_leaves_it_open() -> None:
    option = int8_option(SMALL, "cpu")
    assert (option.int8_name if option else None) == (
        f"{SMALL}+int8" if openvino.is_installed() else None
    )
    for name in ("lite", f"{SMALL}+int8", f"{SMALL}+fp32"):
        assert int8_option(name, "cpu") is None
    assert int8_option(SMALL, "cuda") is None


# ------------------------------------------------------------------------ the trial


class SlowEncoder(StandIn):
    """A stand-in whose batches take `batch_s` seconds, and whose vectors have `noise` added."""

    def __init__(
        self, batch_s: float, noise: float = 0.0, sleep: Callable[[float], object] = time.sleep
    ) -> None:
        super().__init__()
        self._batch_s, self._noise, self._sleep = batch_s, noise, sleep

    def encode_pixels(self, batch: PixelBatch) -> Vectors:
        self._sleep(self._batch_s)
        rows = super().encode_pixels(batch)
        rows += self._noise * np.random.default_rng(0).normal(size=rows.shape).astype(np.float32)
        return unit(rows)


def compare(
    files: list[Path],
    float32_s: float = 0.3,
    int8_s: float = 0.1,
    noise: float = 0.0,
    stops_early: bool = False,
    used: list[Path] | None = None,
) -> Int8Comparison | None:
    """The result for encoders whose batches take these times, after one step a file.

    The files of the steps are added to `used`. With `stops_early` there may be fewer.
    """
    clock = SimulatedClock()
    float32 = SlowEncoder(float32_s, sleep=clock.sleep)
    in_int8 = SlowEncoder(int8_s, noise, sleep=clock.sleep)
    steps = int8_trial.compare(float32, in_int8, files, threads=2, clock=clock)
    done = 0
    while True:
        try:
            step = next(steps)
        except StopIteration as end:
            assert done == len(files) or stops_early
            return cast("Int8Comparison | None", end.value)
        done += 1
        if used is not None and step.path is not None:
            used.append(Path(step.path))
        assert (step.done, step.total, step.part) == (done, len(files), "Trying int8")


def test_a_trial_measures_similarity_and_speed(views: Path) -> None:
    files = sorted(views.iterdir())
    faster = compare(files)
    assert faster is not None and faster.favours_int8
    assert faster.photos == PHOTOS and faster.cosine_least >= 0.9999
    assert faster.times_faster == 3
    equal = compare(files, float32_s=0.1)
    assert equal is not None and not equal.favours_int8 and "not used" in equal.sentence(OPTION)
    dissimilar = compare(files, noise=0.1)
    assert dissimilar is not None and dissimilar.cosine_mean < 0.99 and not dissimilar.favours_int8


def test_a_clear_result_ends_a_trial(views: Path) -> None:
    files = sorted(views.iterdir()) * 8
    used: list[Path] = []

    def comparison(**encoders: float) -> Int8Comparison:
        result = compare(files, stops_early=True, used=used, **encoders)
        assert result is not None
        return result

    clear = comparison()
    assert clear.favours_int8 and 64 <= clear.photos < 100
    kinds = {path.name for path in used}
    assert len(kinds) > PHOTOS / 2, "photos of all folders are among the first"
    slow = comparison(float32_s=0.1)
    assert not slow.favours_int8 and slow.photos < 100
    dissimilar = comparison(noise=0.1)
    assert not dissimilar.favours_int8 and dissimilar.photos < 100
    assert comparison(float32_s=0.13).photos == len(files), "1.3 times as fast is not clear"
    assert comparison(noise=0.02).photos == len(files), "nor is a cosine near the limit"


def test_photos_that_cannot_be_read_are_left_out_of_a_trial(views: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff no photo")
    files = [*sorted(views.iterdir()), tmp_path / "broken.jpg", tmp_path / "gone.jpg"]
    comparison = compare(files)
    assert comparison is not None and comparison.photos == PHOTOS
    assert compare(files[-12:]) is None, "ten photos are too few"


def test_a_single_dissimilar_photo_decides_against_int8() -> None:
    assert Int8Comparison(512, 0.9999, 0.985, 1.3).favours_int8
    assert not Int8Comparison(512, 0.9999, 0.97, 1.3).favours_int8
    assert not Int8Comparison(512, 0.985, 0.98, 1.3).favours_int8
    assert not Int8Comparison(512, 0.9999, 0.9999, 1.2).favours_int8
    assert not Int8Comparison(48, 0.9999, 0.9999, 2.5).is_clear, "more photos may tell more"


def test_a_comparison_is_kept_for_one_model_and_from_enough_photos(tmp_path: Path) -> None:
    cache = ComparisonCache(tmp_path, "m@1", OPTION)
    assert cache.get(100) is None
    cache.put(Int8Comparison(60, 0.999, 0.99, 2.0))
    assert cache.get(60) == cache.get(40) == Int8Comparison(60, 0.999, 0.99, 2.0)
    assert cache.get(61) is None, "more photos can be compared now"
    cache.put(Int8Comparison(64, 0.999, 0.995, 2.0))
    assert cache.get(1_000_000) == Int8Comparison(64, 0.999, 0.995, 2.0), "it was clear"
    cache.put(GOOD)
    assert ComparisonCache(tmp_path, "m@1", OPTION).get(1_000_000) == GOOD
    assert ComparisonCache(tmp_path, "m@2", OPTION).get(40) is None
    elsewhere = replace(OPTION, conditions=lambda: "another machine")
    assert ComparisonCache(tmp_path, "m@1", elsewhere).get(40) is None
    file = tmp_path / OPTION.results_file
    for damage in ("", "[]", '{"x": 1}', file.read_text()[:-30], file.read_text().replace("0", "")):
        file.write_text(damage)
        assert cache.get(40) in (None, GOOD)
    cache.put(GOOD)
    assert cache.get(40) == GOOD


# ------------------------------------------------------------------------ a library


@pytest.fixture
def open_library(cache: Path, tmp_path: Path) -> Iterator[Callable[..., Library]]:
    """Opens the library of that name with an encoder; its notes for the user are in `notes`."""
    opened: list[Library] = []

    def open_(name: str, notes: list[str], encoder: str = SMALL) -> Library:
        settings = Settings.load(
            data_dir=tmp_path / name, cache_dir=cache, encoder=encoder, device="cpu"
        )
        opened.append(Library.open(settings, notes.append))
        return opened[-1]

    yield open_
    for library in opened:
        library.close()


def encoder_of(library: Library) -> str:
    name = library.status().encoder
    assert name is not None
    return name


class TrialKind:
    """A kind of encoder with an int8 variant; a batch takes the given time in each precision."""

    def __init__(self, float32_s: float, int8_s: float) -> None:
        self._seconds = {"trial": float32_s, "trial+int8": int8_s}
        self.kind = EncoderKind(
            prefix="trial", open=self.open, names=self.names, int8=lambda name, device: OPTION
        )

    def open(self, name: str, *arguments: object) -> Encoder:
        name = name.removesuffix("+fp32")
        encoder = SlowEncoder(self._seconds[name])
        encoder.id = f"{name}@1"
        return encoder

    def names(self, requested: str) -> tuple[str, ...]:
        if requested == "trial":
            return ("trial", "trial+int8")
        return (requested.removesuffix("+fp32"),)


@pytest.fixture
def trial_kind(cache: Path) -> Iterator[Callable[[float, float], None]]:
    """Registers a TrialKind whose batches take these seconds in float32 and in int8."""
    (cache / OPTION.results_file).unlink(missing_ok=True)
    yield lambda float32_s, int8_s: register(TrialKind(float32_s, int8_s).kind)
    unregister("trial")


def test_a_new_library_takes_the_faster_precision(
    open_library: Callable[..., Library],
    trial_kind: Callable[[float, float], None],
    cache: Path,
    views: Path,
) -> None:
    trial_kind(0.3, 0.05)
    notes: list[str] = []
    first = open_library("first", notes, "trial")
    parts = {step.part for step in first.index([views])}
    assert parts == {PART, None}
    assert encoder_of(first) == "trial+int8"
    (stored,) = json.loads((cache / OPTION.results_file).read_text()).values()
    assert stored["photos"] == PHOTOS and stored["cosine_least"] >= 0.998
    assert any(f"--encoder {OPTION.float32_name}" in note for note in notes), notes
    assert first.find("0", k=1).hits

    second = open_library("second", notes, "trial")
    assert {step.part for step in second.index([views])} == {None}, "the trial is not repeated"
    assert encoder_of(second) == "trial+int8"
    for requested in ("auto", "trial+int8"):
        again = open_library("second", notes, requested)
        assert again.index().run().unchanged == PHOTOS
    with pytest.raises(EncoderMismatch, match=r"rebuild --encoder trial\+fp32"):
        open_library("second", notes, "trial+fp32").find("a cat")


def test_a_library_is_in_float32_where_int8_gains_nothing(
    open_library: Callable[..., Library],
    trial_kind: Callable[[float, float], None],
    views: Path,
) -> None:
    trial_kind(0.05, 0.3)
    notes: list[str] = []
    library = open_library("slow", notes, "trial")
    library.index([views]).run()
    assert encoder_of(library) == "trial"
    assert any("not used" in note and "+int8" in note for note in notes), notes


@needs_openvino
def test_open_clip_models_are_compared_on_the_photos(
    open_library: Callable[..., Library], cache: Path, views: Path
) -> None:
    results = cache / "openclip" / "int8.json"
    results.unlink(missing_ok=True)
    notes: list[str] = []
    library = open_library("open_clip", notes)
    assert {step.part for step in library.index([views])} == {PART, None}
    ((key, values),) = json.loads(results.read_text()).items()
    assert key == f"{open_encoder(SMALL, cache, 'cpu').id}, int8 format 2, {openvino.machine()}"
    comparison = Int8Comparison(**values)
    assert comparison.photos == PHOTOS and comparison.cosine_least >= 0.998
    # Which one is faster depends on the processor: the model is small.
    assert encoder_of(library) == SMALL + ("+int8" if comparison.favours_int8 else "")
    assert any(f"--encoder {SMALL}+" in note for note in notes), notes


@needs_openvino
def test_precision_can_be_requested_and_changed(
    open_library: Callable[..., Library], views: Path
) -> None:
    notes: list[str] = []
    library = open_library("requested", notes, f"{SMALL}+fp32")
    library.index([views]).run()
    assert encoder_of(library) == SMALL
    open_library("requested", notes).rebuild(f"{SMALL}+int8").run()
    library = open_library("requested", notes)
    assert encoder_of(library) == f"{SMALL}+int8"
    assert library.status().photos == PHOTOS
    library.rebuild(f"{SMALL}+fp32").run()
    assert encoder_of(open_library("requested", notes)) == SMALL


def test_too_few_photos_are_not_compared(
    open_library: Callable[..., Library], demo_photos: Path
) -> None:
    library = open_library("few", [])
    assert {step.part for step in library.index([demo_photos])} == {None}
    assert encoder_of(library) == SMALL
