"""Answers a query: terms into one vector, filters into a set of photos, the nearest of them out."""

from imgsearch.search.answer import hits_of, ids_of, run
from imgsearch.search.desk import Desk, LiveVectors

__all__ = ["Desk", "LiveVectors", "hits_of", "ids_of", "run"]
