#!/usr/bin/python3
"""Times the reads of a changed disk at ten merge gaps and at the gap that `cbt extents --merge-gap auto` takes.

nbdkit serves a disk of 4 GiB from memory and delays each request. A reader (libnbd, asynchronous requests, one thread for each
connection) reads the ranges that cbt lists. Latency and bandwidth are measured with the reader itself, as docs/reads.md tells
its readers to do:

    latency   = the median time of one short read, with nothing else under way
    bandwidth = bytes / (time - latency) of one long range, with all connections and requests

Needs nbdkit and python3-libnbd. All random numbers come from one seed. Ranges that are the same for two gaps are read once.
A list that takes more than 1.5 times as long as the fastest so far is given up; those near the fastest are read again, in turn,
and the median counts.
"""

import argparse
import collections
import itertools
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time

try:
    import nbd
except ImportError:
    nbd = None

KIB, MIB = 1 << 10, 1 << 20
BLOCK = 64 * KIB
DISK = 4096 * MIB
CHANGED_BLOCKS = 1311
GAPS = ["0", "64k", "128k", "256k", "512k", "1M", "2M", "8M", "32M", "4G"]
# Each connection has so much memory for its requests under way, and a request at most its share of that.
BUFFER_PER_CONNECTION = 32 * MIB
LONG_RANGE = 512 * MIB

Setting = collections.namedtuple("Setting", "server delay_ms connections in_flight")


def scattered_blocks(chance):
    """Blocks that are spread over all of the disk alike."""
    return set(chance.sample(range(DISK // BLOCK), CHANGED_BLOCKS))


def clustered_blocks(chance):
    """Runs of some blocks with gaps of some blocks between them, in some thirty places of the disk."""
    blocks = set()
    while len(blocks) < CHANGED_BLOCKS:
        block = chance.randrange(DISK // BLOCK - 1000)
        for _ in range(chance.randint(1, 20)):
            run = min(chance.randint(1, 8), CHANGED_BLOCKS - len(blocks))
            blocks.update(range(block, block + run))
            block += run + int(chance.expovariate(1 / 8)) + 1
    return set(sorted(blocks)[:CHANGED_BLOCKS])


def ranges_of(cbt, bits, *options):
    """The ranges that cbt lists with these options."""
    command = [cbt, "extents", "--from", "bits", "--virtual-size", str(DISK), *options, bits]
    lines = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    return tuple(tuple(map(int, line.split())) for line in lines)


class Server:
    """nbdkit on a socket of its own."""

    def __init__(self, setting, folder):
        self.socket = os.path.join(folder, "socket")
        self.ready = os.path.join(folder, "pid")
        command = ["nbdkit", "--foreground", "--exit-with-parent", "--unix", self.socket, "--pidfile", self.ready]
        # Each thread has a buffer of its own, which is slow at its first use: with more threads, the measured bandwidth is less
        # than that of the reads after it.
        command += ["--threads", str(setting.in_flight)]
        # A server like that of XAPI: one request at a time on each connection, in pieces that follow one another.
        if setting.server == "pieces":
            command += ["--filter", "blocksize"]
        command += ["--filter", "delay", "memory", str(DISK), f"rdelay={setting.delay_ms}ms"]
        if setting.server == "pieces":
            command += ["maxlen=512k"]
        self.process = subprocess.Popen(command)

    def __enter__(self):
        while not os.path.exists(self.ready):
            if self.process.poll() is not None:
                raise SystemExit("nbdkit did not start")
            time.sleep(0.01)
        return self.socket

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        for path in (self.socket, self.ready):
            if os.path.exists(path):
                os.unlink(path)


class Reader:
    """Reads ranges, with as many requests under way on each of its connections."""

    def __init__(self, socket, connections, in_flight):
        self.piece = BUFFER_PER_CONNECTION // in_flight
        self.handles = []
        for _ in range(connections):
            handle = nbd.NBD()
            handle.connect_unix(socket)
            self.handles.append(handle)
        self.buffers = [[memoryview(bytearray(self.piece)) for _ in range(in_flight)] for _ in range(connections)]

    def read(self, ranges, limit_seconds=float("inf")):
        """The seconds that it takes to read these ranges; infinite if the limit comes first."""
        pieces = iter([
            (start, min(self.piece, offset + length - start))
            for offset, length in ranges
            for start in range(offset, offset + length, self.piece)
        ])
        started = time.monotonic()
        errors = []
        given_up = threading.Event()

        def run(handle, free):
            def completed(buffer, error):
                free.append(buffer)
                if error.value:
                    errors.append(error.value)
                return 1

            while True:
                if time.monotonic() - started > limit_seconds:
                    given_up.set()
                while free and not given_up.is_set() and (piece := next(pieces, None)):
                    buffer = free.pop()
                    handle.aio_pread(buffer[: piece[1]], piece[0], lambda error, buffer=buffer: completed(buffer, error))
                if not handle.aio_in_flight():
                    return
                handle.poll(-1)

        threads = [threading.Thread(target=run, args=pair) for pair in zip(self.handles, self.buffers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if errors:
            raise SystemExit(f"the server failed: {os.strerror(errors[0])}")
        return float("inf") if given_up.is_set() else time.monotonic() - started

    def close(self):
        """Ends the connections: nbdkit waits for that."""
        for handle in self.handles:
            handle.shutdown()

    def short_read(self, number):
        """The seconds of one read of 4 KiB, which nothing else keeps waiting."""
        started = time.monotonic()
        self.handles[0].pread(4 * KIB, number * MIB)
        return time.monotonic() - started

    def measure(self):
        """Latency in microseconds, and bandwidth in bytes a second."""
        self.read([(0, LONG_RANGE)])  # touches all buffers
        latency = statistics.median(map(self.short_read, range(51)))
        long = statistics.median(self.read([(0, LONG_RANGE)]) for _ in range(3))
        return max(1, round(latency * 1e6)), round(LONG_RANGE / max(long - latency, 1e-6))


def times_of(reader, lists, always, rounds):
    """The median time of each list of ranges."""
    times = {ranges: [] for ranges in lists}
    best = float("inf")
    for ranges in lists:
        times[ranges].append(reader.read(ranges, 1.5 * best))
        best = min(best, times[ranges][0])
    near = [ranges for ranges in lists if times[ranges][0] <= 1.3 * best or ranges == always]
    # Short ones more often, for about a second each: a busy machine is late now and then.
    for _ in range(max(rounds, min(15, int(1 / best))) - 1):
        for ranges in near:
            times[ranges].append(reader.read(ranges))
    return {ranges: statistics.median(taken) for ranges, taken in times.items()}


def size_text(size):
    return f"{size / MIB:.3g} MiB" if size >= MIB else f"{size / KIB:.3g} KiB"


def measure(cbt, bits, pattern, setting, rounds, folder):
    """One row of the table."""
    with Server(setting, folder) as socket:
        reader = Reader(socket, setting.connections, setting.in_flight)
        latency_us, bandwidth = reader.measure()
        model = ["--latency", f"{latency_us}us", "--bandwidth", str(bandwidth)]
        model += ["--connections", str(setting.connections), "--in-flight", str(setting.in_flight)]
        auto = ranges_of(cbt, bits, "--merge-gap", "auto", *model)
        of_gap = {gap: ranges_of(cbt, bits, "--merge-gap", gap) for gap in GAPS}
        lists = list(dict.fromkeys([of_gap["0"], auto, *of_gap.values()]))
        times = times_of(reader, lists, auto, rounds)
        reader.close()
    best_gap = min(GAPS, key=lambda gap: times[of_gap[gap]])
    best = times[of_gap[best_gap]]
    under_way = setting.connections * setting.in_flight
    auto_gap = latency_us * bandwidth / 1e6 / under_way
    curve = " ".join(f"{gap}:{len(of_gap[gap])}:{times[of_gap[gap]]:.3f}" for gap in GAPS)
    print(f"# {curve} auto:{len(auto)}", file=sys.stderr, flush=True)
    return [
        setting.server, pattern, setting.delay_ms, setting.connections, setting.in_flight, f"{latency_us / 1000:.2f}",
        f"{bandwidth / 1e6:.0f}", f"{times[of_gap['0']]:.3f}", best_gap, f"{best:.3f}", size_text(auto_gap),
        f"{times[auto]:.3f}", f"{times[auto] / best:.2f}",
    ]


COLUMNS = [
    "server", "changed blocks", "delay ms", "connections", "in flight", "latency ms", "MB/s", "s at gap 0", "best gap",
    "s at best", "auto's gap", "s at auto", "auto ÷ best",
]


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--cbt", default="target/release/cbt", help="the command [target/release/cbt]")
    arguments.add_argument("--rounds", type=int, default=5, help="how often lists near the best are read [5]")
    arguments.add_argument("--servers", default="nbdkit,pieces")
    arguments.add_argument("--patterns", default="clustered,scattered")
    arguments.add_argument("--delays", default="0,10,20,50", help="in ms")
    arguments.add_argument("--connections", default="1,8")
    arguments.add_argument("--in-flight", default="1,16")
    arguments.add_argument("--at-most", type=float, help="fail if a time at auto's gap is more than that, set against the best")
    args = arguments.parse_args()
    if nbd is None or not shutil.which("nbdkit"):
        print("skipped: the merge gap (there is no nbdkit, or no python3-libnbd)")
        return
    settings = [
        Setting(server, int(delay), int(connections), int(in_flight))
        for server, delay, connections, in_flight in itertools.product(
            args.servers.split(","), args.delays.split(","), args.connections.split(","), args.in_flight.split(","))
        if server != "pieces" or in_flight == "1"
    ]
    print("| " + " | ".join(COLUMNS) + " |\n|---|---|" + "--:|" * (len(COLUMNS) - 2))
    worst = 0.0
    with tempfile.TemporaryDirectory() as folder:
        for pattern, make in [("clustered", clustered_blocks), ("scattered", scattered_blocks)]:
            if pattern not in args.patterns.split(","):
                continue
            blocks = make(random.Random(19))
            bits = os.path.join(folder, pattern)
            with open(bits, "w") as file:
                file.write("".join("01"[block in blocks] for block in range(DISK // BLOCK)))
            for setting in settings:
                row = measure(args.cbt, bits, pattern, setting, args.rounds, folder)
                print("| " + " | ".join(map(str, row)) + " |", flush=True)
                worst = max(worst, float(row[-1]))
    if args.at_most and worst > args.at_most:
        raise SystemExit(f"auto took {worst} times as long as the best gap")


if __name__ == "__main__":
    main()
