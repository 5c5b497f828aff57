"""Changed-block bitmaps of XenServer and XCP-ng, turned into the byte ranges that a backup has to read.

``VDI.list_changed_blocks`` answers with a bitmap, as one base64 string; `extents` turns it into a list:

>>> import changed_blocks
>>> for offset, length in changed_blocks.extents("ygAAAA==", virtual_size=32 * 65536):
...     print("read", length, "bytes at", offset)
read 131072 bytes at 0
read 65536 bytes at 262144
read 65536 bytes at 393216

There is never a false negative: a block that changed is never missing. Input that could hide a change is an exception that
says where and what to do, never a shorter list. All sizes and offsets are in bytes.

`bitmap` gives a `Bitmap` to ask, combine and encode; `Extents` has shapes and the formats of other tools; `Store` answers
the call from a folder of ``.cbtlog`` files. The exceptions are those of `changed_blocks.errors`.
"""

from collections.abc import Sequence as _Sequence

from ._native import (
    ENCODINGS,
    READABLE_FORMATS,
    WRITABLE_FORMATS,
    Bitmap,
    ChangedBlocks,
    Extents,
    Store,
    __version__,
    bitmap,
    extents,
)
from .errors import BusyError, ChainWarning, Error, FullBackupError, OperatorError, RetryError, UsageError

__all__ = [
    "ENCODINGS",
    "READABLE_FORMATS",
    "WRITABLE_FORMATS",
    "Bitmap",
    "BusyError",
    "ChainWarning",
    "ChangedBlocks",
    "Error",
    "Extents",
    "FullBackupError",
    "OperatorError",
    "RetryError",
    "Store",
    "UsageError",
    "__version__",
    "bitmap",
    "extents",
]

_Sequence.register(Extents)
