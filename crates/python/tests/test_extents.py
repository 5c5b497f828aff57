"""The list of byte ranges: a sequence, an array of others, and shapes."""

import collections.abc
import copy
import gc
import pickle
import random
import re
import struct

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
    assert PAIRS[1] in extents and (1, 2) not in extents and (-1, 2) not in extents and (1, 2**64) not in extents
    assert extents.index(PAIRS[2]) == 2 and extents.count(PAIRS[0]) == 1 and extents.count((1, 1)) == 0
    assert (extents.virtual_size, extents.block_size, extents.total_bytes) == (32 * BLOCK, BLOCK, 4 * BLOCK)
    assert [extents.index(PAIRS[1], *part) for part in ((), (1,), (-2,), (0, 2), (0, -1))] == [1] * 5
    for part in ((2,), (0, 1), (-1,), (2, 1)):
        with pytest.raises(ValueError):
            extents.index(PAIRS[1], *part)
    for index in (3, -4, 2**62, 2**63, -(2**63) - 1):
        with pytest.raises(IndexError):
            extents[index]
    with pytest.raises(TypeError):
        extents["0"]
    with pytest.raises(ValueError):
        extents.index((1, 1))
    assert extents and not Extents([])


def test_an_offset_is_no_item(extents):
    for call in (lambda item: item in extents, extents.index, extents.count):
        for item in (65536, "ab", None, (65536,), (1, 2, 3), 1.5, ("1", 2)):
            with pytest.raises(TypeError, match=r"intersects\(offset, length\)"):
                call(item)


def test_it_says_whether_a_range_of_bytes_is_in_it():
    rng = random.Random(5)
    for _ in range(200):
        a = random_extents(rng)
        for extents in (a, a.split(3)):
            offset, length = rng.randrange(230), rng.randrange(20)
            length = min(length, 230 - offset)
            expected = any(byte in members(a) for byte in range(offset, offset + length))
            assert extents.intersects(offset, length) == expected
    last = Extents([(2**64 - 2, 1)])
    assert last.intersects(2**64 - 2, 1) and last.intersects(0, 2**64 - 1) and not last.intersects(2**64 - 1, 1)


def test_it_says_nothing_of_bytes_that_it_does_not_know(extents):
    for offset, length in ((32 * BLOCK, 1), (0, 32 * BLOCK + 1), (2**64 - 1, 2**64 - 1)):
        with pytest.raises(changed_blocks.UsageError, match="beyond the end of the disk"):
            extents.intersects(offset, length)
    for part in (extents[1:], extents[::-1]):
        with pytest.raises(changed_blocks.UsageError, match="whole list"):
            part.intersects(0, 1)


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
        other = pickle.loads(pickle.dumps(one))
        assert (other, other.virtual_size, other.block_size) == (one, one.virtual_size, one.block_size)
        assert copy.copy(one) is one and copy.deepcopy([one])[0] is one
    for one in (extents.split(BLOCK), extents[::-1]):
        assert list(pickle.loads(pickle.dumps(one))) == list(one)
    with pytest.raises(ValueError, match="whole list"):
        pickle.loads(pickle.dumps(extents[1:])).to_format("text")


def test_what_pickle_kept_is_not_taken_for_less(extents):
    restore, (pairs, block_size, size, _) = extents.__reduce__()

    def packed(*numbers):
        return struct.pack(f"<{len(numbers)}Q", *numbers)

    bad = [pairs[:-1], pairs[:-8], pairs[16:] + pairs[:16], packed(0, 0), packed(0, 10, 9, 1), packed(2**64 - 1, 1)]
    bad += [packed(0, size + 1)]
    for damaged in bad:
        with pytest.raises(changed_blocks.FullBackupError) as raised:
            restore(damaged, block_size, size, False)
        assert raised.value.kind == "list" and raised.value.offset is not None
    for damaged in (pairs[:-1], packed(0, 0), packed(0, size + 1)):
        with pytest.raises(changed_blocks.FullBackupError):
            restore(damaged, block_size, size, True)
    assert list(restore(packed(5, 5, 0, 5), block_size, size, True)) == [(5, 5), (0, 5)]


def test_any_pairs_become_a_list():
    assert list(Extents([[5, 5], (0, 5), (20, 0), (12, 1)])) == [(0, 10), (12, 1)]
    for bad in ([1], [(1,)], [(1, 2, 3)], [("1", 2)], 5, [None], [(1.5, 2)]):
        with pytest.raises(TypeError):
            Extents(bad)
    with pytest.raises(TypeError, match="item 1 is"):
        Extents([(0, 1), 7])
    for bad in ([(-1, 2)], [(2**64, 1)], [(1, 2**64)]):
        with pytest.raises(changed_blocks.UsageError, match="item 0 has a number that is not from 0"):
            Extents(bad)
    with pytest.raises(changed_blocks.UsageError, match="item 1 is 6 bytes at 5, which ends at 11, beyond .* at 10"):
        Extents([(0, 1), (5, 6)], virtual_size=10)
    with pytest.raises(changed_blocks.UsageError):
        Extents([], block_size=100)


@pytest.mark.parametrize("pairs", [[(2**64 - 1, 1)], [(0, 1), (2**63, 2**64 - 1)], [(2**63, 2**63)]])
def test_a_range_that_no_number_holds_is_refused_and_not_cut(pairs):
    with pytest.raises(changed_blocks.UsageError, match=f"item {len(pairs) - 1} is .* ends beyond 2\\^64 - 1"):
        Extents(pairs)
    assert list(Extents([(1, 2**64 - 2)])) == [(1, 2**64 - 2)]


def test_a_list_of_a_list_keeps_what_it_is(extents):
    extents = Extents(extents, block_size=4096)
    again = Extents(extents)
    assert (again, again.virtual_size, again.block_size) == (extents, 32 * BLOCK, 4096)
    assert Extents(extents, virtual_size=33 * BLOCK).virtual_size == 33 * BLOCK
    with pytest.raises(changed_blocks.UsageError, match="beyond the end"):
        Extents(extents, virtual_size=BLOCK)
    with pytest.raises(changed_blocks.UsageError, match="whole list"):
        Extents(extents[1:]).to_format("text")
    assert list(Extents(extents.split(BLOCK))) == list(extents)


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


def test_pieces_that_touch_go_into_everything():
    rng = random.Random(6)
    for _ in range(100):
        a, b = random_extents(rng), random_extents(rng)
        pieces, others = a.split(rng.randrange(1, 6)), b.split(rng.randrange(1, 6))
        assert (pieces | others, pieces & others) == (a | b, a & b)
        assert (pieces - others, pieces ^ others) == (a - b, a ^ b)
        assert pieces.merge_gap(0) == a and pieces.merge_gap(3) == a.merge_gap(3)
        assert pieces.align(7) == a.align(7) and pieces.at_most(2) == a.at_most(2) and pieces.split(4) == a.split(4)


def test_sets_of_different_disks_are_refused():
    small, large, unknown = Extents([(0, 5)], virtual_size=10), Extents([(15, 5)], virtual_size=20), Extents([(5, 1)])
    for name in ("union", "intersection", "difference", "symmetric_difference"):
        with pytest.raises(changed_blocks.UsageError, match="10 bytes and the other of 20") as raised:
            getattr(small, name)(large)
        assert "extend=True" in raised.value.hint
        for one, other in ((small, large), (large, small)):
            assert getattr(one, name)(other, extend=True).virtual_size == 20
        # Of two sizes, the one that is known.
        assert getattr(small, name)(unknown).virtual_size == getattr(unknown, name)(small).virtual_size == 10
        assert getattr(unknown, name)(unknown).virtual_size is None
        with pytest.raises(changed_blocks.UsageError, match="ends at 11, the other is of a disk of 10"):
            getattr(small, name)(Extents([(10, 1)]))
    assert list(small.union(large, extend=True)) == [(0, 5), (15, 5)]
    assert list((small | Extents([(9, 1)])).align(8)) == [(0, 10)]


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
    for call, name in ((extents.align, "size"), (extents.at_most, "count"), (extents.split, "max_length")):
        with pytest.raises(changed_blocks.UsageError, match=f"^{name} is 0: it has to be at least 1$"):
            call(0)
    for call, name in ((extents.align, "size"), (extents.at_most, "count"), (extents.merge_gap, "max_gap")):
        for number in (-1, 2**64):
            with pytest.raises(changed_blocks.UsageError, match=f"^{name} is {number}: it has to be from 0 to") as raised:
                call(number)
            assert raised.value.kind == "invalid-argument"
        with pytest.raises(TypeError, match=f"^{name} is float, not int$"):
            call(1.5)
    assert extents.at_most(2**64 - 1) == extents
    with pytest.raises(changed_blocks.UsageError) as raised:
        extents[::-1].merge_gap(0)
    assert raised.value.kind == "byte-range"
    assert Extents(extents[::-1]).merge_gap(0) == extents
