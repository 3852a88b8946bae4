"""The answers that several requests of one view share."""

from __future__ import annotations

import threading

from ui.recent_answers import QUERIES_KEPT, RecentAnswers


def test_an_answer_is_computed_again_when_photos_were_added() -> None:
    asked: list[str] = []

    def compute(line: str) -> int:
        asked.append(line)
        return len(asked)

    answers = RecentAnswers(compute)
    assert answers.kept("dog") is None
    assert [answers.get("dog", 100), answers.get("dog", 100), answers.get("cat", 100)] == [1, 1, 2]
    assert answers.get("dog", 101) == 3 and answers.kept("dog") == 3
    assert asked == ["dog", "cat", "dog"]
    with_verdict = (101, 300)  # the photos, and those that the verdicts were calibrated with
    assert answers.get("dog", with_verdict) == 4 and answers.get("dog", with_verdict) == 4


def test_only_the_last_few_are_kept() -> None:
    answers = RecentAnswers(str.upper)
    for number in range(QUERIES_KEPT):
        answers.get(f"line {number}", 1)
    assert answers.get("line 0", 1) == "LINE 0"  # used again
    answers.get("another", 1)
    assert answers.kept("line 0") == "LINE 0" and answers.kept("line 1") is None


def test_two_requests_at_once_compute_it_once() -> None:
    computed: list[str] = []
    both = threading.Barrier(2)

    def compute(line: str) -> str:
        computed.append(line)
        return line

    answers = RecentAnswers(compute)

    def ask() -> None:
        both.wait()
        answers.get("dog", 1)

    requests = [threading.Thread(target=ask) for _ in range(2)]
    for request in requests:
        request.start()
    for request in requests:
        request.join()
    assert computed == ["dog"]


def test_what_is_kept_can_be_had_while_another_is_computed() -> None:
    started, may_end = threading.Event(), threading.Event()

    def compute(line: str) -> str:
        if line == "slow":
            started.set()
            may_end.wait()
        return line.upper()

    answers: RecentAnswers[str, str] = RecentAnswers(compute)
    answers.get("dog", 1)
    searching = threading.Thread(target=answers.get, args=("slow", 1))
    searching.start()
    started.wait()
    assert (answers.kept("dog"), answers.kept("slow")) == ("DOG", None)
    may_end.set()
    searching.join()
    answers.clear()
    assert answers.kept("dog") is None
