"""A program that a strict type checker has to pass; it is not run."""

import collections.abc
import io
import os
import pathlib
import uuid

import numpy

import changed_blocks


def read(answer: str | bytes | pathlib.Path | io.BytesIO) -> list[tuple[int, int]]:
    extents: changed_blocks.Extents = changed_blocks.extents(answer, virtual_size=1 << 40, block_size=65536)
    first: tuple[int, int] = extents[0]
    rest: changed_blocks.Extents = extents[1:]
    array = numpy.asarray(rest.merge_gap(1) | rest)
    total: int = extents.total_bytes + sum(length for _, length in rest) + int(array.sum())
    size: int | None = extents.virtual_size
    return [first, (total, size or 0), *extents]


def ask(answer: bytearray) -> bool:
    bitmap: changed_blocks.Bitmap = changed_blocks.bitmap(answer, encoding="raw-lsb0", at=1 << 20)
    text: str = (~bitmap | bitmap.union(bitmap, extend=True)).to_bits() + bitmap.to_base64()
    raw: bytes = bitmap.to_raw("raw-lsb0")
    return bitmap[0] and any(bitmap) and bitmap.intersects(0, len(text) + len(raw) + bitmap.indexes()[0])


def chain(folder: pathlib.Path, older: uuid.UUID) -> bytes:
    try:
        answer = changed_blocks.Store(folder).list_changed_blocks(older, str(older))
    except changed_blocks.FullBackupError as error:
        code: str | None = error.api_code
        return f"{error.kind} {error.offset} {error.hint} {code}".encode()
    return answer.extents().to_format("text") + str(answer.chain + [older]).encode()


def all_encodings(answer: bytes) -> list[int]:
    return [len(changed_blocks.bitmap(answer, encoding=encoding)) for encoding in changed_blocks.ENCODINGS]


def total(ranges: collections.abc.Sequence[tuple[int, int]]) -> int:
    return sum(length for _, length in ranges)


def sequence(extents: changed_blocks.Extents) -> int:
    place: int = extents.index((0, 1), 1) + extents.index((0, 1), 0, 5) + extents.count((0, 1))
    either: bool = extents.intersects(0, 1) or (0, 1) in extents
    return total(extents.union(extents, extend=True)) + total(list(reversed(extents))) + place + either


def stores(by_uuid: dict[uuid.UUID, pathlib.Path], by_name: dict[str, str]) -> list[uuid.UUID]:
    either: dict[uuid.UUID | str, os.PathLike[str]] = {str(disk): path for disk, path in by_uuid.items()}
    logs = [changed_blocks.Store(by_uuid), changed_blocks.Store(by_name), changed_blocks.Store(either)]
    warning = changed_blocks.ChainWarning("x", "stray", logs[0].uuids()[0])
    return [disk for store in logs for disk in store.uuids()] + ([warning.uuid] if warning.uuid else [])


def known_by_its_class(error: changed_blocks.FullBackupError) -> str:
    return error.consequence + changed_blocks.UsageError.consequence


def refused(record: dict[str, int]) -> None:
    # Each of these is wrong, and a checker that let it pass would find the comment to be of no use.
    changed_blocks.extents("", virtual_size=record.get("virtual_size"))  # type: ignore[arg-type]
    changed_blocks.Bitmap()  # type: ignore[call-arg]
    changed_blocks.ChangedBlocks()  # type: ignore[call-arg]
