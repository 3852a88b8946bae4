"""How many answers are computed at once, with tasks that are held."""

from __future__ import annotations

import asyncio

from imgsearch.service.turns import Turns


def test_tasks_take_turns_in_their_order() -> None:
    async def run() -> None:
        turns = Turns(2, long_s=60)
        gates = [asyncio.Event() for _ in range(5)]
        begun: list[int] = []

        async def task(number: int) -> None:
            async with turns.turn():
                begun.append(number)
                await gates[number].wait()

        tasks = [asyncio.create_task(task(number)) for number in range(5)]
        await asyncio.sleep(0.01)
        assert begun == [0, 1]
        gates[1].set()
        await tasks[1]
        await asyncio.sleep(0.01)
        assert begun == [0, 1, 2]
        tasks[0].cancel()  # a client that has gone
        await asyncio.sleep(0.01)
        assert begun == [0, 1, 2, 3]
        for gate in gates:
            gate.set()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert begun == [0, 1, 2, 3, 4]

    asyncio.run(run())


def test_a_task_that_takes_long_keeps_no_other_from_running() -> None:
    async def run() -> None:
        turns = Turns(1, long_s=0.05)
        held = asyncio.Event()
        running: list[int] = []

        async def long_task(number: int) -> None:
            async with turns.turn():
                running.append(number)
                await held.wait()

        async def short_task() -> None:
            async with turns.turn():
                pass

        slow = [asyncio.create_task(long_task(number)) for number in range(3)]
        await asyncio.wait_for(short_task(), 20)
        held.set()
        await asyncio.gather(*slow)
        # Each gave its turn back once: still only one runs at a time.
        held.clear()
        running.clear()
        slow = [asyncio.create_task(long_task(number)) for number in range(2)]
        for _ in range(5):  # until nothing more can go on, and well before `long_s`
            await asyncio.sleep(0)
        assert running == [0]
        held.set()
        await asyncio.gather(*slow)

    asyncio.run(run())
