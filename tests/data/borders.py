#!/usr/bin/env python3
"""Prints the table of tests that every language reads: tests/data/borders.py > tests/data/borders.tsv

README.md beside this file has the format. Ranges are found here by a decoder of its own, which goes from bit to bit and
shares nothing with the library. Errors are stated by hand.
"""

import hashlib
import itertools
import re
import struct
from pathlib import Path

FOLDER = Path(__file__).parent
KIB, MIB, GIB, TIB = 1 << 10, 1 << 20, 1 << 30, 1 << 40
BLOCK = 64 * KIB
BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
ENCODINGS = ("base64", "raw-msb0", "raw-lsb0", "bits")


def input_bytes(source):
    kind, *words = source.split(" ")
    if kind == "file":
        return (FOLDER / words[0]).read_bytes()
    if kind == "text":
        return words[0].encode()
    if kind == "hex":
        return bytes.fromhex(words[0] if words else "")
    count, text, *tail = words
    return (int(count) * text + "".join(tail)).encode()


def bit_runs(data, bits_of):
    """Pairs (bit, how many): equal bytes that hold one bit only are counted, all others go bit by bit."""
    for byte, group in itertools.groupby(data):
        bits, count = bits_of(byte), len(list(group))
        if len(set(bits)) == 1:
            yield bits[0], len(bits) * count
        else:
            yield from ((bit, 1) for _ in range(count) for bit in bits)


def decode(encoding, data):
    """The bits of an input as pairs (bit, how many), and the virtual size if the input has one."""
    if encoding == "base64":
        symbols = re.sub(rb"[\s=]", b"", data)
        runs = bit_runs(symbols, lambda symbol: [BASE64.index(symbol) >> bit & 1 for bit in range(5, -1, -1)])
        return runs, 6 * len(symbols) // 8 * 8, None
    if encoding == "bits":
        symbols = data.split()
        return bit_runs(b"".join(symbols), lambda symbol: [symbol - ord("0")]), len(b"".join(symbols)), None
    if encoding == "raw-msb0":
        return bit_runs(data, lambda byte: [byte >> bit & 1 for bit in range(7, -1, -1)]), 8 * len(data), None
    size = None
    if encoding == "cbtlog":
        size = struct.unpack_from("<Q", data, 40)[0]
        data = data[48:48 + -(-size // (8 * BLOCK))]
    return bit_runs(data, lambda byte: [byte >> bit & 1 for bit in range(8)]), 8 * len(data), size


def changed_ranges(encoding, block_size, virtual_size, data):
    """Pairs (offset, length) in bytes."""
    runs, bits, own_size = decode(encoding, data)
    size = virtual_size if virtual_size is not None else own_size
    if size is not None:
        blocks = -(-size // block_size)
        lengths = {-(-blocks // 8) * 8} | ({blocks} if encoding == "bits" else set())
        lengths |= {-(-blocks // 32) * 32} if block_size == BLOCK else set()
        assert bits in lengths, (bits, lengths)
    ranges, place, start = [], 0, None
    for bit, count in itertools.chain(runs, [(0, 1)]):
        if bit and start is None:
            start = place
        if not bit and start is not None:
            end = place * block_size
            assert size is None or end < size + block_size
            end = end if size is None else min(end, size)
            ranges.append((start * block_size, end - start * block_size))
            start = None
        place += count
    return ranges


def row(name, encoding, block_size, virtual_size, source, outcome):
    size = "-" if virtual_size is None else virtual_size
    print(name, encoding, block_size, size, source, outcome, sep="\t")


def good(name, encoding, block_size, virtual_size, source):
    ranges = changed_ranges(encoding, block_size, virtual_size, input_bytes(source))
    if len(ranges) > 8:
        packed = b"".join(struct.pack("<QQ", *pair) for pair in ranges)
        total = sum(length for _, length in ranges)
        outcome = f"digest {len(ranges)} {total} {hashlib.sha256(packed).hexdigest()}"
    else:
        outcome = " ".join(["ranges", *(f"{offset}+{length}" for offset, length in ranges)])
    row(name, encoding, block_size, virtual_size, source, outcome)


def bad(name, encoding, block_size, virtual_size, source, kind, offset="-"):
    row(name, encoding, block_size, virtual_size, source, f"error {kind} {offset}")


def text(content):
    """White space is told in hexadecimal, so that a line of the table is read in one way only."""
    content = content.encode()
    return f"text {content.decode()}" if re.fullmatch(rb"[!-~]+", content) else f"hex {content.hex()}".rstrip()


def encode(encoding, bits):
    """An input of bits that are given as a string of 0 and 1, filled up to whole bytes but for 0/1 text."""
    if encoding == "bits":
        return f"text {bits}"
    bits += "0" * (-len(bits) % 8)
    if encoding != "base64":
        order = 1 if encoding == "raw-msb0" else -1
        return "hex " + "".join(f"{int(bits[at:at + 8][::order], 2):02x}" for at in range(0, len(bits), 8))
    padding = -len(bits) // 8 % 3
    bits += "0" * (-len(bits) % 6)
    symbols = "".join(chr(BASE64[int(bits[at:at + 6], 2)]) for at in range(0, len(bits), 6))
    return f"text {symbols}{'=' * padding}"


def cbtlog(size, bitmap, flag=1, uninitialised=0):
    parent, child = bytes(range(16)), bytes(16)
    header = parent + child + struct.pack("<iIQ", flag, uninitialised, size)
    return f"hex {(header + bitmap).hex()}"


def files():
    for name in ("development-day", "file-server-day", "database-hour"):
        good(f"real-{name}", "base64", BLOCK, TIB, f"file {name}.b64")
        good(f"real-{name}-without-size", "base64", BLOCK, None, f"file {name}.b64")
    bad("real-of-a-larger-disk", "base64", BLOCK, 2 * TIB, "file database-hour.b64", "too-short")
    bad("real-of-a-smaller-disk", "base64", BLOCK, TIB // 2, "file database-hour.b64", "too-long")
    bad("real-as-0-and-1", "bits", BLOCK, TIB, "file database-hour.b64", "invalid-bit", 0)
    bad("another-programs-file", "base64", BLOCK, None, "file qemu-10.0.qcow2", "invalid-symbol", 3)
    fine, coarse = "file edges/granularity-16k-of-64M.b64", "file edges/granularity-256k-of-64M.b64"
    bad("edge-blocks-of-16k-read-as-64k", "base64", BLOCK, 64 * MIB, fine, "too-long")
    good("edge-blocks-of-16k", "base64", 16 * KIB, 64 * MIB, fine)
    bad("edge-blocks-of-256k-read-as-64k", "base64", BLOCK, 64 * MIB, coarse, "too-short")
    good("edge-blocks-of-256k", "base64", 256 * KIB, 64 * MIB, coarse)
    for block_size in (32 * KIB, BLOCK):
        good(f"edge-ambiguous-as-{block_size}", "base64", block_size, MIB, "file edges/ambiguous-of-1M.b64")
    for size in (2, 100):
        source = f"file edges/metadata-only-of-{size}M.b64"
        good(f"edge-metadata-only-{size}m", "base64", BLOCK, size * MIB, source)
        good(f"edge-metadata-only-{size}m-without-size", "base64", BLOCK, None, source)


def small():
    good("three-ranges", "base64", BLOCK, 32 * BLOCK, "text ygAAAA==")
    good("three-ranges-without-size", "base64", BLOCK, None, "text ygAAAA==")
    good("second-and-third-block", "base64", BLOCK, 2_000_000, "text YAAAAA==")
    good("unchanged", "base64", BLOCK, 32 * BLOCK, "text AAAAAA==")
    good("all-changed-but-for-the-last-byte-of-the-disk", "base64", BLOCK, 32 * BLOCK - 1, "text /////w==")
    good("disk-of-a-byte", "base64", BLOCK, 1, "text gA==")
    good("disk-of-a-byte-filled-up", "base64", BLOCK, 1, "text gAAAAA==")
    good("last-block-of-a-byte", "base64", BLOCK, 32 * BLOCK + 1, "text AAAAAIA=")
    good("last-block-of-a-byte-filled-up", "base64", BLOCK, 32 * BLOCK + 1, "text AAAAAIAAAAA=")
    good("bits-filled-up-to-bytes", "bits", BLOCK, 4 * BLOCK, "text 01100000")
    good("bits-filled-up-as-on-vhd", "bits", BLOCK, 4 * BLOCK, "text 01100000000000000000000000000000")
    pattern = "1" + "0" * 9 + "11" + "0" * 30 + "1" * 3
    for encoding in ENCODINGS:
        for block_size in (512, 4 * KIB, 16 * KIB, BLOCK, 128 * KIB, 2 * MIB, GIB):
            size = len(pattern) * block_size - block_size // 2 + 1
            name = f"{encoding}-blocks-of-{block_size}"
            good(f"{name}-partial-last", encoding, block_size, size, encode(encoding, pattern))
            good(f"{name}-without-size", encoding, block_size, None, encode(encoding, pattern))
    size = 45 * BLOCK - 511
    bitmap = bytes.fromhex("010c00000010")
    good("cbtlog", "cbtlog", BLOCK, None, cbtlog(size, bitmap))
    good("cbtlog-with-its-size", "cbtlog", BLOCK, size, cbtlog(size, bitmap))
    good("cbtlog-with-unset-padding", "cbtlog", BLOCK, None, cbtlog(size, bitmap, uninitialised=0xDEADBEEF))
    # A volume is longer than the log on it; the rest of it may hold anything.
    good("cbtlog-on-a-volume", "cbtlog", BLOCK, size, cbtlog(size, bitmap + b"\xff" * 42))
    # Beyond 2^53, where a 64-bit floating-point number is exact for even numbers only.
    size = (349_526 * 24 + 24) * GIB
    good("offset-beyond-2^53", "base64", GIB, size - 1, "repeat 349526 AAAA AAAD")
    good("length-beyond-2^53", "base64", GIB, size - 1, "repeat 349526 //// ////")


def white_space():
    for name, content in (
        ("newline", "ygAAAA==\n"),
        ("crlf", "ygAAAA==\r\n"),
        ("around", " \t\r\n\v\f ygAAAA== \v\f\t\r\n "),
        ("after-each-symbol", "\n".join("ygAAAA==")),
        ("between-paddings", "ygAAAA=\r\n="),
        ("before-paddings", "ygAAAA\n=="),
        ("many-breaks", "yg\n\n\r\r\n\nAAAA=="),
    ):
        good(f"white-space-{name}", "base64", BLOCK, 32 * BLOCK, text(content))
    lines = ["".join(itertools.islice(itertools.cycle("AAA/gAB"), start, start + 76)) for start in range(4)]
    for name, line_break in (("lf", "\n"), ("crlf", "\r\n")):
        good(f"lines-of-76-{name}", "base64", BLOCK, 4 * 76 * 6 * BLOCK, text(line_break.join([*lines, ""])))
    good("bits-newline", "bits", BLOCK, 4 * BLOCK - 1, text("0110\n"))
    good("bits-around", "bits", BLOCK, 4 * BLOCK - 1, text(" \t0110\r\n "))
    good("bits-in-lines", "bits", BLOCK, 12 * BLOCK, text("0110\r\n1001\n0111"))
    bad("space-between-symbols", "base64", BLOCK, None, text("ygAA AA=="), "invalid-symbol", 4)
    bad("tab-between-symbols", "base64", BLOCK, None, text("\nygAAAA\t=="), "invalid-symbol", 7)
    bad("space-between-paddings", "base64", BLOCK, None, text("ygAAAA= ="), "invalid-symbol", 7)
    bad("space-between-bits", "bits", BLOCK, None, text("0110 0110"), "invalid-bit", 4)


def malformed_base64():
    for name, content in (("empty", ""), ("only-a-newline", "\n"), ("only-white-space", " \t\r\n\v\f")):
        bad(name, "base64", BLOCK, None, text(content), "empty")
        bad(f"{name}-with-size", "base64", BLOCK, BLOCK, text(content), "empty")
    for name, content, kind, offset in (
        ("symbol", "A", "incomplete-group", 1),
        ("symbol-of-the-second-group", "AAAAA", "incomplete-group", 5),
        ("padding-missing-of-one-byte", "AA", "missing-padding", 2),
        ("padding-half-missing", "AA=", "missing-padding", 3),
        ("padding-missing-of-two-bytes", "AAA", "missing-padding", 3),
        ("padding-missing-before-a-newline", "AAA\n", "missing-padding", 4),
        ("bad-symbol-at-the-start", "#AAAAAAA", "invalid-symbol", 0),
        ("bad-symbol-in-the-middle", "AAAA*AAA", "invalid-symbol", 4),
        ("bad-symbol-at-the-end", "AAAAAAA.", "invalid-symbol", 7),
        ("bad-symbol-after-a-newline", "AAAA\nAA%A", "invalid-symbol", 7),
        ("bad-symbol-after-the-padding", "AA==#", "invalid-symbol", 4),
        ("url-alphabet", "AA-_", "invalid-symbol", 2),
        ("nul", "AAAAA\0AA", "invalid-symbol", 5),
        ("byte-order-mark", "\ufeffygAAAA==", "invalid-symbol", 0),
        ("quoted", '"ygAAAA=="', "invalid-symbol", 0),
        ("xml", "<value>ygAAAA==</value>", "invalid-symbol", 0),
        ("padding-alone", "=", "misplaced-padding", 0),
        ("padding-at-the-start", "=AAA", "misplaced-padding", 0),
        ("padding-after-one-symbol", "A===", "misplaced-padding", 1),
        ("padding-after-a-whole-group", "AAAA=", "misplaced-padding", 4),
        ("padding-too-long", "AAA==", "misplaced-padding", 4),
        ("padding-in-the-middle", "AA==AAAA", "misplaced-padding", 2),
        ("two-answers-in-a-row", "ygAAAA==ygAAAA==", "misplaced-padding", 6),
        ("bits-under-two-paddings", "AB==", "trailing-bits", 1),
        ("bits-under-one-padding", "AAAAAAB=", "trailing-bits", 6),
        ("word-null", "null", "not-a-bitmap", "-"),
        ("word-none", "None\n", "not-a-bitmap", "-"),
        ("word-true", "true", "not-a-bitmap", "-"),
    ):
        bad(name, "base64", BLOCK, None, text(content), kind, offset)
    bad("far-bad-symbol-at-a-tile", "base64", BLOCK, None, "repeat 1024 AAAA #AAA", "invalid-symbol", 4096)
    bad("far-bad-symbol-before-a-tile", "base64", BLOCK, None, "repeat 1023 //// ///#", "invalid-symbol", 4095)
    bad("far-bad-symbol-at-a-chunk", "base64", BLOCK, None, "repeat 262144 AAAA A#AA", "invalid-symbol", 1_048_577)
    bad("far-padding", "base64", BLOCK, None, "repeat 1024 qqqq AA==AAAA", "misplaced-padding", 4098)
    bad("far-incomplete-group", "base64", BLOCK, None, "repeat 262144 //// /", "incomplete-group", 1_048_577)
    bad("far-missing-padding", "base64", BLOCK, None, "repeat 262144 qqqq qg", "missing-padding", 1_048_578)
    bad("far-cut-short", "base64", BLOCK, 262_144 * 24 * BLOCK, "repeat 262143 qqqq", "too-short")


def malformed_sizes():
    bad("cut-short-at-a-whole-group", "base64", BLOCK, 32 * BLOCK, "text ygAA", "too-short")
    bad("a-group-too-long", "base64", BLOCK, 32 * BLOCK, "text ygAAAAAA", "too-long")
    bad("filled-up-with-other-blocks", "base64", 128 * KIB, 128 * KIB, "text gAAAAA==", "too-long")
    bad("changed-after-the-end", "base64", BLOCK, 31 * BLOCK, "text AAAAAQ==", "block-beyond-end")
    bad("changed-in-the-filling", "base64", BLOCK, 1, "text gAAAAQ==", "block-beyond-end")
    bad("largest-virtual-size", "base64", BLOCK, 2**64 - 1, "text ygAAAA==", "too-short")
    for encoding, whole, cut, long in (
        ("raw-msb0", "80000001", "800000", "8000000000"),
        ("raw-lsb0", "01000080", "010000", "0100000000"),
    ):
        bad(f"{encoding}-empty", encoding, BLOCK, None, "hex", "empty")
        bad(f"{encoding}-empty-with-size", encoding, BLOCK, BLOCK, "hex", "empty")
        good(f"{encoding}-one-byte", encoding, BLOCK, None, f"hex {whole[:2]}")
        good(f"{encoding}-whole", encoding, BLOCK, 32 * BLOCK, f"hex {whole}")
        bad(f"{encoding}-cut-short", encoding, BLOCK, 32 * BLOCK, f"hex {cut}", "too-short")
        bad(f"{encoding}-too-long", encoding, BLOCK, 32 * BLOCK, f"hex {long}", "too-long")
        bad(f"{encoding}-changed-after-the-end", encoding, BLOCK, 31 * BLOCK, f"hex {whole}", "block-beyond-end")
    for block_size in (1, 256, 65_535, 65_537, 3 * BLOCK, 2 * GIB):
        bad(f"block-size-of-{block_size}", "base64", block_size, None, "text ygAAAA==", "block-size")
    # An option that was given, and not one that was left out.
    bad("virtual-size-of-0", "base64", BLOCK, 0, "text ygAAAA==", "virtual-size")


def malformed_bits():
    bad("bits-empty", "bits", BLOCK, None, "hex", "empty")
    bad("bits-empty-with-size", "bits", BLOCK, BLOCK, "hex 0a", "empty")
    good("bits-one", "bits", BLOCK, None, "text 1")
    bad("bad-bit-at-the-start", "bits", BLOCK, None, "text 2110", "invalid-bit", 0)
    bad("bad-bit-in-the-middle", "bits", BLOCK, None, "text 01A0", "invalid-bit", 2)
    bad("bad-bit-at-the-end", "bits", BLOCK, None, "text 0110=", "invalid-bit", 4)
    bad("bits-far-bad", "bits", BLOCK, None, "repeat 1048576 0 1x", "invalid-bit", 1_048_577)
    bad("bits-cut-short", "bits", BLOCK, 4 * BLOCK, "text 011", "too-short")
    bad("bits-too-long", "bits", BLOCK, 4 * BLOCK, "text 01100", "too-long")
    bad("bits-changed-after-the-end", "bits", BLOCK, 4 * BLOCK, "text 01100100", "block-beyond-end")


def malformed_cbtlog():
    size, bitmap = 45 * BLOCK, bytes.fromhex("010c00000010")
    whole = cbtlog(size, bitmap)
    bad("cbtlog-empty", "cbtlog", BLOCK, None, "hex", "header-too-short")
    bad("cbtlog-of-one-byte", "cbtlog", BLOCK, None, whole[:6], "header-too-short")
    bad("cbtlog-cut-in-its-header", "cbtlog", BLOCK, None, whole[:4 + 2 * 47], "header-too-short")
    bad("cbtlog-cut-after-its-header", "cbtlog", BLOCK, None, whole[:4 + 2 * 48], "too-short")
    bad("cbtlog-cut-short", "cbtlog", BLOCK, None, whole[:-2], "too-short")
    bad("cbtlog-changed-after-the-end", "cbtlog", BLOCK, None, cbtlog(size - BLOCK, bitmap), "block-beyond-end")
    bad("cbtlog-of-a-vast-disk", "cbtlog", BLOCK, None, cbtlog(2**63, bitmap), "too-short")
    bad("cbtlog-inconsistent", "cbtlog", BLOCK, None, cbtlog(size, bitmap, flag=0), "inconsistent", 32)
    for flag in (2, 256, -1):
        bad(f"cbtlog-with-flag-{flag % 2**32:#x}", "cbtlog", BLOCK, None, cbtlog(size, bitmap, flag), "consistent-flag", 32)
    bad("cbtlog-of-no-disk", "cbtlog", BLOCK, None, cbtlog(0, bitmap), "header-virtual-size", 40)
    bad("cbtlog-of-another-disk", "cbtlog", BLOCK, size + 1, whole, "virtual-size-mismatch")
    bad("cbtlog-with-other-blocks", "cbtlog", 4 * KIB, None, whole, "block-size-mismatch")


def seams():
    for encoding in ENCODINGS:
        for seam in (3, 48, 64, 3 * 8, 48 * 8, 64 * 8):
            name, length = f"seam-{encoding}-{seam}", seam + 40
            across = "0" * (seam - 1) + "11"
            for kind, bits in (("across", across), ("up-to", "1" * seam), ("from", "0" * seam + "1" * 40)):
                source = encode(encoding, bits.ljust(length, "0"))
                good(f"{name}-{kind}", encoding, BLOCK, length * BLOCK - 1, source)
    for name, groups in (("tile", 1024), ("chunk", 262_144)):
        for kind, source in (
            ("across", f"repeat {groups - 1} AAAA AAAP//AAAAAA"),
            ("up-to", f"repeat {groups} //// AAAA"),
            ("from", f"repeat {groups} AAAA /w=="),
            ("in-one-run", f"repeat {groups + 1} ////"),
            ("one-clear-across", f"repeat {groups - 1} //// ///+////"),
        ):
            good(f"seam-{name}-{kind}", "base64", BLOCK, None, source)
        symbols = 4 * groups
        good(f"seam-{name}-bits-across", "bits", BLOCK, None, f"repeat {symbols - 1} 0 1100")
        good(f"seam-{name}-bits-up-to", "bits", BLOCK, None, f"repeat {symbols} 1 0")
        good(f"seam-{name}-bits-from", "bits", BLOCK, None, f"repeat {symbols} 0 1")
    # Raw bytes that are printable: 0x40 is 01000000, 0x55 is 01010101.
    for encoding in ("raw-msb0", "raw-lsb0"):
        good(f"seam-tile-{encoding}", encoding, BLOCK, 3074 * 8 * BLOCK - 1, "repeat 3072 @ UU")
    good("seam-chunk-raw-msb0", "raw-msb0", BLOCK, None, "repeat 1048576 @ UU")
    # More ranges than any batch holds.
    good("dense", "base64", BLOCK, 480_000 * BLOCK - 1, "repeat 20000 qqqq")
    good("dense-pairs", "base64", 512, 960_000 * 512, "repeat 40000 zMzM")


print("# name, encoding, block size, virtual size or -, input, outcome: made by borders.py; README.md has the format")
for part in (files, small, white_space, malformed_base64, malformed_sizes, malformed_bits, malformed_cbtlog, seams):
    part()
