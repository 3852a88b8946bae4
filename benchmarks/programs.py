"""The programs that bench_peers.py compares, each with the commands for every task.

All of them but `imgsearch lite` run the same ViT-B-32-256 with the same random weights (seed 0),
which cost the same time as trained ones. rclip reads them from ONNX files in its data folder, with
the graph of its own export (float pixels in, vectors not normalized); the torch programs load a
state dict.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.processes import Command
from imgsearch.cores import usable_cores

ARCH = "ViT-B-32-256"
ENCODER = f"openclip:{ARCH}/random"
HERE = Path(__file__).parent
OFFLINE = {"HF_HUB_OFFLINE": "1"}

# The Pythons that the newest rclip runs on, the preferred one first.
RCLIP_PYTHONS = ("python3.13", "python3.12")
# rclip's main() without its search: it has no command that only indexes.
RCLIP_INDEX = """
import os
from rclip import main
from rclip.utils import helpers
args = helpers.init_arg_parser().parse_args(["words"])
for part in main.init_rclip(os.getcwd(), args.indexing_batch_size, args.exclude_dir):
    part.close()
"""
# rclip downloads its model again where these are missing.
RCLIP_LEGAL_FILES = ("LICENSE", "OPENAI-CLIP-MIT.txt", "README.md", "THIRD_PARTY_NOTICES.md")


@dataclass(frozen=True)
class Program:
    """A program under test. A command that it does not offer is None.

    `library` is a folder for what the program stores about a set of photos; `index` on the same
    library again is the second run. Texts and example images are new at every call.
    """

    name: str
    version: str
    index: Callable[[Path, Path], Command]  # (library, photos)
    text: Callable[[Path, Path, str], Command] | None
    image: Callable[[Path, Path, Path], Command] | None
    help: Command | None
    remembers: bool = True  # a second run skips photos that are indexed already
    first_round_only: bool = False  # in the short form
    note: str = ""  # what a reader of the results must know


def imgsearch(work: Path, encoder: str = ENCODER) -> Program:
    """This checkout. The work that a machine does once per model is done before: the export, the
    int8 trial and the vectors of the score baseline's texts."""
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

    return Program(
        "imgsearch" if encoder == ENCODER else f"imgsearch, {encoder}",
        package_version(Path(sys.executable), "imgsearch-photos"),
        lambda library, photos: command(library, "index", str(photos)),
        lambda library, photos, text: command(library, "search", "--all", "-k", "10", text),
        lambda library, photos, example: command(
            library, "search", "--all", "-k", "10", "--image", str(example)
        ),
        command(work, "--help"),
        first_round_only=encoder != ENCODER,  # it does not do the same work as the others
    )


def rclip(work: Path) -> Program:
    """The newest rclip that this machine can run, with our weights where it keeps its own."""
    base = python_for_rclip()
    python = environment(work / "venv-rclip", base or Path(sys.executable), "rclip")
    upgrade(python, "rclip")
    number, python_number = package_version(python, "rclip"), python_version(python)
    note = (
        ""
        if base
        else f"There is no {' or '.join(RCLIP_PYTHONS)} on this machine, which the newest rclip "
        f"needs: rclip {number} is the newest for Python {python_number}."
    )
    program = str(python.with_name("rclip"))
    model = work / "model" / "rclip"
    if not model.is_dir():
        export_for_rclip(model)
    for name in RCLIP_LEGAL_FILES:
        (model / name).touch()

    def command(library: Path, photos: Path, *argv: str) -> Command:
        library.mkdir(parents=True, exist_ok=True)
        for part in model.iterdir():
            link = library / part.name
            if not link.exists():
                link.symlink_to(part)
        return Command(argv, photos, {**OFFLINE, "RCLIP_DATADIR": str(library)})

    def search(library: Path, photos: Path, query: str) -> Command:
        return command(library, photos, program, "--no-indexing", "--top", "10", query)

    return Program(
        "rclip",
        f"{number} (Python {python_number})",
        lambda library, photos: command(library, photos, str(python), "-c", RCLIP_INDEX),
        search,
        lambda library, photos, example: search(library, photos, str(example)),
        Command([program, "--help"], work, OFFLINE),
        note=note,
    )


def plain_loop(work: Path) -> Program:
    """open_clip in a hand-written loop, in this environment."""
    weights = str(state_dict(work))

    def command(*arguments: str) -> Command:
        return Command([sys.executable, str(HERE / "plain_loop.py"), *arguments], work, OFFLINE)

    def vectors(library: Path) -> str:
        library.mkdir(parents=True, exist_ok=True)
        return str(library / "vectors.npz")

    return Program(
        "open_clip loop",
        package_version(Path(sys.executable), "open_clip_torch"),
        lambda library, photos: command("index", weights, str(photos), vectors(library)),
        lambda library, photos, text: command("text", weights, vectors(library), text),
        lambda library, photos, example: command("image", weights, vectors(library), str(example)),
        None,
        remembers=False,
        first_round_only=True,  # slow
    )


def clip_retrieval(work: Path) -> Program:
    """The inference step of clip-retrieval.

    Its one-shot `filter` downloads OpenAI's ViT-B/32 and accepts no other model, so it takes no
    part in the queries. `clip-anytorch`, which it imports, needs the pkg_resources of an older
    setuptools. The batch size is 32: its warm-up embeds two full batches of photos and of texts,
    which takes minutes on two cores at the default of 256.
    """
    python = environment(
        work / "venv-clip-retrieval",
        Path(sys.executable),
        "clip-retrieval==2.45.*",
        "setuptools<70",
    )
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
            "num_prepro_workers": usable_cores(),
        }
        argv = [program, "inference", *(f"--{name}={value}" for name, value in options.items())]
        return Command(argv, work, OFFLINE)

    return Program(
        "clip-retrieval",
        package_version(python, "clip-retrieval"),
        index,
        None,
        None,
        Command([program, "--help"], work, {**OFFLINE, "PAGER": "cat"}),
        remembers=False,
    )


# ---------------------------------------------------------------------- environments


def python_for_rclip(names: Sequence[str] = RCLIP_PYTHONS) -> Path | None:
    """This Python where the newest rclip runs on it, else the first such Python on the PATH that
    can make environments.

    A command of that name may exist and fail: pyenv's shims do, for a version that is not selected.
    """
    if f"python{sys.version_info.major}.{sys.version_info.minor}" in names:
        return Path(sys.executable)
    for name in names:
        found = shutil.which(name)
        works = found and subprocess.run([found, "-c", "import ensurepip, venv"], check=False)
        if found and works and works.returncode == 0:
            return Path(found)
    return None


def environment(folder: Path, base: Path, *packages: str) -> Path:
    """The Python of a virtual environment of `base` that has these packages; made where missing."""
    python, made_of = folder / "bin" / "python", folder / "made-of.txt"
    wanted = "\n".join([python_version(base), *packages])
    if not made_of.is_file() or made_of.read_text() != wanted:
        print(f"installing {' '.join(packages)} …", flush=True)  # noqa: T201
        subprocess.run([base, "-m", "venv", "--clear", folder], check=True)
        # One by one: the last may contradict the requirements of the first, and does.
        for package in packages:
            subprocess.run([python, "-m", "pip", "install", "--quiet", package], check=True)
        made_of.write_text(wanted)
    return python


def upgrade(python: Path, package: str) -> None:
    """Install the newest version. Without a network, the installed one stays."""
    options = ("install", "--quiet", "--upgrade")
    subprocess.run([python, "-m", "pip", *options, package], check=False)


def package_version(python: Path, package: str) -> str:
    return output_of(python, f"from importlib.metadata import version; print(version({package!r}))")


def python_version(python: Path) -> str:
    return output_of(python, "import platform; print(platform.python_version())")


def output_of(python: Path, code: str) -> str:
    """The output of a short program."""
    done = subprocess.run([python, "-c", code], check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout.strip()


# ---------------------------------------------------------------------- weights


def state_dict(work: Path) -> Path:
    """The weights of `openclip:…/random` in a file that open_clip loads."""
    path = work / "model" / "weights.pt"
    if not path.exists():
        import torch

        from imgsearch.encoders.openclip.torch import random_model

        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(".part")
        torch.save(random_model(ARCH, 0, "cpu").module.state_dict(), fresh)
        fresh.rename(path)
    return path


def export_for_rclip(folder: Path) -> None:
    """Write both towers, with the same weights, and the vocabulary as rclip expects them."""
    import open_clip
    import torch

    from imgsearch.encoders.openclip.torch import random_model

    model = random_model(ARCH, 0, "cpu").module
    shutil.rmtree(folder, ignore_errors=True)
    fresh = folder.with_name(folder.name + ".part")
    shutil.rmtree(fresh, ignore_errors=True)
    towers = fresh / "ViT-B-32-256-datacomp_s34b_b86k"
    towers.mkdir(parents=True)
    pixels, tokens = torch.zeros(2, 3, 256, 256), torch.ones(2, 77, dtype=torch.int64)
    torch.backends.mha.set_fastpath_enabled(False)  # ONNX has no operator for torch's fused one

    class Tower(torch.nn.Module):
        """One half of the model, run by its method of that name."""

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
            warnings.simplefilter("ignore")  # the tracing exporter is deprecated
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
