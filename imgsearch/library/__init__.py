"""Library: the one door. The command line, the page and a notebook hold nothing else.

It wires the parts together: who may write, which encoder answers, when an index file is due.
"""

from __future__ import annotations

from imgsearch.library.asking import Asking
from imgsearch.library.keeping import Keeping
from imgsearch.library.labelling import Labelling
from imgsearch.library.looking import Looking

__all__ = ["Library"]


class Library(Keeping, Asking, Labelling, Looking):
    """A photo library: `index` brings it up to date, `search` asks it.

    Use it as a context manager. Any number of libraries may be open on one data folder, in any
    number of processes; one at a time writes, and readers never wait.
    """
