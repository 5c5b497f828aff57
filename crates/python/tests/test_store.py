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
    assert (warned[0].message.kind, warned[0].message.uuid) == ("not-consistent", MIDDLE)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(changed_blocks.ChainWarning):
            store.list_changed_blocks(OLD, NEW, allow_inconsistent=True)


@pytest.mark.parametrize("function", [changed_blocks.extents, changed_blocks.bitmap])
def test_a_single_log_that_may_lack_changes_is_warned_of(function, tmp_path):
    path = write_log(tmp_path, MIDDLE, OLD, NEW, "00001000", flag=0)
    with path.open("rb") as file, path.open("rb", buffering=0) as unbuffered:
        for log in (path, path.read_bytes(), bytearray(path.read_bytes()), file, unbuffered):
            with pytest.raises(changed_blocks.FullBackupError) as raised:
                function(log, encoding="cbtlog")
            assert raised.value.kind == "inconsistent"
            if hasattr(log, "seek"):
                log.seek(0)
            with pytest.warns(changed_blocks.ChainWarning, match="changes may be missing") as warned:
                answer = function(log, encoding="cbtlog", allow_inconsistent=True)
            assert warned[0].filename == __file__
            assert (warned[0].message.kind, warned[0].message.uuid) == ("not-consistent", None)
            found = answer if function is changed_blocks.extents else answer.extents()
            assert list(found) == [(4 * BLOCK, BLOCK)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(changed_blocks.ChainWarning):
            function(path, encoding="cbtlog", allow_inconsistent=True)
        # A log that was closed is no matter for a warning.
        closed = write_log(tmp_path, MIDDLE, OLD, NEW, "00001000")
        with closed.open("rb") as file:
            for log in (closed, file):
                function(log, encoding="cbtlog", allow_inconsistent=True)
        for damaged in (b"", b"x" * 47, b"x" * 100):
            with pytest.raises(changed_blocks.FullBackupError):
                function(damaged, encoding="cbtlog", allow_inconsistent=True)


def test_a_log_that_a_deletion_left_is_warned_of_as_one_that_adds(folder):
    # The newer log has the older one as its parent, but the log in between still says that it has both as neighbours.
    write_log(folder, OLD, NONE, NEW, "11110000")
    write_log(folder, NEW, OLD, NONE, "0000001000000001")
    with pytest.warns(changed_blocks.ChainWarning, match="part of the answer") as warned:
        answer = changed_blocks.Store(folder).list_changed_blocks(OLD, NEW)
    assert (warned[0].message.kind, warned[0].message.uuid) == ("stray", MIDDLE)
    assert answer.bitmap.to_bits() == "0000101000000001"


def test_one_thread_gives_the_same_answer(folder):
    store = changed_blocks.Store(folder)
    assert store.list_changed_blocks(OLD, NEW, parallel=False).bitmap == store.list_changed_blocks(OLD, NEW).bitmap


def test_a_disk_is_named_once(folder):
    path = folder / f"{OLD}.cbtlog"
    for other in (OLD.hex, f"{{{OLD}}}", OLD.urn, OLD):
        with pytest.raises(changed_blocks.UsageError, match="is named twice"):
            changed_blocks.Store({str(OLD): path, other: folder / f"{MIDDLE}.cbtlog"})


def test_wrong_arguments_are_refused(folder):
    store = changed_blocks.Store(folder)
    with pytest.raises(changed_blocks.UsageError, match="no UUID"):
        store.list_changed_blocks("x", NEW)
    with pytest.raises(TypeError):
        store.list_changed_blocks(1, NEW)
    with pytest.raises(changed_blocks.OperatorError) as raised:
        changed_blocks.Store(folder / "none")
    assert raised.value.kind == "open" and isinstance(raised.value.__cause__, FileNotFoundError)
    with pytest.raises(TypeError):
        changed_blocks.Store(5)
