"""The programs that bench_peers.py compares, each with the commands of every task.

All of them but `imgsearch lite` run the same ViT-B-32-256 with the same random weights (seed 0):
what a model knows costs no time. rclip reads them from ONNX files under its data folder, with the
graph its own export has (float pixels in, no unit length); the torch programs from a state dict.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.processes import Command

ARCH = "ViT-B-32-256"
ENCODER = f"openclip:{ARCH}/random"
HERE = Path(__file__).parent
OFFLINE = {"HF_HUB_OFFLINE": "1"}

# rclip's main() without its search: it has no command that only indexes.
RCLIP_INDEX = """
import os
from rclip import main
from rclip.utils import helpers
args = helpers.init_arg_parser().parse_args(["words"])
for part in main.init_rclip(os.getcwd(), args.indexing_batch_size, args.exclude_dir):
    part.close()
"""


@dataclass(frozen=True)
class Contestant:
    """A program. A command that it does not offer is None.

    `library` names a folder for what it keeps of a set of photos; `index` run again on the same
    library is the second run. Texts and examples are new at every call of the benchmark.
    """

    name: str
    version: str
    index: Callable[[Path, Path], Command]  # (library, photos)
    text: Callable[[Path, Path, str], Command] | None
    image: Callable[[Path, Path, Path], Command] | None
    help: Command | None
    remembers: bool = True  # a second run skips what it knows
    once: bool = False  # takes part in the first round only, in the short form


def imgsearch(work: Path, encoder: str = ENCODER) -> Contestant:
    """This checkout. What a machine does once for a model was done before: its export, the trial of
    int8, the vectors of the texts that every library is held against."""
    program = str(Path(sys.executable).with_name("imgsearch"))

    def command(library: Path, *arguments: str) -> Command:
        env = {
            **OFFLINE,
            "IMGSEARCH_DATA": str(library),
            "IMGSEARCH_CACHE": str(work / "cache"),
            "IMGSEARCH_ENCODER": encoder,
            "IMGSEARCH_DEVICE": "cpu",
        }
        return Command([program, *arguments], work, env)

    return Contestant(
        "imgsearch" if encoder == ENCODER else f"imgsearch, {encoder}",
        _version(Path(sys.executable), "imgsearch-photos"),
        lambda library, photos: command(library, "index", str(photos)),
        lambda library, photos, text: command(library, "search", "--all", "-k", "10", text),
        lambda library, photos, example: command(
            library, "search", "--all", "-k", "10", "--image", str(example)
        ),
        command(work, "--help"),
        once=encoder != ENCODER,  # not the work that the others do
    )


def rclip(work: Path) -> Contestant:
    """rclip 3.3 in its own environment, with our weights where it keeps its own."""
    python = environment(work / "venv-rclip", "rclip==3.3.*")
    program = str(python.with_name("rclip"))
    model = work / "model" / "rclip"
    if not model.is_dir():
        export_for_rclip(model)

    def command(library: Path, photos: Path, *argv: str) -> Command:
        library.mkdir(parents=True, exist_ok=True)
        for part in model.iterdir():
            link = library / part.name
            if not link.exists():
                link.symlink_to(part)
        return Command(argv, photos, {**OFFLINE, "RCLIP_DATADIR": str(library)})

    def search(library: Path, photos: Path, query: str) -> Command:
        return command(library, photos, program, "--no-indexing", "--top", "10", query)

    return Contestant(
        "rclip",
        _version(python, "rclip"),
        lambda library, photos: command(library, photos, str(python), "-c", RCLIP_INDEX),
        search,
        lambda library, photos, example: search(library, photos, str(example)),
        Command([program, "--help"], work, OFFLINE),
    )


def plain_loop(work: Path) -> Contestant:
    """open_clip by hand, in this environment."""
    weights = str(state_dict(work))

    def command(*arguments: str) -> Command:
        return Command([sys.executable, str(HERE / "plain_loop.py"), *arguments], work, OFFLINE)

    def vectors(library: Path) -> str:
        library.mkdir(parents=True, exist_ok=True)
        return str(library / "vectors.npz")

    return Contestant(
        "open_clip loop",
        _version(Path(sys.executable), "open_clip_torch"),
        lambda library, photos: command("index", weights, str(photos), vectors(library)),
        lambda library, photos, text: command("text", weights, vectors(library), text),
        lambda library, photos, example: command("image", weights, vectors(library), str(example)),
        None,
        remembers=False,
        once=True,  # slow
    )


def clip_retrieval(work: Path) -> Contestant:
    """clip-retrieval's inference. Its one-shot `filter` has OpenAI's ViT-B/32 built in, which it
    fetches, so it cannot take part in the queries. `clip-anytorch`, which it imports, needs the
    pkg_resources of an older setuptools. Batches of 32, as its warm-up embeds two full batches of
    photos and of texts: of the default 256, that is minutes on two cores."""
    python = environment(work / "venv-clip-retrieval", "clip-retrieval==2.45.*", "setuptools<70")
    program = str(python.with_name("clip-retrieval"))
    model = f"open_clip:{ARCH}/{state_dict(work)}"

    def index(library: Path, photos: Path) -> Command:
        options = {
            "input_dataset": photos,
            "output_folder": library,
            "clip_model": model,
            "enable_text": False,
            "use_jit": False,
            "batch_size": 32,
            "num_prepro_workers": len(os.sched_getaffinity(0)),
        }
        argv = [program, "inference", *(f"--{name}={value}" for name, value in options.items())]
        return Command(argv, work, OFFLINE)

    return Contestant(
        "clip-retrieval",
        _version(python, "clip-retrieval"),
        index,
        None,
        None,
        Command([program, "--help"], work, {**OFFLINE, "PAGER": "cat"}),
        remembers=False,
    )


# ---------------------------------------------------------------------- what they need


def environment(folder: Path, *packages: str) -> Path:
    """The Python of a virtual environment that holds these packages, made where it is missing."""
    python = folder / "bin" / "python"
    done = folder / "complete"
    if not done.exists():
        print(f"installing {' '.join(packages)} …", flush=True)  # noqa: T201
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        # One after the other: the last may contradict what the first asks for, and does.
        for package in packages:
            subprocess.run([python, "-m", "pip", "install", "--quiet", package], check=True)
        done.touch()
    return python


def state_dict(work: Path) -> Path:
    """The weights that `openclip:…/random` has, in a file that open_clip loads."""
    path = work / "model" / "weights.pt"
    if not path.exists():
        import torch

        from imgsearch.encoders.openclip.towers import random_towers

        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(".part")
        torch.save(random_towers(ARCH, 0, "cpu").model.state_dict(), fresh)
        fresh.rename(path)
    return path


def export_for_rclip(folder: Path) -> None:
    """Both towers with the same weights as rclip wants them, and the vocabulary it reads."""
    import open_clip
    import torch

    from imgsearch.encoders.openclip.towers import random_towers

    model = random_towers(ARCH, 0, "cpu").model
    shutil.rmtree(folder, ignore_errors=True)
    fresh = folder.with_name(folder.name + ".part")
    shutil.rmtree(fresh, ignore_errors=True)
    towers = fresh / "ViT-B-32-256-datacomp_s34b_b86k"
    towers.mkdir(parents=True)
    pixels, tokens = torch.zeros(2, 3, 256, 256), torch.ones(2, 77, dtype=torch.int64)
    torch.backends.mha.set_fastpath_enabled(False)  # ONNX has no operator for torch's fused one

    class Tower(torch.nn.Module):
        """One of the two, as a module of its own: `method` is the model's that runs it."""

        def __init__(self, method: str) -> None:
            super().__init__()
            self.model, self.method = model, method

        def forward(self, batch: torch.Tensor) -> object:
            return getattr(self.model, self.method)(batch)

    for name, method, example in (
        ("visual", "encode_image", pixels),
        ("textual", "encode_text", tokens),
    ):
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")  # of the tracing exporter's age
            torch.onnx.export(
                Tower(method).eval(),
                (example,),
                str(towers / f"{name}.onnx"),
                input_names=["input"],
                output_names=["output"],
                dynamic_axes={"input": {0: "n"}, "output": {0: "n"}},
                opset_version=17,
                dynamo=False,
            )
    vocabulary = Path(open_clip.__file__).parent / "bpe_simple_vocab_16e6.txt.gz"
    (fresh / "tokenizer").mkdir()
    shutil.copyfile(vocabulary, fresh / "tokenizer" / vocabulary.name)
    fresh.rename(folder)


def _version(python: Path, package: str) -> str:
    ask = f"from importlib.metadata import version; print(version({package!r}))"
    return subprocess.run(
        [python, "-c", ask], check=True, stdout=subprocess.PIPE, text=True
    ).stdout.strip()
