"""The bitmap: questions, set algebra, and back to text."""

import copy
import pickle

import pytest
from conftest import BLOCK, random_bits

import changed_blocks


def bitmap_of(bits, **options):
    return changed_blocks.bitmap("".join(map(str, bits)), encoding="bits", **options)


def test_it_answers_for_each_block():
    bits = random_bits("blocks", 1001)
    bitmap = bitmap_of(bits, virtual_size=1000 * BLOCK + 1)
    assert (len(bitmap), bitmap.count(), bitmap.any()) == (1001, sum(bits), True)
    assert (bitmap.virtual_size, bitmap.block_size) == (1000 * BLOCK + 1, BLOCK)
    assert list(bitmap) == [bitmap[i] for i in range(1001)] == [bitmap[i - 1001] for i in range(1001)]
    assert list(bitmap) == [bit == 1 for bit in bits]
    assert bitmap.indexes().tolist() == [i for i, bit in enumerate(bits) if bit]
    for block in (1001, -1002, 2**62, -(2**62), 2**63, -(2**63) - 1, 2**64):
        with pytest.raises(IndexError):
            bitmap[block]
    assert repr(bitmap) == f"<Bitmap: {sum(bits)} of 1001 blocks of 65536 bytes changed>"
    assert not bitmap_of([0, 0]).any()


def test_a_question_that_would_mislead_is_refused():
    with pytest.raises(TypeError):
        3 in bitmap_of([0, 0, 0, 1])  # noqa: B015


def test_it_is_equal_to_its_like():
    one, other = bitmap_of([0, 1, 1]), changed_blocks.bitmap(b"\x06", encoding="raw-lsb0")
    assert one != other and one == bitmap_of([0, 1, 1]) and hash(one) == hash(bitmap_of([0, 1, 1])) and one != 6
    for whole in (one, bitmap_of([1] * 70), bitmap_of([0, 1, 1], virtual_size=2 * BLOCK + 5)):
        again = pickle.loads(pickle.dumps(whole))
        assert (again, again.virtual_size, len(again)) == (whole, whole.virtual_size, len(whole))
        assert copy.copy(whole) is whole and copy.deepcopy([whole])[0] is whole


def test_what_pickle_kept_is_not_taken_for_less():
    restore, (raw, blocks, block_size, size) = bitmap_of([1] * 70).__reduce__()
    for bad in (
        (raw[:-1], blocks),
        (raw + b"\0", blocks),
        (raw, blocks - 1),
        (raw, blocks + 8),
        (b"", blocks),
        (b"", 0),
    ):
        with pytest.raises(changed_blocks.FullBackupError):
            restore(*bad, block_size, size)
    with pytest.raises(changed_blocks.FullBackupError, match="block 68 is marked"):
        restore(raw[:-1] + b"\x1f", 68, block_size, size)
    for size in (69 * BLOCK, 71 * BLOCK):
        with pytest.raises(changed_blocks.FullBackupError):
            restore(raw, blocks, block_size, size)


def test_set_algebra_is_that_of_sets_of_blocks():
    for seed in range(50):
        a, b = random_bits(f"a {seed}", 300), random_bits(f"b {seed}", 300)
        one, other = bitmap_of(a), bitmap_of(b)
        changed, theirs = set(one.indexes()), set(other.indexes())
        for found, expected in (
            (one | other, changed | theirs),
            (one & other, changed & theirs),
            (one - other, changed - theirs),
            (one ^ other, changed ^ theirs),
            (~one, set(range(300)) - changed),
        ):
            assert set(found.indexes()) == expected and len(found) == 300


def test_bitmaps_of_other_disks_do_not_combine():
    short, long = bitmap_of([1, 0]), bitmap_of([0, 0, 1])
    for call in (lambda: short | long, lambda: short & long, lambda: short - long, lambda: short ^ long):
        with pytest.raises(changed_blocks.UsageError) as raised:
            call()
        assert raised.value.kind == "length-mismatch"
    assert short.union(long, extend=True).to_bits() == "101"
    assert long.difference(short, extend=True).to_bits() == "001"
    assert long.intersection(short, extend=True).to_bits() == "000"
    assert short.symmetric_difference(long, extend=True).to_bits() == "101"
    with pytest.raises(changed_blocks.UsageError) as raised:
        short | short.reblock(512)
    assert raised.value.kind == "unequal-block-sizes"
    with pytest.raises(TypeError):
        short | 5


def test_larger_blocks_have_any_change_of_theirs():
    bits = random_bits("larger", 1000)
    bitmap = bitmap_of(bits)
    for factor in (2, 16, 64):
        expected = [any(bits[i : i + factor]) for i in range(0, 1000, factor)]
        assert list(bitmap.reblock(factor * BLOCK)) == expected
        assert list(bitmap_of(bits, at=factor * BLOCK)) == expected
        assert bitmap.reblock(factor * BLOCK).block_size == factor * BLOCK
    assert list(bitmap.reblock(BLOCK // 2)) == [bit == 1 for bit in bits for _ in range(2)]
    for bad in (0, 1000, 256, 2 << 30, 2**64 - 1):
        with pytest.raises(changed_blocks.UsageError) as raised:
            bitmap.reblock(bad)
        assert raised.value.kind == "block-size"


def test_it_says_whether_a_range_of_bytes_changed():
    bitmap = bitmap_of([0, 1, 1, 0])
    for offset in range(0, 4 * BLOCK, BLOCK // 2):
        for length in (0, 1, BLOCK // 2, min(BLOCK, 4 * BLOCK - offset)):
            touched = range(offset // BLOCK, -(-(offset + length) // BLOCK)) if length else ()
            assert bitmap.intersects(offset, length) == any(block in (1, 2) for block in touched)
    assert not bitmap.intersects(4 * BLOCK, 0)


def test_it_says_nothing_of_bytes_beyond_its_end():
    of_known_size = bitmap_of([1, 0, 0], virtual_size=2 * BLOCK + 5)
    assert not of_known_size.intersects(2 * BLOCK, 5)
    for bitmap, offset, length in (
        (bitmap_of([1, 0]), 2 * BLOCK, 1),
        (bitmap_of([1, 0]), BLOCK, BLOCK + 1),
        (bitmap_of([1, 0]), 2**64 - 1, 2**64 - 1),
        (of_known_size, 2 * BLOCK, 6),
        (of_known_size, 3 * BLOCK, 0),
    ):
        with pytest.raises(changed_blocks.UsageError, match="beyond the end of the disk") as raised:
            bitmap.intersects(offset, length)
        assert raised.value.hint


def test_the_bits_that_fill_up_an_answer_count_as_blocks_without_the_size():
    assert (~changed_blocks.bitmap("YA==")).to_bits() == "10011111"
    assert (~changed_blocks.bitmap("YA==", virtual_size=5 * BLOCK - 1)).to_bits() == "10011"
    assert list((~changed_blocks.bitmap("YA==", virtual_size=5 * BLOCK - 1)).extents())[-1] == (3 * BLOCK, 2 * BLOCK - 1)


def test_every_encoding_is_read_back():
    for length in (1, 8, 63, 1000):
        bitmap = bitmap_of(random_bits(length, length))
        size = length * BLOCK
        assert changed_blocks.bitmap(bitmap.to_base64(), virtual_size=size) == bitmap
        assert changed_blocks.bitmap(bitmap.to_bits(), virtual_size=size, encoding="bits") == bitmap
        for encoding in ("raw-msb0", "raw-lsb0"):
            raw = bitmap.to_raw(encoding)
            assert changed_blocks.bitmap(raw, virtual_size=size, encoding=encoding) == bitmap
    with pytest.raises(ValueError, match="is not raw"):
        bitmap.to_raw("base64")
    with pytest.raises(changed_blocks.UsageError) as raised:
        bitmap.to_raw("raw")
    assert raised.value.kind == "unknown-encoding"
    assert changed_blocks.ENCODINGS == ("base64", "raw-msb0", "raw-lsb0", "cbtlog", "bits")
