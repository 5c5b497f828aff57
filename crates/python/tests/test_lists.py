"""Lists in the formats of other tools."""

import io
import struct

import pytest
from conftest import BLOCK, DATA

import changed_blocks
from changed_blocks import Extents

SIZE = 1 << 40


@pytest.fixture
def extents(database_hour):
    return changed_blocks.extents(database_hour, virtual_size=SIZE)


@pytest.mark.parametrize("name", sorted(set(changed_blocks.WRITABLE_FORMATS) & set(changed_blocks.READABLE_FORMATS)))
def test_what_is_written_is_read_back(extents, name, tmp_path):
    text = extents.to_format(name)
    path = tmp_path / "list"
    path.write_bytes(text)
    # Some formats look alike for changes and for allocation, so a reader has to be told.
    tries = [{}, {"context": "changed"}, {"context": "delta"}, {"allocation": True}]
    for options in tries:
        try:
            found = Extents.from_format(name, text, virtual_size=SIZE, **options)
            break
        except changed_blocks.Error:
            continue
    else:
        pytest.fail(f"{name} was not read with any options")
    for source in (path, io.BytesIO(text), bytearray(text)):
        assert Extents.from_format(name, source, virtual_size=SIZE, **options) == found
    # A format that counts in units of its own covers the list.
    assert not len(extents - found) and found.total_bytes < extents.total_bytes * 1.2


def test_text_is_what_the_command_writes(extents):
    lines = [f"{offset} {length}\n" for offset, length in extents]
    assert extents.to_format("text") == "".join(lines).encode()
    assert extents.to_format("pairs") == b"".join(struct.pack("<QQ", *pair) for pair in extents)
    assert Extents([]).to_format("text") == b""
    assert Extents.from_format("text", "0 65536\n").virtual_size is None
    assert Extents.from_format("text", "0 65536\n", virtual_size=BLOCK).virtual_size == BLOCK


def test_pieces_of_a_split_list_are_written_one_by_one(extents):
    split = extents.split(BLOCK)
    assert split.to_format("text").count(b"\n") == 57_676
    assert Extents.from_format("json", split.to_format("json")) == extents


def test_a_part_of_a_list_is_not_written(extents):
    for part in (extents[1:], extents[::-1], extents[5:10].merge_gap(1), extents[1:] | extents[2:]):
        with pytest.raises(ValueError, match="whole list"):
            part.to_format("extentlist")
    assert extents[:].to_format("text") == extents.to_format("text")


def test_a_size_that_a_format_needs_is_asked_for():
    with pytest.raises(changed_blocks.UsageError, match="needs the size") as raised:
        Extents([(0, 512)]).to_format("extentlist")
    assert "virtual_size" in raised.value.hint
    for name in ("none", "blksnap"):
        with pytest.raises(changed_blocks.UsageError, match="known are"):
            Extents([]).to_format(name)
    for name in ("none", "bmap"):
        with pytest.raises(changed_blocks.UsageError, match="known are"):
            Extents.from_format(name, "")


def test_an_option_that_a_format_does_not_have_is_refused():
    for options in ({"context": "changed"}, {"since": 5}, {"allocation": True}):
        (name,) = options
        with pytest.raises(changed_blocks.UsageError, match=f"^{name} is for .*, not for text") as raised:
            Extents.from_format("text", "0 1\n", **options)
        assert raised.value.kind == "invalid-argument"
    with pytest.raises(changed_blocks.UsageError, match="^since is -1"):
        Extents.from_format("blksnap", b"", since=-1)


def test_a_list_that_may_lack_changes_is_refused():
    for text, kind, offset in (
        ("", "empty-list", None),
        ("0 10\n9 1\n", "list", 5),
        ("0 10\n12 1", "list", 5),
        ("0 10\n90 11\n", "list", 5),
    ):
        with pytest.raises(changed_blocks.FullBackupError) as raised:
            Extents.from_format("text", text, virtual_size=100)
        assert (raised.value.kind, raised.value.offset) == (kind, offset)
        assert raised.value.hint
    assert len(Extents.from_format("text", "", allow_empty=True)) == 0


def test_the_tables_of_formats_are_those_of_the_documentation():
    page = (DATA.parents[1] / "docs" / "formats.md").read_text(encoding="utf-8")
    for name in {*changed_blocks.READABLE_FORMATS, *changed_blocks.WRITABLE_FORMATS}:
        (row,) = [line.split(" | ") for line in page.splitlines() if line.startswith(f"| `{name}` |")][:1]
        assert (row[1] == "yes", row[2] == "yes") == (
            name in changed_blocks.READABLE_FORMATS,
            name in changed_blocks.WRITABLE_FORMATS,
        )
