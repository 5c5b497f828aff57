#!/usr/bin/env python3
"""Loads libchanged_blocks with ctypes, and takes every row of the table of tests through it. For Python 2.7 and 3.

    test_ctypes.py LIBRARY FOLDER

LIBRARY is the shared library, FOLDER is tests/data of the repository.
"""

from __future__ import print_function

import binascii
import ctypes
import hashlib
import io
import os
import struct
import sys
from ctypes import POINTER, byref, c_char, c_char_p, c_size_t, c_uint32, c_uint64, c_void_p

NO_OFFSET = 0xFFFFFFFFFFFFFFFF
OK, UNFINISHED = 0, 2
ENCODINGS = ("base64", "raw-msb0", "raw-lsb0", "bits", "cbtlog")


class Range(ctypes.Structure):
    _fields_ = [("offset", c_uint64), ("length", c_uint64)]


class Options(ctypes.Structure):
    _fields_ = [("size", c_size_t), ("virtual_size", c_uint64), ("block_size", c_uint64), ("encoding", c_uint32),
                ("unknown_size", c_uint32), ("allow_inconsistent", c_uint32), ("single_thread", c_uint32)]


class Error(ctypes.Structure):
    _fields_ = [("code", c_uint32), ("consequence", c_uint32), ("offset", c_uint64), ("message", c_char * 1024),
                ("hint", c_char * 512)]


class Failed(Exception):
    def __init__(self, library, error):
        self.kind = library.cbt_code_name(error.code).decode()
        self.offset = None if error.offset == NO_OFFSET else error.offset
        self.hint = error.hint.decode("utf-8")
        Exception.__init__(self, error.message.decode("utf-8"))


def load(path):
    library = ctypes.CDLL(path)
    for name in ("cbt_version", "cbt_code_name", "cbt_consequence_name"):
        getattr(library, name).restype = c_char_p
    library.cbt_ranges_new.argtypes = [c_char_p, c_size_t, POINTER(Options), POINTER(c_void_p), POINTER(Error)]
    library.cbt_ranges_get.argtypes = [c_void_p, POINTER(POINTER(Range)), POINTER(c_size_t), POINTER(Error)]
    library.cbt_ranges_free.argtypes = [c_void_p]
    library.cbt_push_new.argtypes = [POINTER(Options), POINTER(c_void_p), POINTER(Error)]
    library.cbt_push_write.argtypes = [c_void_p, c_char_p, c_size_t, POINTER(Error)]
    library.cbt_push_read.argtypes = [c_void_p, POINTER(Range), c_size_t, POINTER(c_size_t), POINTER(Error)]
    library.cbt_push_finish.argtypes = [c_void_p, POINTER(Error)]
    library.cbt_push_free.argtypes = [c_void_p]
    return library


def options_of(encoding, block_size, virtual_size):
    options = Options(ctypes.sizeof(Options), virtual_size or 0, block_size, ENCODINGS.index(encoding))
    options.unknown_size = virtual_size is None
    return options


def whole_list(library, data, options):
    """The ranges as the bytes of a list of pairs of 64-bit numbers."""
    error, ranges = Error(), c_void_p()
    if library.cbt_ranges_new(data, len(data), byref(options), byref(ranges), byref(error)) != OK:
        raise Failed(library, error)
    try:
        found, count = POINTER(Range)(), c_size_t()
        if library.cbt_ranges_get(ranges, byref(found), byref(count), byref(error)) != OK:
            raise Failed(library, error)
        return ctypes.string_at(found, count.value * ctypes.sizeof(Range))
    finally:
        library.cbt_ranges_free(ranges)


def pushed(library, data, options):
    error, push, buffer, count = Error(), c_void_p(), (Range * 500)(), c_size_t()
    found = []

    def require(code, expected):
        if code != expected:
            raise Failed(library, error)

    def take(expected):
        while True:
            code = library.cbt_push_read(push, buffer, len(buffer), byref(count), byref(error))
            require(code, expected)
            if count.value == 0:
                return
            found.append(ctypes.string_at(buffer, count.value * ctypes.sizeof(Range)))

    require(library.cbt_push_new(byref(options), byref(push), byref(error)), OK)
    try:
        for at in range(0, len(data), 100000):
            piece = data[at:at + 100000]
            require(library.cbt_push_write(push, piece, len(piece), byref(error)), OK)
            take(UNFINISHED)
        require(library.cbt_push_finish(push, byref(error)), OK)
        take(OK)
        return b"".join(found)
    finally:
        library.cbt_push_free(push)


def input_of(source, folder):
    words = source.split(" ")
    kind, words = words[0], [word.encode("ascii") for word in words[1:]]
    if kind == "file":
        with open(os.path.join(folder, words[0].decode()), "rb") as file:
            return file.read()
    if kind == "hex":
        return binascii.unhexlify(words[0] if words else b"")
    if kind == "text":
        return words[0]
    return int(words[0]) * words[1] + b"".join(words[2:])


def outcome_of(found, expected):
    numbers = struct.unpack("=%dQ" % (len(found) // 8), found)
    if expected.startswith("digest"):
        little = struct.pack("<%dQ" % len(numbers), *numbers)
        return "digest %d %d %s" % (len(numbers) // 2, sum(numbers[1::2]), hashlib.sha256(little).hexdigest())
    return "".join(["ranges"] + [" %d+%d" % pair for pair in zip(numbers[::2], numbers[1::2])])


def main():
    library, folder = load(sys.argv[1]), sys.argv[2]
    passed = failed = 0
    with io.open(os.path.join(folder, "borders.tsv"), encoding="utf-8") as table:
        rows = [line.rstrip("\n").split("\t") for line in table if not line.startswith("#")]
    for name, encoding, block_size, virtual_size, source, expected in rows:
        data = input_of(source, folder)
        options = options_of(encoding, int(block_size), None if virtual_size == "-" else int(virtual_size))
        for way in (whole_list, pushed):
            try:
                outcome = outcome_of(way(library, data, options), expected)
            except Failed as error:
                outcome = "error %s %s" % (error.kind, "-" if error.offset is None else error.offset)
            if outcome == expected:
                passed += 1
            else:
                failed += 1
                print("%s, %s:\n  %.400s, not\n  %.400s" % (name, way.__name__, outcome, expected), file=sys.stderr)
    print("libchanged_blocks %s in Python %s" % (library.cbt_version().decode(), sys.version.split()[0]))
    print("%d passed, %d failed" % (passed, failed))
    sys.exit(failed > 0 or passed == 0)


main()
