"""What a function reads from, and the errors of each."""

import array
import ctypes
import io
import mmap
import pathlib
import sys

import pytest
from conftest import DATA

import changed_blocks

ANSWER = "ygAAAA=="
PAIRS = [(0, 131072), (262144, 65536), (393216, 65536)]


class Named:
    """A path of another kind."""

    def __init__(self, path):
        self.path = path

    def __fspath__(self):
        return str(self.path)


def test_every_kind_of_input_is_read(tmp_path):
    path = tmp_path / "answer.b64"
    path.write_text(ANSWER + "\n", encoding="ascii")
    bytes_in_two = memoryview(b"y!g!A!A!A!A!=!=!")[::2]
    inputs = [ANSWER, ANSWER.encode(), bytearray(ANSWER, "ascii"), array.array("B", ANSWER.encode()), bytes_in_two]
    inputs += [path, Named(path), io.BytesIO(ANSWER.encode())]
    for answer in inputs:
        assert list(changed_blocks.extents(answer)) == PAIRS, answer
    for mode in (path.open("rb"), path.open("rb", buffering=0)):
        with mode as file:
            assert list(changed_blocks.extents(file)) == PAIRS
            assert file.read() == b""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        assert list(changed_blocks.extents(mapped)) == PAIRS


def test_a_str_is_never_a_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pathlib.Path("AAAA").write_text(ANSWER, encoding="ascii")
    assert list(changed_blocks.extents("AAAA")) == []
    assert list(changed_blocks.extents(pathlib.Path("AAAA"))) == PAIRS


def test_what_is_no_input_is_a_type_error():
    for answer in (None, 5, 1.5, ["ygAAAA=="], object(), open):
        with pytest.raises(TypeError):
            changed_blocks.extents(answer)
    with pytest.raises(TypeError, match="binary mode"):
        changed_blocks.extents(io.StringIO(ANSWER))
    for encoding in ("raw-msb0", "raw-lsb0", "cbtlog"):
        with pytest.raises(TypeError, match="is bytes, not str"):
            changed_blocks.extents("ygAAAA==", encoding=encoding)
    with pytest.raises(TypeError):
        changed_blocks.extents(ANSWER, 65536)


def test_half_a_character_is_refused_at_its_place():
    for encoding, kind in (("base64", "invalid-symbol"), ("bits", "invalid-bit")):
        for function in (changed_blocks.extents, changed_blocks.bitmap):
            with pytest.raises(changed_blocks.FullBackupError) as raised:
                function("0110\ud800110", encoding=encoding)
            assert (raised.value.kind, raised.value.offset) == (kind, 4)
    with pytest.raises(changed_blocks.FullBackupError):
        changed_blocks.Extents.from_format("text", "0 1\n\ud800")
    with pytest.raises(TypeError, match="is bytes, not str"):
        changed_blocks.extents("\ud800", encoding="raw-msb0")


def test_only_buffers_of_bytes_are_read():
    for code, items in (("H", [1]), ("I", [1]), ("Q", [1]), ("d", [1.0])):
        with pytest.raises(TypeError, match="not bytes"):
            changed_blocks.extents(array.array(code, items), encoding="raw-msb0")
    with pytest.raises(TypeError, match="not bytes"):
        changed_blocks.bitmap(memoryview(b"\1\0").cast("?"), encoding="raw-msb0")
    for code in ("B", "b"):
        assert changed_blocks.bitmap(array.array(code, [1]), encoding="raw-lsb0")[0]
    assert changed_blocks.bitmap(memoryview(b"\1").cast("c"), encoding="raw-lsb0")[0]
    assert changed_blocks.bitmap((ctypes.c_ubyte * 1)(1), encoding="raw-lsb0")[0]


def test_arrays_of_anything_but_bytes_are_refused():
    numpy = pytest.importorskip("numpy")
    flags = numpy.array([False, True, True, False, False, False, False, False])
    others = [flags, flags.astype("u4"), flags.astype("f8"), flags.astype(object), numpy.array([b"a"])]
    for one in others:
        with pytest.raises(TypeError, match="numpy.packbits"):
            changed_blocks.extents(one, encoding="raw-msb0")
    assert changed_blocks.bitmap(numpy.packbits(flags), encoding="raw-msb0").to_bits() == "01100000"
    assert changed_blocks.bitmap(flags.view("u1"), encoding="raw-lsb0").count() == 2


def test_what_a_buffer_raises_comes_through():
    view = memoryview(b"AAAA")
    view.release()
    with pytest.raises(ValueError, match="released"):
        changed_blocks.extents(view)


def test_a_name_that_is_given_as_text_is_explained():
    for answer in ("/mnt/answer.b64", "answer", "C:\\answer.b64"):
        with pytest.raises(changed_blocks.FullBackupError) as raised:
            changed_blocks.extents(answer)
        assert raised.value.hint.endswith("a str is the text itself: of a file, pass pathlib.Path(name)")
    # Twelve characters that happen to be base64: only the size of the disk tells.
    assert changed_blocks.bitmap("/mnt/answers").count() > 0
    with pytest.raises(changed_blocks.FullBackupError) as raised:
        changed_blocks.extents("/mnt/answers", virtual_size=1 << 40)
    assert "pathlib.Path" in raised.value.hint
    with pytest.raises(changed_blocks.FullBackupError) as raised:
        changed_blocks.Extents.from_format("text", "list.txt")
    assert "pathlib.Path" in raised.value.hint
    for answer in ("A" * 5000 + "#", b"/mnt/answer.b64"):
        with pytest.raises(changed_blocks.FullBackupError) as raised:
            changed_blocks.extents(answer)
        assert "pathlib.Path" not in raised.value.hint


def test_a_size_that_got_lost_is_refused():
    record = {}
    for function in (changed_blocks.extents, changed_blocks.bitmap):
        with pytest.raises(changed_blocks.UsageError, match="^virtual_size is None") as raised:
            function(ANSWER, virtual_size=record.get("virtual_size"))
        assert "leave it out" in raised.value.hint
        with pytest.raises(TypeError, match=r"^virtual_size is str, not int: write int\(virtual_size\)$"):
            function(ANSWER, virtual_size="2097152")
    for call in (
        lambda: changed_blocks.Extents([], virtual_size=None),
        lambda: changed_blocks.Extents.from_format("text", "0 1\n", virtual_size=None),
        lambda: changed_blocks.extents(ANSWER, block_size=None),
    ):
        with pytest.raises(changed_blocks.UsageError, match="is None"):
            call()


def test_a_path_that_cannot_be_read_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError) as raised:
        changed_blocks.extents(tmp_path / "none")
    assert raised.value.filename == str(tmp_path / "none")
    with pytest.raises(IsADirectoryError):
        changed_blocks.extents(tmp_path)
    with pytest.raises(FileNotFoundError):
        changed_blocks.Extents.from_format("text", tmp_path / "none")


class Chunks:
    """A file object that gives what it is told to."""

    def __init__(self, *pieces):
        self.pieces = list(pieces)

    def read(self, size):
        piece = self.pieces.pop(0) if self.pieces else b""
        if isinstance(piece, BaseException):
            raise piece
        return piece


def test_what_a_file_object_raises_comes_through():
    class Odd(Exception):
        pass

    for error in (Odd("x"), OSError(5, "gone"), InterruptedError(), KeyboardInterrupt(), StopIteration()):
        for function in (changed_blocks.extents, changed_blocks.bitmap):
            with pytest.raises(type(error)) as raised:
                function(Chunks(b"ygAA", error))
            assert raised.value is error
    with pytest.raises(Odd):
        changed_blocks.Extents.from_format("text", Chunks(b"0 1\n", Odd()))
    for piece, message in (("ygAA", "open the file in binary mode"), (bytearray(b"AAAA"), "it must give bytes")):
        with pytest.raises(TypeError, match=message):
            changed_blocks.extents(Chunks(piece))
    for pieces in ([None], [b"ygAA", None]):
        with pytest.raises(BlockingIOError, match="no data yet"):
            changed_blocks.extents(Chunks(*pieces))
    with pytest.raises(ValueError, match="more bytes"):
        changed_blocks.extents(Chunks(b"A" * (1 << 22)))
    assert list(changed_blocks.extents(Chunks(b"yg", b"AA", b"AA=="))) == PAIRS


def test_errors_have_their_facts():
    with pytest.raises(changed_blocks.FullBackupError) as raised:
        changed_blocks.extents("ygA#AA==")
    error = raised.value
    assert (error.kind, error.consequence, error.offset, error.api_code) == ("invalid-symbol", "full-backup", 3, None)
    assert str(error) == "'#' (0x23) at offset 3 is not base64"
    assert "full backup" in error.hint
    if sys.version_info >= (3, 11):
        assert error.__notes__ == [f"hint: {error.hint}"]
    with pytest.raises(changed_blocks.UsageError) as raised:
        changed_blocks.extents(ANSWER, encoding="raw")
    assert isinstance(raised.value, ValueError) and "known are" in str(raised.value)
    for name, number in (("virtual_size", -1), ("block_size", -1), ("virtual_size", 2**64), ("at", -1)):
        with pytest.raises(changed_blocks.UsageError, match=f"^{name} is {number}: it has to be from 0 to 2\\^64 - 1$") as raised:
            changed_blocks.bitmap(ANSWER, **{name: number})
        assert (raised.value.kind, raised.value.consequence) == ("invalid-argument", "wrong-usage")


def test_an_error_has_the_consequence_of_its_class():
    for error, consequence in (
        (changed_blocks.FullBackupError, "full-backup"),
        (changed_blocks.RetryError, "retry"),
        (changed_blocks.BusyError, "busy"),
        (changed_blocks.OperatorError, "operator"),
        (changed_blocks.UsageError, "wrong-usage"),
    ):
        assert error.consequence == error("x").consequence == consequence


def test_errors_are_pickled_whole():
    import pickle

    with pytest.raises(changed_blocks.Error) as raised:
        changed_blocks.extents("ygA#AA==")
    again = pickle.loads(pickle.dumps(raised.value))
    assert type(again) is type(raised.value) and str(again) == str(raised.value)
    assert vars(again).items() >= {"kind": "invalid-symbol", "offset": 3, "hint": raised.value.hint}.items()


def test_an_error_of_the_system_is_the_cause(tmp_path):
    if not pathlib.Path("/proc/self/mem").exists():
        pytest.skip("there is no file that fails as it is read")
    # Nothing is mapped at 0.
    with pytest.raises((changed_blocks.Error, OSError)) as raised:
        changed_blocks.extents(pathlib.Path("/proc/self/mem"))
    assert isinstance(raised.value, OSError) or isinstance(raised.value.__cause__, OSError)


def test_no_call_leaks(database_hour):
    resource = pytest.importorskip("resource")

    def peak():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    def calls(times):
        for _ in range(times):
            extents = changed_blocks.extents(database_hour, virtual_size=1 << 40)
            (extents | extents[5:]).merge_gap(65536)
            changed_blocks.bitmap(bytearray(database_hour, "ascii")).extents()
            with pytest.raises(changed_blocks.Error):
                changed_blocks.extents(database_hour, virtual_size=1 << 41)

    calls(20)
    before = peak()
    calls(100)
    # In KiB. The text alone has 2.7 MiB, the bitmap 2.
    assert peak() - before < 20 << 10, DATA
