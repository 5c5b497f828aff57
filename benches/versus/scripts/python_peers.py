"""From base64 text to runs in Python: with bitarray, or with numpy.

    python_peers.py PEER                                             prints the version
    python_peers.py PEER FILE SAMPLES FEWEST PATIENCE LIMIT          measures

Measures the text in FILE, which has no white space around it: at least SAMPLES times, but no more than FEWEST once
PATIENCE seconds have passed; not at all if one time would take more than LIMIT seconds, going by a small part. Prints
the number of runs, the number of blocks in them, and the seconds of each time; or one line `skipped REASON`.
"""

import sys
import time
from base64 import b64decode
from collections import deque

# A multiple of 32 symbols.
PART = 256 << 10


class Bitarray:
    def __init__(self):
        import bitarray
        from bitarray.util import intervals

        self.bitarray, self.intervals = bitarray.bitarray, intervals
        self.version = bitarray.__version__

    def _all(self, text):
        bits = self.bitarray(endian="big")
        bits.frombytes(b64decode(text))
        return self.intervals(bits)

    def run(self, text):
        # Steps through all intervals, the unchanged ones too, and keeps none: a list of tuples would take many times
        # as much memory and time. That is in its favour.
        deque(self._all(text), maxlen=0)

    def digest(self, text):
        runs = blocks = 0
        for value, start, stop in self._all(text):
            if value:
                runs += 1
                blocks += stop - start
        return runs, blocks


class Numpy:
    def __init__(self):
        import numpy

        self.numpy = numpy
        self.version = numpy.__version__

    def run(self, text):
        numpy = self.numpy
        bits = numpy.unpackbits(numpy.frombuffer(b64decode(text), dtype=numpy.uint8))
        boundaries = numpy.flatnonzero(bits[1:] != bits[:-1]) + 1
        # What the very first and the very last block have on their other side is unchanged.
        before = [0] if bits[0] else []
        after = [len(bits)] if bits[-1] else []
        if before or after:
            boundaries = numpy.concatenate((before, boundaries, after)).astype(boundaries.dtype)
        return boundaries.reshape(-1, 2)

    def digest(self, text):
        runs = self.run(text)
        return len(runs), int((runs[:, 1] - runs[:, 0]).sum())


def seconds(peer, text):
    start = time.perf_counter()
    result = peer.run(text)
    end = time.perf_counter()
    del result
    return end - start


def main():
    try:
        peer = {"bitarray": Bitarray, "numpy": Numpy}[sys.argv[1]]()
    except ImportError:
        print(f"skipped python3 has no module {sys.argv[1]}; pip install bitarray numpy")
        return
    if len(sys.argv) == 2:
        print(f"version {peer.version}, Python {sys.version.split()[0]}")
        return
    with open(sys.argv[2], "rb") as file:
        text = file.read()
    samples, fewest = int(sys.argv[3]), int(sys.argv[4])
    patience, limit = float(sys.argv[5]), float(sys.argv[6])

    part = text[:PART]
    seconds(peer, part)
    expected = seconds(peer, part) * len(text) / len(part)
    if expected > limit:
        print(f"skipped one run would take about {expected:.0f} s")
        return
    print("digest", *peer.digest(text))
    times = []
    while len(times) < (samples if sum(times) < patience else fewest):
        times.append(seconds(peer, text))
    print("seconds", *times)


main()
