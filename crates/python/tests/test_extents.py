"""The list of byte ranges: a sequence, an array of others, and shapes."""

import collections.abc
import copy
import gc
import pickle
import random
import re

import pytest
from conftest import BLOCK

import changed_blocks
from changed_blocks import Extents

PAIRS = [(0, 131072), (262144, 65536), (393216, 65536)]


@pytest.fixture
def extents():
    return changed_blocks.extents("ygAAAA==", virtual_size=32 * BLOCK)


def test_it_is_a_sequence_of_pairs(extents):
    assert isinstance(extents, collections.abc.Sequence)
    assert list(extents) == PAIRS
    assert list(reversed(extents)) == PAIRS[::-1]
    assert [extents[i] for i in range(-3, 3)] == PAIRS + PAIRS
    assert PAIRS[1] in extents and (1, 2) not in extents and 5 not in extents and "ab" not in extents
    assert extents.index(PAIRS[2]) == 2 and extents.count(PAIRS[0]) == 1 and extents.count((1, 1)) == 0
    assert (extents.virtual_size, extents.block_size, extents.total_bytes) == (32 * BLOCK, BLOCK, 4 * BLOCK)
    for index in (3, -4, 2**62):
        with pytest.raises(IndexError):
            extents[index]
    with pytest.raises(TypeError):
        extents["0"]
    with pytest.raises(ValueError):
        extents.index((1, 1))
    assert extents and not Extents([])


def test_slices_are_those_of_a_list(extents):
    rng = random.Random(1)
    places = [None, *range(-5, 6)]
    for _ in range(300):
        part = slice(rng.choice(places), rng.choice(places), rng.choice([None, 1, 2, 3, -1, -2]))
        assert list(extents[part]) == PAIRS[part], part


def test_it_never_changes_and_has_a_hash(extents):
    again = changed_blocks.extents("ygAAAA==")
    assert extents == again and hash(extents) == hash(again) and len({extents, again}) == 1
    assert extents != extents[1:] and extents != 1
    for attempt in ("extents.block_size = 1", "extents[0] = (1, 1)", "del extents[0]", "extents.other = 1"):
        with pytest.raises((AttributeError, TypeError)):
            exec(attempt)


def test_it_prints_shortly(extents):
    assert repr(extents) == f"Extents({PAIRS}, virtual_size=2097152)"
    assert eval(repr(extents)) == extents
    long = Extents((2 * i, 1) for i in range(100_000))
    assert repr(long) == "<Extents: 100000 ranges, 100000 bytes: (0, 1), (2, 1), (4, 1), …, (199998, 1)>"


def test_it_draws_every_change_however_small():
    size = 1 << 44
    rng = random.Random(2)
    for count in (0, 1, 5, 500):
        extents = Extents([(rng.randrange(size - 1), 1) for _ in range(count)], virtual_size=size)
        html = extents._repr_html_()
        columns = {offset // (size // 128) for offset, _ in extents}
        drawn = re.findall(r'<rect x="(\d+)" [^>]* fill-opacity="([\d.]+)"', html)
        assert {int(x) // 5 for x, _ in drawn} == columns
        assert all(0.3 <= float(opacity) <= 1 for _, opacity in drawn)
        assert len(html) < 20_000
    assert 'fill-opacity="1.00"' in Extents([(0, size)], virtual_size=size)._repr_html_()
    Extents([(0, 2**64 - 1)])._repr_html_()


def test_numpy_shares_the_memory(extents):
    numpy = pytest.importorskip("numpy")
    array = numpy.asarray(extents)
    assert (array.shape, array.dtype, array.flags.writeable) == ((3, 2), numpy.uint64, False)
    assert array.tolist() == [list(pair) for pair in PAIRS]
    assert array.ctypes.data == extents.__array_interface__["data"][0]
    assert numpy.asarray(extents[1:]).ctypes.data == array.ctypes.data + 16
    assert numpy.asarray(Extents([])).shape == (0, 2)
    kept = numpy.asarray(changed_blocks.extents("ygAAAA==" * 1))
    gc.collect()
    assert kept.tolist() == array.tolist()
    assert Extents(array) == extents
    beyond = 2**63 + 1
    assert numpy.asarray(Extents([(beyond, 1)])).tolist() == [[beyond, 1]]


def test_arrow_shares_the_memory(extents):
    pyarrow = pytest.importorskip("pyarrow")
    array = pyarrow.array(extents)
    assert array.type == pyarrow.list_(pyarrow.field("item", pyarrow.uint64(), nullable=False), 2)
    assert array.to_pylist() == [list(pair) for pair in PAIRS]
    assert array.values.buffers()[1].address == extents.__array_interface__["data"][0]
    assert pyarrow.array(extents[1:]).to_pylist() == [list(pair) for pair in PAIRS[1:]]
    assert pyarrow.array(Extents([])).to_pylist() == []
    array.validate(full=True)
    for _ in range(1000):
        extents.__arrow_c_array__()
        pyarrow.array(changed_blocks.extents("ygAAAA=="))
    kept = pyarrow.array(changed_blocks.extents("ygAAAA=="))
    gc.collect()
    assert kept.equals(array)


def test_copies_and_pickles_are_equal(extents):
    for one in (extents, extents[1:], Extents([])):
        for other in (pickle.loads(pickle.dumps(one)), copy.copy(one), copy.deepcopy(one)):
            assert (other, other.virtual_size, other.block_size) == (one, one.virtual_size, one.block_size)
    with pytest.raises(ValueError, match="whole list"):
        pickle.loads(pickle.dumps(extents[1:])).to_format("text")


def test_any_pairs_become_a_list():
    assert list(Extents([[5, 5], (0, 5), (20, 0), (12, 1)])) == [(0, 10), (12, 1)]
    for bad in ([1], [(1,)], [(1, 2, 3)], [(-1, 2)], [("1", 2)], 5, [(2**64, 1)]):
        with pytest.raises((TypeError, ValueError, OverflowError)):
            Extents(bad)
    with pytest.raises(ValueError, match="beyond the end"):
        Extents([(5, 6)], virtual_size=10)
    with pytest.raises(changed_blocks.UsageError):
        Extents([], block_size=100)


def members(extents):
    return {byte for offset, length in extents for byte in range(offset, offset + length)}


def random_extents(rng):
    return Extents([(rng.randrange(200), rng.randrange(1, 20)) for _ in range(rng.randrange(8))], virtual_size=230)


def test_set_operations_are_those_of_sets_of_bytes():
    rng = random.Random(3)
    for _ in range(200):
        a, b = random_extents(rng), random_extents(rng)
        assert members(a | b) == members(a.union(b)) == members(a) | members(b)
        assert members(a & b) == members(a.intersection(b)) == members(a) & members(b)
        assert members(a - b) == members(a.difference(b)) == members(a) - members(b)
        assert members(a ^ b) == members(a.symmetric_difference(b)) == members(a) ^ members(b)
    with pytest.raises(TypeError):
        a | [(1, 2)]


def test_shapes_cover_what_they_are_made_of():
    rng = random.Random(4)
    for _ in range(200):
        a = random_extents(rng)
        n = rng.randrange(1, 10)
        merged, aligned, few, pieces = a.merge_gap(n), a.align(n), a.at_most(n), a.split(n)
        for shaped in (merged, aligned, few):
            assert members(a) <= members(shaped)
            assert shaped.virtual_size == 230 and max(members(shaped), default=0) < 230
        assert members(pieces) == members(a)
        assert all(b[0] - sum(a) > n for a, b in zip(merged, merged[1:]))
        assert all(o % n == 0 and ((o + l) % n == 0 or o + l == 230) for o, l in aligned)
        assert len(few) <= n
        assert all(0 < length <= n for _, length in pieces)


def test_wrong_shapes_are_refused(extents):
    for call in (lambda: extents.align(0), lambda: extents.at_most(0), lambda: extents.split(0)):
        with pytest.raises(ValueError):
            call()
    with pytest.raises(OverflowError):
        extents.merge_gap(-1)
    with pytest.raises(changed_blocks.UsageError) as raised:
        extents[::-1].merge_gap(0)
    assert raised.value.kind == "byte-range"
    assert Extents(extents[::-1]).merge_gap(0) == extents
