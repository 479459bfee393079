"""Signals: how long one waits for a step, and what a second one does."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from attnrun.errors import Interrupted
from attnrun.runs.signals import StopAtOnce, StopRequest, end_the_process

SIGNALS = [signal.SIGINT, signal.SIGTERM]


def step(seconds: float) -> None:
    """Some work, between whose operations a signal can be handled."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(0.01)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_waits_for_the_step(number: signal.Signals) -> None:
    with StopRequest() as stop:
        assert stop.taken() is None
        os.kill(os.getpid(), number)
        step(0.05)
        assert stop.taken() == number


@pytest.mark.parametrize("number", SIGNALS)
def test_but_not_for_ever(number: signal.Signals) -> None:
    with pytest.raises(Interrupted, match=f"by {number.name}, without waiting") as left, StopRequest(0.1):
        os.kill(os.getpid(), number)
        step(60)
    assert left.value.exit_code == 128 + number


def test_a_second_signal_waits_for_nothing() -> None:
    with pytest.raises(Interrupted, match="by SIGTERM, without waiting"), StopRequest():
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGTERM)
        step(60)


def test_what_was_taken_has_all_the_time() -> None:
    with StopRequest(0.1) as stop:
        os.kill(os.getpid(), signal.SIGINT)
        assert stop.taken() == signal.SIGINT
        step(0.3)


def test_nothing_is_left_behind() -> None:
    before = [signal.getsignal(number) for number in SIGNALS]
    with StopAtOnce():
        with StopRequest(0.1):
            os.kill(os.getpid(), signal.SIGINT)
        step(0.3)
    assert [signal.getsignal(number) for number in SIGNALS] == before
    assert not [thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)]


def test_a_library_that_makes_another_error_of_it_hides_nothing() -> None:
    with pytest.raises(Interrupted, match="by SIGTERM"), StopAtOnce(), StopAtOnce():
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            step(60)
        finally:
            raise AttributeError("torn out of its work")
    with pytest.raises(ValueError, match="no signal"), StopAtOnce():
        raise ValueError("no signal")


_CHILD = """
import os, sys, time
from attnrun.errors import Interrupted
from attnrun.runs.signals import StopAtOnce, ending_with
try:
    with StopAtOnce(), ending_with(int(sys.argv[1])):
        print("ready", flush=True)
        time.sleep(60)
except Interrupted as error:
    print(error, flush=True)
"""
_PARENT = """
import os, subprocess, sys, time
subprocess.Popen([sys.executable, "-c", sys.argv[1], str(os.getpid())])
time.sleep(60)
"""


def test_a_process_whose_caller_is_gone_is_told_to_end() -> None:
    command = [sys.executable, "-c", _PARENT, _CHILD]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None and parent.stdout.readline() == "ready\n"
        parent.kill()
        assert parent.stdout.read() == "interrupted by SIGTERM\n"
    late = subprocess.run([sys.executable, "-c", _CHILD, "1"], capture_output=True, text=True, timeout=30)
    assert late.stdout == "interrupted by SIGTERM\n"


_AT_ONCE = """
import os, signal, sys
from attnrun.runs.signals import StopAtOnce, end_the_process
try:
    with StopAtOnce(), end_the_process():
        os.kill(os.getpid(), int(sys.argv[1]))
finally:
    print("python went on")
"""


@pytest.mark.parametrize("number", SIGNALS)
def test_within_a_library_that_waits_a_signal_ends_the_process(number: signal.Signals) -> None:
    ended = subprocess.run([sys.executable, "-c", _AT_ONCE, str(int(number))], capture_output=True, text=True)
    assert (ended.returncode, ended.stdout) == (-number, "")


def test_afterwards_signals_are_handled_as_before() -> None:
    with StopAtOnce():
        with pytest.raises(ValueError, match="the library's"), end_the_process():
            assert [signal.getsignal(number) for number in SIGNALS] == [signal.SIG_DFL] * 2
            raise ValueError("the library's")
        with pytest.raises(Interrupted, match="by SIGTERM"):
            os.kill(os.getpid(), signal.SIGTERM)
            step(60)


def test_a_thread_leaves_the_handlers_alone() -> None:
    before, seen = [signal.getsignal(number) for number in SIGNALS], []

    def work() -> None:
        with end_the_process():
            seen.extend(signal.getsignal(number) for number in SIGNALS)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == before
