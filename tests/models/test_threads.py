"""Parts of a work in threads: in order, each in one thread of torch, and errors come through."""

import threading

import pytest
import torch

from attnrun.models.threads import AHEAD, each


@pytest.fixture(params=[1, 3])
def threads(request: pytest.FixtureRequest):
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def test_results_come_in_order_each_from_one_thread_of_torch(threads: int) -> None:
    gate = threading.Barrier(threads, timeout=30)

    def work(part: int) -> tuple[int, int, int]:
        if part < threads:
            gate.wait()  # passes only where so many work at once
        return part, torch.get_num_threads(), threading.get_ident()

    found = list(each(work, range(5 * AHEAD * threads + 1)))
    assert [part for part, *_ in found] == list(range(5 * AHEAD * threads + 1))
    assert {count for _, count, _ in found} == {1}
    assert len({thread for *_, thread in found}) == threads
    assert torch.get_num_threads() == threads
    seen: list[int] = []
    another = threading.Thread(target=lambda: seen.append(torch.get_num_threads()))
    another.start()
    another.join()
    assert seen == [threads]


def test_few_parts_are_made_ahead(threads: int) -> None:
    made = 0

    def parts():
        nonlocal made
        for part in range(1000):
            made += 1
            yield part

    first = next(each(lambda part: part, parts()))
    assert first == 0 and made <= AHEAD * threads


def test_an_error_comes_through(threads: int) -> None:
    with pytest.raises(ZeroDivisionError):
        list(each(lambda part: 1 // (2 - part), range(7)))
    assert torch.get_num_threads() == threads
    assert list(each(str, [])) == []
