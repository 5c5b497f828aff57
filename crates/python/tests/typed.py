"""A program that a strict type checker has to pass; it is not run."""

import io
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
