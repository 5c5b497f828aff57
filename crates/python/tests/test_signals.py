"""Threads, signals and forks."""

import base64
import multiprocessing
import os
import pathlib
import signal
import subprocess
import sys
import textwrap
import threading
import time

import pytest
from conftest import LARGEST_DISK

import changed_blocks

posix_only = pytest.mark.skipif(os.name != "posix", reason="signals and pipes of POSIX")


@pytest.fixture(scope="module")
def half_changed():
    """The answer for the largest disk, half of it changed at random."""
    return base64.b64encode(os.urandom(LARGEST_DISK >> 19))


def test_other_threads_run_meanwhile(half_changed):
    done, count = threading.Event(), 0

    def call():
        changed_blocks.extents(half_changed)
        done.set()

    thread = threading.Thread(target=call)
    started = time.monotonic()
    thread.start()
    longest, last = 0.0, started
    while not done.is_set():
        now = time.monotonic()
        longest, last, count = max(longest, now - last), now, count + 1
    thread.join()
    # With the lock held, this thread would stand still for as long as the call takes.
    assert count > 1000 and longest < max(0.8 * (last - started), 0.05), (count, longest, last - started)


def limited(memory):
    """The beginning of a program that is to have only so much memory."""
    return f"import resource\nresource.setrlimit(resource.RLIMIT_AS, ({memory}, {memory}))\n"


def run_until_interrupted(code, *arguments, memory=None):
    """Runs code that says it is ready, then gets a SIGINT; returns how long it took to end, and what it said."""
    header = limited(memory) if memory else ""
    header += "import sys, pathlib, signal, changed_blocks\n"
    # A program that was started in the background ignores the signal.
    header += "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    program = [sys.executable, "-c", header + textwrap.dedent(code), *map(str, arguments)]
    with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout.readline() == "ready\n"
            time.sleep(0.3)
            sent = time.monotonic()
            process.send_signal(signal.SIGINT)
            output, errors = process.communicate(timeout=60)
            return time.monotonic() - sent, output, errors
        finally:
            process.kill()


@posix_only
def test_ctrl_c_ends_work_that_goes_on(tmp_path):
    # A bitmap of an impossible disk, 64 GiB of a hole, and a run that ends at each of its first bytes.
    path = tmp_path / "bitmap"
    with path.open("wb") as file:
        file.write(b"\x55" * (1 << 20))
        file.truncate(1 << 36)
    code = """
        print("ready", flush=True)
        while True:
            changed_blocks.extents(pathlib.Path(sys.argv[1]), encoding="raw-msb0")
    """
    seconds, _, errors = run_until_interrupted(code, path)
    assert seconds < 20 and "KeyboardInterrupt" in errors, (seconds, errors)


@posix_only
def test_ctrl_c_ends_a_wait_for_a_pipe(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    code = """
        print("ready", flush=True)
        changed_blocks.extents(pathlib.Path(sys.argv[1]))
    """
    seconds, _, errors = run_until_interrupted(code, pipe)
    assert seconds < 20 and "KeyboardInterrupt" in errors, (seconds, errors)


@posix_only
def test_ctrl_c_ends_a_stream_that_never_ends():
    code = """
        class Endless:
            def read(self, size):
                return bytes(size)
        print("ready", flush=True)
        changed_blocks.extents(Endless(), encoding="raw-msb0")
    """
    seconds, _, errors = run_until_interrupted(code)
    assert seconds < 20 and "KeyboardInterrupt" in errors, (seconds, errors)


@posix_only
@pytest.mark.parametrize(
    "call",
    [
        "Extents([(0, 2**63)]).split(1)",
        "Extents(itertools.repeat((0, 1)))",
        "Extents.from_format('extentlist', Unchanged(), virtual_size=2**63)",
    ],
)
def test_ctrl_c_ends_what_makes_long_lists(call):
    """None of them would ever end, and the last one finds no range at all."""
    code = f"""
        import itertools
        from changed_blocks import Extents
        class Unchanged:
            at = 0
            def read(self, size):
                lines = [b"%d 1 hole unchanged\\n" % (self.at + i) for i in range(size // 64)]
                self.at += len(lines)
                return b"".join(lines)
        print("ready", flush=True)
        {call}
    """
    seconds, _, errors = run_until_interrupted(code, memory=4 << 30)
    assert seconds < 20 and "KeyboardInterrupt" in errors, (seconds, errors)


@posix_only
@pytest.mark.parametrize(
    "call",
    [
        "changed_blocks.Extents([(0, 2**63)]).split(64)",
        "bitmap.extents()",
        "bitmap.indexes()",
        "(bitmap | bitmap).reblock(512)",
        "changed_blocks.bitmap(bytes(64 << 20), encoding='raw-msb0', block_size=65536, at=512)",
    ],
)
def test_missing_memory_is_an_exception(call):
    """Without being asked for, memory that is not there would end the whole program."""
    code = f"""
        import changed_blocks
        bitmap = changed_blocks.bitmap(b"\\x55" * (32 << 20), encoding="raw-msb0")
        try:
            {call}
        except (MemoryError, changed_blocks.OperatorError) as error:
            print("refused")
    """
    program = [sys.executable, "-c", limited(1 << 30) + textwrap.dedent(code)]
    # Each thread has address space of its own.
    environment = {**os.environ, "RAYON_NUM_THREADS": "2"}
    run = subprocess.run(program, capture_output=True, text=True, check=False, timeout=300, env=environment)
    assert (run.returncode, run.stdout) == (0, "refused\n"), run.stderr


@posix_only
def test_ctrl_c_ends_a_wait_for_a_folder(tmp_path):
    """Another program holds the folder's lock: an answer would wait for half a minute."""
    fcntl = pytest.importorskip("fcntl")
    names = ["0f0e4c6a-52b1-4c7e-9d3a-1f6f0c1d2e3f", "7c1d9a02-3e4f-4a5b-8c6d-2b7e8f901a2b"]
    folder = os.open(tmp_path, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        code = """
            store = changed_blocks.Store(sys.argv[1])
            print("ready", flush=True)
            store.list_changed_blocks(*sys.argv[2:])
        """
        seconds, _, errors = run_until_interrupted(code, tmp_path, *names)
        assert seconds < 20 and "KeyboardInterrupt" in errors, (seconds, errors)
    finally:
        os.close(folder)


def ranges_of(answer):
    return len(changed_blocks.extents(answer)), changed_blocks.bitmap(answer, at=1 << 20).count()


@posix_only
def test_a_forked_process_works_on_its_own(half_changed):
    answer = half_changed[: 4 << 20]
    expected = ranges_of(answer)
    context = multiprocessing.get_context("fork")
    with context.Pool(2) as pool:
        assert pool.map_async(ranges_of, [answer] * 4).get(timeout=120) == [expected] * 4


def test_lists_come_back_from_other_processes():
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        found = pool.apply_async(changed_blocks.extents, ("ygAAAA==",)).get(timeout=120)
        assert found == changed_blocks.extents("ygAAAA==")
        with pytest.raises(changed_blocks.FullBackupError) as raised:
            pool.apply_async(changed_blocks.extents, ("yg",)).get(timeout=120)
        assert raised.value.kind == "missing-padding"


def test_many_threads_use_the_same_objects(database_hour):
    extents = changed_blocks.extents(database_hour)
    bitmap = changed_blocks.bitmap(database_hour)
    results = []

    def work():
        results.append((extents.merge_gap(1 << 20), bitmap.extents(), len(list(extents)), changed_blocks.extents(database_hour)))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 8 and len(set(results)) == 1


def test_the_module_says_which_version_it_is():
    assert changed_blocks.__version__ and pathlib.Path(changed_blocks.__file__).name == "__init__.py"
