"""The same answers as bitarray and NumPy give, also at the seams of the engine."""

import base64

import pytest
from conftest import BLOCK, DATA, random_bits, runs

import changed_blocks

# Around groups of base64, words, tiles and chunks.
LENGTHS = [1, 7, 8, 9, 23, 24, 25, 63, 64, 65, 287, 288, 289, 4095, 4096, 4097, 24_575, 24_576, 24_577, 200_001]
REAL = ["file-server-day.b64", "development-day.b64", "database-hour.b64"]


def packed(bits):
    """Bytes of an answer: the first block in the most significant bit."""
    text = "".join(map(str, bits)).ljust(-(-len(bits) // 8) * 8, "0")
    return int(text, 2).to_bytes(len(text) // 8, "big")


@pytest.mark.parametrize("length", LENGTHS)
def test_bitarray_finds_the_same_bits(length):
    bitarray = pytest.importorskip("bitarray")
    for seed in range(5):
        data = packed(random_bits(f"{length} {seed}", length))
        expected = bitarray.bitarray(endian="big")
        expected.frombytes(data)
        bitmap = changed_blocks.bitmap(base64.b64encode(data))
        assert bitmap.to_bits() == expected.to01()
        assert bitmap.count() == expected.count()
        assert list(bitmap) == [bool(bit) for bit in expected]
        assert list(bitmap.indexes()) == list(expected.search(bitarray.bitarray("1")))
        assert (~bitmap).to_raw() == (~expected).tobytes()
        other = packed(random_bits(f"{length} {seed} other", length))
        theirs = bitarray.bitarray(endian="big")
        theirs.frombytes(other)
        ours = changed_blocks.bitmap(other, encoding="raw-msb0")
        assert (bitmap | ours).to_raw() == (expected | theirs).tobytes()
        assert (bitmap & ours).to_raw() == (expected & theirs).tobytes()
        assert (bitmap ^ ours).to_raw() == (expected ^ theirs).tobytes()
        assert (bitmap - ours).to_raw() == (expected & ~theirs).tobytes()


@pytest.mark.parametrize("length", LENGTHS)
def test_numpy_finds_the_same_ranges(length):
    numpy = pytest.importorskip("numpy")
    for seed in range(5):
        bits = random_bits(f"{length} {seed}", length)
        data = packed(bits)
        expected = ranges_by_numpy(numpy, data)
        assert expected.tolist() == [[BLOCK * first, BLOCK * count] for first, count in runs(bits)]
        for parallel in (False, True):
            found = changed_blocks.extents(base64.b64encode(data), parallel=parallel)
            assert numpy.array_equal(numpy.asarray(found), expected)


@pytest.mark.parametrize("name", REAL)
def test_numpy_finds_the_same_ranges_of_real_bitmaps(name):
    numpy = pytest.importorskip("numpy")
    text = (DATA / name).read_text(encoding="ascii")
    expected = ranges_by_numpy(numpy, base64.b64decode(text))
    assert numpy.array_equal(numpy.asarray(changed_blocks.extents(text, virtual_size=1 << 40)), expected)
    blocks = numpy.unpackbits(numpy.frombuffer(base64.b64decode(text), numpy.uint8)).reshape(-1, 32).any(axis=1)
    at_2_mib = changed_blocks.bitmap(text, virtual_size=1 << 40, at=2 << 20)
    assert numpy.array_equal(numpy.asarray(at_2_mib.indexes()), numpy.flatnonzero(blocks))
    assert at_2_mib == changed_blocks.bitmap(text, virtual_size=1 << 40).reblock(2 << 20)


def ranges_by_numpy(numpy, data):
    bits = numpy.unpackbits(numpy.frombuffer(data, numpy.uint8)).astype(numpy.int8)
    boundaries = numpy.flatnonzero(numpy.diff(bits, prepend=0, append=0)).astype(numpy.uint64).reshape(-1, 2)
    return numpy.column_stack((boundaries[:, 0], boundaries[:, 1] - boundaries[:, 0])) * numpy.uint64(BLOCK)
