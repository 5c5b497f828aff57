"""Chains of logs in a folder, made by hand."""

import struct
import uuid
import warnings

import pytest
from conftest import BLOCK

import changed_blocks

OLD, MIDDLE, NEW, OTHER = (uuid.UUID(int=number << 64 | 0x4000_8000_0000_0000_0000) for number in range(1, 5))
NONE = uuid.UUID(int=0)


def write_log(folder, disk, parent, child, bits, flag=1):
    """A log of a disk of as many blocks as there are bits."""
    size = len(bits) * BLOCK
    bitmap = int(bits[::-1], 2).to_bytes(-(-len(bits) // 8), "little")
    path = folder / f"{disk}.cbtlog"
    path.write_bytes(parent.bytes + child.bytes + struct.pack("<iIQ", flag, 0, size) + bitmap)
    return path


@pytest.fixture
def folder(tmp_path):
    write_log(tmp_path, OLD, NONE, MIDDLE, "11110000")
    write_log(tmp_path, MIDDLE, OLD, NEW, "00001000")
    write_log(tmp_path, NEW, MIDDLE, NONE, "0000001000000001")
    return tmp_path


def test_the_answer_is_the_union_of_the_newer_logs(folder):
    store = changed_blocks.Store(folder)
    assert store.uuids() == [OLD, MIDDLE, NEW]
    for older, newer in ((OLD, NEW), (str(OLD), str(NEW).upper())):
        answer = store.list_changed_blocks(older, newer)
        assert answer.bitmap.to_bits() == "0000101000000001"
        assert (answer.virtual_size, answer.chain, answer.warnings) == (16 * BLOCK, [MIDDLE, NEW], [])
        assert answer.extents() == answer.bitmap.extents() and answer.extents().virtual_size == 16 * BLOCK
    assert repr(answer) == "<ChangedBlocks: 3 blocks over 2 logs, 0 warnings>"
    assert repr(changed_blocks.Store(str(folder))) == "<Store: 3 logs>"


def test_logs_may_be_named_one_by_one(folder):
    named = {str(OLD): folder / f"{OLD}.cbtlog", MIDDLE: str(folder / f"{MIDDLE}.cbtlog")}
    answer = changed_blocks.Store(named).list_changed_blocks(OLD, MIDDLE)
    assert answer.bitmap.to_bits() == "00001000"


def test_each_error_has_the_code_of_a_pool(folder):
    store = changed_blocks.Store(folder)
    for older, newer, kind, error, code in (
        (OLD, OLD, "same", changed_blocks.UsageError, "SR_BACKEND_FAILURE_460"),
        (OLD, OTHER, "missing", changed_blocks.FullBackupError, "SR_BACKEND_FAILURE_460"),
        (NEW, OLD, "unrelated", changed_blocks.FullBackupError, "SR_BACKEND_FAILURE_460"),
    ):
        with pytest.raises(error) as raised:
            store.list_changed_blocks(older, newer)
        assert (raised.value.kind, raised.value.api_code) == (kind, code)
        assert raised.value.hint
    write_log(folder, NEW, MIDDLE, NONE, "0000001000000001", flag=0)
    with pytest.raises(changed_blocks.BusyError) as raised:
        store.list_changed_blocks(OLD, NEW)
    assert (raised.value.kind, raised.value.api_code) == ("in-use", "VDI_IN_USE")
    write_log(folder, MIDDLE, OLD, NEW, "00001000", flag=7)
    with pytest.raises(changed_blocks.FullBackupError) as raised:
        store.list_changed_blocks(OLD, NEW)
    assert (raised.value.kind, raised.value.offset) == ("consistent-flag", 32)
    assert raised.value.api_code == "SR_BACKEND_FAILURE_459"


def test_a_log_that_may_lack_changes_is_warned_of(folder):
    write_log(folder, MIDDLE, OLD, NEW, "00001000", flag=0)
    store = changed_blocks.Store(folder)
    with pytest.raises(changed_blocks.FullBackupError):
        store.list_changed_blocks(OLD, NEW)
    with pytest.warns(changed_blocks.ChainWarning, match="not marked as consistent") as warned:
        answer = store.list_changed_blocks(OLD, NEW, allow_inconsistent=True)
    assert warned[0].filename == __file__
    assert len(answer.warnings) == 1 and str(MIDDLE) in answer.warnings[0]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(changed_blocks.ChainWarning):
            store.list_changed_blocks(OLD, NEW, allow_inconsistent=True)


def test_wrong_arguments_are_refused(folder):
    store = changed_blocks.Store(folder)
    with pytest.raises(ValueError, match="no UUID"):
        store.list_changed_blocks("x", NEW)
    with pytest.raises(TypeError):
        store.list_changed_blocks(1, NEW)
    with pytest.raises(changed_blocks.OperatorError) as raised:
        changed_blocks.Store(folder / "none")
    assert raised.value.kind == "open" and isinstance(raised.value.__cause__, FileNotFoundError)
    with pytest.raises(TypeError):
        changed_blocks.Store(5)
