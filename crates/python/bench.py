#!/usr/bin/env python3
"""Times the Python package beside the same call in Rust, turn by turn, on the answer for the largest disk in memory.

    cargo build --profile dist --example make_bitmap -p changed-blocks --example rust_call -p changed-blocks-python
    python crates/python/bench.py target/dist/examples

Python's time is from the text, a `str`, to a NumPy array; Rust's is that of `Scanner::byte_ranges`. Both work on all
processors, and take turns at being the first. The result of each is freed after the clock was stopped.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy

import changed_blocks

GIB = 16_381
# How often each density of changes is timed.
ROUNDS = {"1%-runs-of-4": 31, "50%-random": 11}
# Rounds before those, which warm caches and memory up.
WARM_UP = 2


def time_rust(process):
    process.stdin.write("\n")
    process.stdin.flush()
    nanoseconds, count = map(int, process.stdout.readline().split())
    return nanoseconds / 1e6, count


def time_python(answer):
    started = time.perf_counter_ns()
    array = numpy.asarray(changed_blocks.extents(answer, virtual_size=GIB << 30))
    elapsed = time.perf_counter_ns() - started
    return elapsed / 1e6, len(array)


def compare(examples, density, rounds, folder):
    path = Path(folder) / "answer.b64"
    with path.open("wb") as file:
        subprocess.run([examples / "make_bitmap", density, str(GIB)], stdout=file, check=True)
    answer = path.read_text(encoding="ascii")
    command = [examples / "rust_call", path]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        rust, python = [], []
        for turn in range(WARM_UP + rounds):
            if turn % 2 == 0:
                (ours, count), (theirs, expected) = time_python(answer), time_rust(process)
            else:
                (theirs, expected), (ours, count) = time_rust(process), time_python(answer)
            assert count == expected, (count, expected)
            if turn >= WARM_UP:
                python.append(ours)
                rust.append(theirs)
        process.stdin.close()
    ours, theirs = statistics.median(python), statistics.median(rust)
    quartiles = [f"{value:.1f}" for value in statistics.quantiles(python, n=4)[::2]]
    times = f"Python {ours:.1f} ms (quartiles {' – '.join(quartiles)}), Rust {theirs:.1f} ms"
    print(f"{density}: {times}; Python has {theirs / ours:.2f} of Rust's speed")


def main():
    examples = Path(sys.argv[1] if len(sys.argv) > 1 else "target/dist/examples")
    with tempfile.TemporaryDirectory() as folder:
        for density, rounds in ROUNDS.items():
            compare(examples, density, rounds, folder)


if __name__ == "__main__":
    main()
