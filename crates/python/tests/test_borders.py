"""Every row of the table of tests that all languages read, by every way in."""

import hashlib
import io
import struct

import pytest
from conftest import DATA

import changed_blocks

CONSEQUENCES = {
    "full-backup": changed_blocks.FullBackupError,
    "wrong-usage": changed_blocks.UsageError,
    "retry": changed_blocks.RetryError,
    "operator": changed_blocks.OperatorError,
    "busy": changed_blocks.BusyError,
}


def rows():
    lines = (DATA / "borders.tsv").read_text(encoding="ascii").splitlines()
    return [line.split("\t") for line in lines if line and not line.startswith("#")]


def content(source):
    kind, *words = source.split(" ")
    if kind == "file":
        return (DATA / words[0]).read_bytes()
    if kind == "text":
        return words[0].encode()
    if kind == "hex":
        return bytes.fromhex(words[0] if words else "")
    assert kind == "repeat", source
    count, text, *tail = words
    return (int(count) * text + "".join(tail)).encode()


def ways_in(data, encoding, folder):
    """The same bytes in every form that a function takes."""
    yield "bytes", data
    if encoding in ("base64", "bits") and data.isascii():
        yield "str", data.decode()
    yield "bytearray", bytearray(data)
    yield "memoryview", memoryview(b"-" + data)[1:]
    yield "file object", io.BytesIO(data)
    path = folder / "answer"
    path.write_bytes(data)
    yield "path", path


def outcome(call):
    try:
        found = call()
    except changed_blocks.Error as error:
        assert type(error) is CONSEQUENCES[error.consequence]
        return f"error {error.kind} {'-' if error.offset is None else error.offset}"
    return [tuple(pair) for pair in found]


def matches(found, expected):
    word, *values = expected.split(" ")
    if word == "error" or isinstance(found, str):
        return found == expected
    if word == "ranges":
        return found == [tuple(map(int, value.split("+"))) for value in values if value]
    assert word == "digest", expected
    digest = hashlib.sha256(b"".join(struct.pack("<QQ", *pair) for pair in found)).hexdigest()
    return [str(len(found)), str(sum(length for _, length in found)), digest] == values


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[0])
def test_each_row_has_its_outcome_by_every_way_in(row, tmp_path):
    _, encoding, block_size, virtual_size, source, expected = row
    options = {"encoding": encoding, "block_size": int(block_size)}
    if virtual_size != "-":
        options["virtual_size"] = int(virtual_size)
    data = content(source)
    for way, answer in ways_in(data, encoding, tmp_path):
        found = outcome(lambda: changed_blocks.extents(answer, **options))
        assert matches(found, expected), f"{way}: {found}"
    for way, answer in ways_in(data, encoding, tmp_path):
        found = outcome(lambda: changed_blocks.bitmap(answer, **options).extents())
        assert matches(found, expected), f"bitmap, {way}: {found}"


def test_the_table_was_read():
    assert len(rows()) > 100
