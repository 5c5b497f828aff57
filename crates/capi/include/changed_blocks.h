/*
 * libchanged_blocks: changed-block bitmaps of XenServer and XCP-ng, turned into the byte ranges that a backup has to read.
 *
 * Never a false negative: a block that changed is never missing from a list. Input that could hide a change (damaged, cut
 * short, another disk's) is an error that says where and what to do next, never a shorter list. So look at every code:
 * a list that was not made is not an empty one.
 *
 * Units: bytes everywhere, never sectors; blocks where it says so.
 *
 * Calls: each returns a cbt_code. One that returns anything but CBT_OK writes its reason to a cbt_error. One that fails sets
 * the place of a handle, a list or a text to NULL and that of their length to 0, and leaves other results alone. Pointers must
 * not be NULL unless it says so. No panic crosses the border: it becomes CBT_ERROR_PANIC, and is printed to standard error.
 *
 * Memory: the caller frees each handle that a call gives, once, with the cbt_TYPE_free of its type, when no thread uses it any
 * more. A call writes its result over what is in the place of it: a handle that is there still is lost, so let each result
 * have a place of its own. An error needs no freeing. Where there is no memory for a list, a bitmap or a text, the code is
 * CBT_ERROR_OUT_OF_MEMORY; for the blocks of a list while it is scanned, the gaps of at_most, and small things, the process
 * ends.
 *
 * Threads: any number of them may call at once, with handles of their own. Each type says whether a handle may be shared. The
 * library has a pool of threads, which starts with the first long bitmap or chain; RAYON_NUM_THREADS in the environment says
 * how many. It sets no signal handler and no mask: a thread has the mask of the one that started it.
 *
 * A child after fork() does not have those threads. There, scans work on one thread, as if single_thread was set; readers and
 * pushes of the parent and a chain are CBT_ERROR_FORKED. When the parent forks, no other thread of it may be in a call, and no
 * push may have something left to scan.
 *
 * CHANGED_BLOCKS_TIER in the environment chooses the kernels by name, such as portable; without it, the fastest are taken.
 *
 * docs/c.md in the repository has programs, the first from the answer of the call to a plan of reads.
 *
 * This file is made by cbindgen: edit the sources.
 */

#ifndef CHANGED_BLOCKS_H
#define CHANGED_BLOCKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The result of a call must be looked at. */
#if defined(__GNUC__) || defined(__clang__)
#define CBT_MUST_USE __attribute__((warn_unused_result))
#else
#define CBT_MUST_USE
#endif

/**
 * The length of a message in bytes, with the NUL at its end. A longer one is cut.
 */
#define CBT_MESSAGE_BYTES 1024

/**
 * The length of a hint in bytes, with the NUL at its end. A longer one is cut.
 */
#define CBT_HINT_BYTES 512

/**
 * The offset of an error that has no place in the input.
 */
#define CBT_NO_OFFSET 18446744073709551615ull

/**
 * The result of a call. Only CBT_OK is a success; CBT_STOPPED and CBT_UNFINISHED say that there is more.
 *
 * New codes may come with new releases: take one that is not known for an error, and look at its consequence. A code that
 * no call gives yet is there since the other languages know that kind of error.
 */
typedef enum {
    /**
     * Done, and whole.
     */
    CBT_OK = 0,
    /**
     * The visitor stopped the scan. The rest of the input was not read, and nothing of it was judged.
     */
    CBT_STOPPED = 1,
    /**
     * The input was not finished yet: what was read is not all, and may turn out not to be right.
     */
    CBT_UNFINISHED = 2,
    /**
     * A pointer is NULL that must not be.
     */
    CBT_ERROR_NULL = 10,
    /**
     * An argument makes no sense.
     */
    CBT_ERROR_ARGUMENT = 11,
    /**
     * Another thread is using the handle.
     */
    CBT_ERROR_HANDLE_IN_USE = 12,
    /**
     * The library has a fault of its own. The handle, if it is not freed yet, can only be freed.
     */
    CBT_ERROR_PANIC = 13,
    /**
     * The system gave no thread.
     */
    CBT_ERROR_THREAD = 14,
    /**
     * An error that has no code in this release.
     */
    CBT_ERROR_OTHER = 15,
    /**
     * This process is a child after fork(), and what the call needs stayed with the parent.
     */
    CBT_ERROR_FORKED = 16,
    /**
     * A byte that is neither a base64 symbol nor a line break, or a space between symbols.
     */
    CBT_ERROR_INVALID_SYMBOL = 100,
    /**
     * A padding character that is not at the end of the text, or one too many.
     */
    CBT_ERROR_MISPLACED_PADDING = 101,
    /**
     * The last group of the text lacks padding: it was cut short.
     */
    CBT_ERROR_MISSING_PADDING = 102,
    /**
     * The text ends in the middle of a group: it was cut short.
     */
    CBT_ERROR_INCOMPLETE_GROUP = 103,
    /**
     * The last symbol has bits that belong to no byte.
     */
    CBT_ERROR_TRAILING_BITS = 104,
    /**
     * A byte of a 0/1 text that is neither.
     */
    CBT_ERROR_INVALID_BIT = 105,
    /**
     * The input holds no bitmap at all.
     */
    CBT_ERROR_EMPTY = 106,
    /**
     * The bitmap is shorter than the disk needs.
     */
    CBT_ERROR_TOO_SHORT = 107,
    /**
     * The bitmap is longer than the disk.
     */
    CBT_ERROR_TOO_LONG = 108,
    /**
     * The length of the bitmap fits several block sizes, or none. No call gives it yet.
     */
    CBT_ERROR_UNKNOWN_BLOCK_SIZE = 109,
    /**
     * The virtual size is needed, and not known. No call gives it yet.
     */
    CBT_ERROR_NO_VIRTUAL_SIZE = 110,
    /**
     * A word that programs print where there is no answer, such as null.
     */
    CBT_ERROR_NOT_A_BITMAP = 111,
    /**
     * A block is marked as changed that the disk does not have.
     */
    CBT_ERROR_BLOCK_BEYOND_END = 112,
    /**
     * A byte offset that no 64-bit number holds.
     */
    CBT_ERROR_OFFSET_OVERFLOW = 113,
    /**
     * A block size that is not a power of two from 512 to 1073741824.
     */
    CBT_ERROR_BLOCK_SIZE = 114,
    /**
     * A virtual size of 0.
     */
    CBT_ERROR_VIRTUAL_SIZE = 115,
    /**
     * A .cbtlog whose virtual size is 0.
     */
    CBT_ERROR_HEADER_VIRTUAL_SIZE = 116,
    /**
     * A .cbtlog that ends within its header.
     */
    CBT_ERROR_HEADER_TOO_SHORT = 117,
    /**
     * A .cbtlog whose consistent flag is neither 0 nor 1.
     */
    CBT_ERROR_CONSISTENT_FLAG = 118,
    /**
     * A .cbtlog that is not marked as consistent: changes may be missing.
     */
    CBT_ERROR_INCONSISTENT = 119,
    /**
     * A .cbtlog for a disk of another size.
     */
    CBT_ERROR_VIRTUAL_SIZE_MISMATCH = 120,
    /**
     * A .cbtlog was to be read with another block size than 65536.
     */
    CBT_ERROR_BLOCK_SIZE_MISMATCH = 121,
    /**
     * A file became shorter while it was read.
     */
    CBT_ERROR_SHRUNK = 122,
    /**
     * A file became longer while it was read.
     */
    CBT_ERROR_GROWN = 123,
    /**
     * A file was written to while it was read.
     */
    CBT_ERROR_CHANGED = 124,
    /**
     * There is not as much memory.
     */
    CBT_ERROR_OUT_OF_MEMORY = 125,
    /**
     * Two bitmaps of different lengths, or lists of disks of different sizes.
     */
    CBT_ERROR_LENGTH_MISMATCH = 126,
    /**
     * A list that was split, which cannot be shaped or combined any more.
     */
    CBT_ERROR_BYTE_RANGE = 127,
    /**
     * Two bitmaps with blocks of different sizes.
     */
    CBT_ERROR_UNEQUAL_BLOCK_SIZES = 128,
    /**
     * A list of ranges without any. No call gives it yet.
     */
    CBT_ERROR_EMPTY_LIST = 129,
    /**
     * A list of ranges is wrong at a place. No call gives it yet.
     */
    CBT_ERROR_LIST = 130,
    /**
     * A qcow2 image cannot hold a bitmap. No call gives it yet.
     */
    CBT_ERROR_IMAGE_LIMIT = 131,
    /**
     * A name that is no encoding's. No call gives it yet.
     */
    CBT_ERROR_UNKNOWN_ENCODING = 132,
    /**
     * The variable CHANGED_BLOCKS_TIER names no tier.
     */
    CBT_ERROR_UNKNOWN_TIER = 133,
    /**
     * The variable CHANGED_BLOCKS_TIER names a tier that this processor cannot run.
     */
    CBT_ERROR_UNAVAILABLE_TIER = 134,
    /**
     * The input could not be read.
     */
    CBT_ERROR_READ = 135,
    /**
     * Both are the same disk.
     */
    CBT_ERROR_SAME = 200,
    /**
     * A disk has no log.
     */
    CBT_ERROR_MISSING = 201,
    /**
     * The newer disk is attached for writing.
     */
    CBT_ERROR_IN_USE = 202,
    /**
     * A log of the chain was not closed cleanly: changes may be missing from it.
     */
    CBT_ERROR_NOT_CONSISTENT = 203,
    /**
     * No chain leads from the older to the newer disk.
     */
    CBT_ERROR_UNRELATED = 204,
    /**
     * A disk is smaller than the one that it was made from.
     */
    CBT_ERROR_CHAIN_SHRUNK = 205,
    /**
     * A disk was to be made smaller. No call gives it yet.
     */
    CBT_ERROR_WOULD_SHRINK = 206,
    /**
     * Children lead back to a disk that the chain has passed.
     */
    CBT_ERROR_CIRCLE = 207,
    /**
     * The chain was changed each time that it was read.
     */
    CBT_ERROR_CHANGING = 208,
    /**
     * Another program has the folder locked.
     */
    CBT_ERROR_LOCKED = 209,
    /**
     * A new log would be that of a disk larger than any. No call gives it yet.
     */
    CBT_ERROR_TOO_LARGE = 210,
    /**
     * A block, a range or a window that does not lie on the disk.
     */
    CBT_ERROR_NOT_ON_DISK = 211,
    /**
     * A new log would take the place of one that exists already. No call gives it yet.
     */
    CBT_ERROR_EXISTS = 212,
    /**
     * A new snapshot would have the UUID that another log names as its parent. No call gives it yet.
     */
    CBT_ERROR_NAME_TAKEN = 213,
    /**
     * A folder of logs cannot be listed.
     */
    CBT_ERROR_OPEN = 214,
    /**
     * There are two logs of a disk.
     */
    CBT_ERROR_TWO_LOGS = 215,
    /**
     * A log is not named as logs are.
     */
    CBT_ERROR_LOG_NAME = 216,
    /**
     * A log cannot be written, or its folder cannot be locked.
     */
    CBT_ERROR_WRITE = 217,
} cbt_code;

/**
 * The next step after an error, so that a job can be driven by it.
 */
typedef enum {
    /**
     * Take a full backup: this bitmap or chain cannot be used.
     */
    CBT_FULL_BACKUP = 1,
    /**
     * Try again, at once or a little later.
     */
    CBT_RETRY = 2,
    /**
     * Try again later: something else holds what is needed, or is away.
     */
    CBT_BUSY = 3,
    /**
     * Stop and tell a person; trying again changes nothing.
     */
    CBT_OPERATOR = 4,
    /**
     * Mend the call: it makes no sense, whatever the bitmap holds.
     */
    CBT_WRONG_USAGE = 5,
} cbt_consequence;

/**
 * How a bitmap is written down.
 */
typedef enum {
    /**
     * The answer of VDI.list_changed_blocks: standard base64. White space around it and line breaks in it are accepted.
     */
    CBT_BASE64 = 0,
    /**
     * The bytes of a bitmap, the first block in the most significant bit.
     */
    CBT_RAW_MSB0 = 1,
    /**
     * The bytes of a bitmap, the first block in the least significant bit.
     */
    CBT_RAW_LSB0 = 2,
    /**
     * One character a block, 0 or 1.
     */
    CBT_BITS = 3,
    /**
     * A .cbtlog file, which has the virtual size in its header.
     */
    CBT_CBTLOG = 4,
} cbt_encoding;

/**
 * A set operation on two lists or two bitmaps.
 */
typedef enum {
    /**
     * All that is in either.
     */
    CBT_UNION = 1,
    /**
     * Only what is in both.
     */
    CBT_INTERSECTION = 2,
    /**
     * All of the first that is not in the second.
     */
    CBT_DIFFERENCE = 3,
    /**
     * All that is in exactly one of the two.
     */
    CBT_SYMMETRIC_DIFFERENCE = 4,
} cbt_operation;

/**
 * A bitmap: one bit a block, of 65536 bytes or of another size.
 *
 * Threads: it never changes, so any number of them may use it at once.
 */
typedef struct cbt_bitmap cbt_bitmap;

/**
 * Bytes that the library has made: a bitmap that is written down, or warnings.
 *
 * Threads: it never changes, so any number of them may use it at once.
 */
typedef struct cbt_buffer cbt_buffer;

/**
 * A bitmap that comes in pieces, as from a network. A thread of the library's own scans it meanwhile. Memory is bounded, but
 * for the ranges that were found and not read yet.
 *
 * Threads: one at a time, which may be another one each time. A second one gets CBT_ERROR_HANDLE_IN_USE, and a child after
 * fork() gets CBT_ERROR_FORKED.
 */
typedef struct cbt_push cbt_push;

/**
 * Byte ranges: sorted, disjoint, never adjacent unless they were split, and all of them.
 *
 * Threads: it never changes, so any number of them may use it at once.
 */
typedef struct cbt_ranges cbt_ranges;

/**
 * A reader of the byte ranges of a bitmap that is in memory.
 *
 * Threads: one at a time, which may be another one each time. A second one gets CBT_ERROR_HANDLE_IN_USE, and a child after
 * fork() gets CBT_ERROR_FORKED, unless single_thread was set.
 */
typedef struct cbt_reader cbt_reader;

/**
 * The facts that a bitmap is held against, and how to work. Set size, either virtual_size or unknown_size, and to zero all
 * that is not asked for:
 *
 * ```c
 * cbt_options options = {.size = sizeof options, .virtual_size = 1099511627776};
 * ```
 *
 * Without a virtual size, a text that was cut short at a multiple of four characters cannot be told from a whole one.
 */
typedef struct {
    /**
     * sizeof(cbt_options).
     */
    size_t size;
    /**
     * The size of the disk in bytes. The bitmap must have the length that belongs to it.
     */
    uint64_t virtual_size;
    /**
     * The bytes of the disk that one bit of the text stands for; 0 for 65536. It is a fact about the bitmap, not a wish: for
     * larger blocks, see `at` of cbt_bitmap_new.
     */
    uint64_t block_size;
    /**
     * A cbt_encoding.
     */
    uint32_t encoding;
    /**
     * 1 if the virtual size is not known; virtual_size is then 0, and the last range may pass the end of the disk, up to the
     * end of its block. A .cbtlog says its size itself, and needs neither.
     */
    uint32_t unknown_size;
    /**
     * 1 if a .cbtlog may be read that is not marked as consistent. Changes may be missing from it.
     */
    uint32_t allow_inconsistent;
    /**
     * 1 to scan on one thread: the caller's, or for a push that of its own. Else all threads of the library's pool help with
     * a long bitmap.
     */
    uint32_t single_thread;
} cbt_options;

/**
 * An error. The caller owns it, needs not initialise it, and has nothing to free: a call that returns anything but CBT_OK
 * writes all of it, and one that returns CBT_OK leaves it alone. Where the caller does not want it, it may be NULL.
 */
typedef struct {
    /**
     * The cbt_code that the call has returned.
     */
    uint32_t code;
    /**
     * The caller's next step: a cbt_consequence.
     */
    uint32_t consequence;
    /**
     * The place in the input, in bytes from its start, or CBT_NO_OFFSET.
     */
    uint64_t offset;
    /**
     * A sentence in UTF-8 that says what is wrong, and where or with which figures.
     */
    char message[CBT_MESSAGE_BYTES];
    /**
     * A sentence of advice in UTF-8, or nothing.
     */
    char hint[CBT_HINT_BYTES];
} cbt_error;

/**
 * A range of bytes of the disk.
 */
typedef struct {
    /**
     * Bytes from the start of the disk.
     */
    uint64_t offset;
    /**
     * The number of bytes, which is never 0.
     */
    uint64_t length;
} cbt_range;

/**
 * A function that takes the next ranges, which are there until it returns; `context` is what cbt_visit was given. It
 * returns 0 to go on, and anything else to stop. It may call the library. It must return: no longjmp, no exception of C++
 * may leave it.
 */
typedef int (*cbt_visitor)(void *context, const cbt_range *ranges, size_t count);

/**
 * From what changed to what is read: each is done only if it is asked for, in this order. Set size, and to
 * zero all that is not asked for.
 */
typedef struct {
    /**
     * sizeof(cbt_shape).
     */
    size_t size;
    /**
     * Only what lies in a part of the disk: where that begins, in bytes. It has to be on the disk, whose size must be known
     * if this is not 0.
     */
    uint64_t window_offset;
    /**
     * The length of that part in bytes, which may pass the end of the disk; 0 for the whole disk.
     */
    uint64_t window_length;
    /**
     * Unchanged gaps of at most that many bytes are read through.
     */
    uint64_t merge_gap;
    /**
     * Starts and ends move outward to multiples of that many bytes, but not beyond the end of the disk, if its size is known.
     */
    uint64_t align;
    /**
     * At most that many ranges, which cover all for the fewest bytes.
     */
    uint64_t at_most;
    /**
     * Pieces of at most that many bytes, with borders on its multiples, counted from the start of the disk. They may be
     * adjacent, so they come last: a list of them cannot be shaped or combined any more. Keep the list from before for that.
     */
    uint64_t split;
} cbt_shape;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * The name of a code, for logs and programs: lower case, words joined by hyphens, such as "too-short". It lives as long
 * as the library, and is never NULL.
 */
CBT_MUST_USE const char *cbt_code_name(uint32_t code);

/**
 * The name of a consequence, as for codes: such as "full-backup".
 */
CBT_MUST_USE const char *cbt_consequence_name(uint32_t consequence);

/**
 * The version of the library that runs, such as "0.1.0".
 */
CBT_MUST_USE const char *cbt_version(void);

/**
 * All byte ranges that a bitmap says have changed. `text` is the bitmap as options->encoding says, of `len` bytes; it is
 * not used after the call. The list is freed with cbt_ranges_free.
 */
CBT_MUST_USE
cbt_code cbt_ranges_new(const void *text,
                        size_t len,
                        const cbt_options *options,
                        cbt_ranges **ranges,
                        cbt_error *error);

/**
 * A list of the caller's own ranges, for set operations. They may come in any order, overlap and touch each other; empty
 * ones are left out. `virtual_size` is the size of the disk, or 0 if it is not known. A range that ends beyond it, or beyond
 * 2^64 bytes, is CBT_ERROR_NOT_ON_DISK.
 */
CBT_MUST_USE
cbt_code cbt_ranges_from_list(const cbt_range *list,
                              size_t count,
                              uint64_t virtual_size,
                              cbt_ranges **ranges,
                              cbt_error *error);

/**
 * The list itself: `count` ranges at `list`, which live as long as the handle. An empty list is a whole list, too: nothing
 * has changed.
 */
CBT_MUST_USE
cbt_code cbt_ranges_get(const cbt_ranges *ranges,
                        const cbt_range **list,
                        size_t *count,
                        cbt_error *error);

/**
 * The size of the disk in bytes as it was given or found in a .cbtlog, or 0 if it is not known.
 */
CBT_MUST_USE cbt_code cbt_ranges_virtual_size(const cbt_ranges *ranges, uint64_t *virtual_size, cbt_error *error);

/**
 * Frees a list. NULL is left alone.
 */
void cbt_ranges_free(cbt_ranges *ranges);

/**
 * A reader of the bitmap in `text`, which is used, and must not change, until the reader is freed with cbt_reader_free.
 */
CBT_MUST_USE
cbt_code cbt_reader_new(const void *text,
                        size_t len,
                        const cbt_options *options,
                        cbt_reader **reader,
                        cbt_error *error);

/**
 * Writes the next ranges to a buffer that has room for `capacity` of them, and their number to `count`. A count of 0 with
 * CBT_OK is the end: only then was the whole bitmap read and judged. After an error, the ranges of all calls before must
 * not be used.
 */
CBT_MUST_USE
cbt_code cbt_reader_read(cbt_reader *reader,
                         cbt_range *ranges,
                         size_t capacity,
                         size_t *count,
                         cbt_error *error);

/**
 * Frees a reader, at its end or before. NULL is left alone.
 */
void cbt_reader_free(cbt_reader *reader);

/**
 * Hands the byte ranges of a bitmap to a function as they are found, in bounded memory, all of them on the caller's thread.
 * Returns CBT_OK after the whole bitmap was read and judged, and CBT_STOPPED if the function stopped. After an error, the
 * ranges that it got must not be used.
 */
CBT_MUST_USE
cbt_code cbt_visit(const void *text,
                   size_t len,
                   const cbt_options *options,
                   cbt_visitor visitor,
                   void *context,
                   cbt_error *error);

/**
 * Starts an input that comes in pieces. It is freed with cbt_push_free.
 */
CBT_MUST_USE cbt_code cbt_push_new(const cbt_options *options, cbt_push **push, cbt_error *error);

/**
 * Pushes the next piece, of any length, which is not used after the call. This waits where the scanner is behind. An error
 * may be that of an earlier piece; the input is then of no use.
 */
CBT_MUST_USE
cbt_code cbt_push_write(cbt_push *push,
                        const void *piece,
                        size_t len,
                        cbt_error *error);

/**
 * Tells that the last piece was pushed, and waits until all was judged. Only after CBT_OK is the list whole, with what
 * cbt_push_read still gives. After an error, the ranges of all calls before must not be used.
 */
CBT_MUST_USE cbt_code cbt_push_finish(cbt_push *push, cbt_error *error);

/**
 * Writes the next ranges to a buffer that has room for `capacity` of them, and their number to `count`; it never waits.
 * Before cbt_push_finish the code is CBT_UNFINISHED, also if there are none at the moment. After it, a count of 0 with CBT_OK
 * is the end.
 */
CBT_MUST_USE
cbt_code cbt_push_read(cbt_push *push,
                       cbt_range *ranges,
                       size_t capacity,
                       size_t *count,
                       cbt_error *error);

/**
 * Frees an input, finished or not. NULL is left alone. In a child after fork(), an input of the parent's keeps its memory.
 */
void cbt_push_free(cbt_push *push);

/**
 * A new list that covers what another has, as far as it is in the window, and is better to read: see cbt_shape.
 */
CBT_MUST_USE
cbt_code cbt_ranges_shape(const cbt_ranges *ranges,
                          const cbt_shape *shape,
                          cbt_ranges **shaped,
                          cbt_error *error);

/**
 * A new list of the bytes that a set operation takes of two, which may be of different block sizes. `operation` is a
 * cbt_operation.
 *
 * With `extend` 0, both are lists of one disk: two that know different sizes of it are refused, and if only one knows it, it
 * is that of both. With 1, the disk may have grown: the size of the result is the larger one, and not known unless both are.
 */
CBT_MUST_USE
cbt_code cbt_ranges_combine(const cbt_ranges *a,
                            const cbt_ranges *b,
                            uint32_t operation,
                            uint32_t extend,
                            cbt_ranges **combined,
                            cbt_error *error);

/**
 * A bitmap, read from a text as for cbt_ranges_new. `at` is the size in bytes of the blocks that it is to have, or 0 for
 * those that the text has (options->block_size): a larger block is changed if any part of it is. It is freed with
 * cbt_bitmap_free.
 */
CBT_MUST_USE
cbt_code cbt_bitmap_new(const void *text,
                        size_t len,
                        const cbt_options *options,
                        uint64_t at,
                        cbt_bitmap **bitmap,
                        cbt_error *error);

/**
 * A new bitmap of blocks of another size. No change is lost: a block is changed if it has a byte of a changed one.
 */
CBT_MUST_USE
cbt_code cbt_bitmap_reblock(const cbt_bitmap *bitmap,
                            uint64_t block_size,
                            cbt_bitmap **reblocked,
                            cbt_error *error);

/**
 * A new bitmap of the blocks that a set operation takes of two, whose blocks must have one size. `operation` is a
 * cbt_operation. With `extend` 0, bitmaps of different lengths are refused; with 1, the shorter one is taken for that of a
 * disk that has grown: the blocks that it lacks are unchanged.
 */
CBT_MUST_USE
cbt_code cbt_bitmap_combine(const cbt_bitmap *a,
                            const cbt_bitmap *b,
                            uint32_t operation,
                            uint32_t extend,
                            cbt_bitmap **combined,
                            cbt_error *error);

/**
 * All byte ranges that are changed: a list as of cbt_ranges_new.
 */
CBT_MUST_USE cbt_code cbt_bitmap_ranges(const cbt_bitmap *bitmap, cbt_ranges **ranges, cbt_error *error);

/**
 * The bitmap written down. `encoding` is a cbt_encoding, but not CBT_CBTLOG: such a file needs a header. The bytes of
 * CBT_BASE64 are those that VDI.list_changed_blocks answers with.
 */
CBT_MUST_USE
cbt_code cbt_bitmap_encode(const cbt_bitmap *bitmap,
                           uint32_t encoding,
                           cbt_buffer **buffer,
                           cbt_error *error);

/**
 * The number of blocks, the size of a block in bytes, and the size of the disk in bytes, or 0 if that is not known. Each
 * place may be NULL if it is not of interest.
 */
CBT_MUST_USE
cbt_code cbt_bitmap_size(const cbt_bitmap *bitmap,
                         uint64_t *blocks,
                         uint64_t *block_size,
                         uint64_t *virtual_size,
                         cbt_error *error);

/**
 * Whether any block is changed.
 */
CBT_MUST_USE cbt_code cbt_bitmap_any(const cbt_bitmap *bitmap, bool *any, cbt_error *error);

/**
 * The number of changed blocks.
 */
CBT_MUST_USE cbt_code cbt_bitmap_count(const cbt_bitmap *bitmap, uint64_t *changed, cbt_error *error);

/**
 * Whether a block is changed. A block that the disk does not have is CBT_ERROR_NOT_ON_DISK, never unchanged.
 */
CBT_MUST_USE cbt_code cbt_bitmap_contains(const cbt_bitmap *bitmap, uint64_t block, bool *contains, cbt_error *error);

/**
 * Writes the indexes of changed blocks, in ascending order from the block `from` on, to a buffer that has room for
 * `capacity` of them, and their number to `count`. Go on from the last one plus 1. A count of 0 with CBT_OK is the end.
 */
CBT_MUST_USE
cbt_code cbt_bitmap_indexes(const cbt_bitmap *bitmap,
                            uint64_t from,
                            uint64_t *indexes,
                            size_t capacity,
                            size_t *count,
                            cbt_error *error);

/**
 * Frees a bitmap. NULL is left alone.
 */
void cbt_bitmap_free(cbt_bitmap *bitmap);

/**
 * The blocks of 65536 bytes that changed between two disks, as VDI.list_changed_blocks answers it, from a folder of .cbtlog
 * files. `from` is the UUID of the older disk and `to` that of the newer.
 *
 * A folder that another program has locked is waited for, half a minute at the most.
 *
 * With `allow_inconsistent` 1, logs are read that are not marked as consistent, and changes may be missing. `warnings` gets
 * a line for each oddity of a log, in a buffer that is empty, but not NULL, if there is none: to hide them is to hide that
 * changes may be missing. Both handles are freed by the caller. After an error, both are NULL.
 *
 * This works on all threads of the library's pool, which a child after fork() does not have: there it is CBT_ERROR_FORKED,
 * unless the parent has never used the library.
 */
CBT_MUST_USE
cbt_code cbt_list_changed_blocks(const char *folder,
                                 const char *from,
                                 const char *to,
                                 uint32_t allow_inconsistent,
                                 cbt_bitmap **bitmap,
                                 cbt_buffer **warnings,
                                 cbt_error *error);

/**
 * The bytes themselves: `len` at `data`, which live as long as the handle. After them comes a NUL, which is not counted.
 */
CBT_MUST_USE
cbt_code cbt_buffer_get(const cbt_buffer *buffer,
                        const char **data,
                        size_t *len,
                        cbt_error *error);

/**
 * Frees a buffer. NULL is left alone.
 */
void cbt_buffer_free(cbt_buffer *buffer);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* CHANGED_BLOCKS_H */
