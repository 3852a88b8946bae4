"""Run as a program: eight threads make their first call of an OpenVINO model at the same moment."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import numpy as np

from imgsearch.encoders.openvino import OpenVinoModel

THREADS = 8


def main() -> None:
    model = OpenVinoModel(Path(sys.argv[1]), group=128, threads=THREADS)
    sys.setswitchinterval(1e-6)  # switches threads as a busy machine may, but every time
    start = Barrier(THREADS)

    def first(number: int) -> float:
        start.wait()
        return float(model.run(np.full((2, 4), -1, np.float32))[0].max())

    with ThreadPoolExecutor(THREADS) as threads:
        sys.stdout.write(" ".join(str(found) for found in threads.map(first, range(THREADS))))


if __name__ == "__main__":
    main()
