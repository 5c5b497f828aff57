"""Facts and helpers that several files of tests have in common."""

import random
from pathlib import Path

import pytest

DATA = Path(__file__).resolve().parents[3] / "tests" / "data"
BLOCK = 65536
LARGEST_DISK = 16_381 << 30


def runs(bits):
    """The runs of ones as pairs (first, length), found bit by bit."""
    found, start = [], None
    for place, bit in enumerate([*bits, 0]):
        if bit and start is None:
            start = place
        if not bit and start is not None:
            found.append((start, place - start))
            start = None
    return found


def random_bits(seed, length):
    """Bits of a density that is random, too, in runs that are long or short."""
    rng = random.Random(seed)
    density, mean = rng.choice([0.002, 0.05, 0.5, 0.98]), rng.choice([1, 7, 100])
    bits = []
    while len(bits) < length:
        bits += [int(rng.random() < density)] * rng.randint(1, 2 * mean)
    return bits[:length]


@pytest.fixture
def database_hour():
    return (DATA / "database-hour.b64").read_text(encoding="ascii")
