/*
 * Shapes, set operations, larger blocks, indexes, encoding back, and a chain of logs.
 *
 *     surface FOLDER OLDER NEWER
 *
 * FOLDER is one of logs, and OLDER and NEWER are the UUIDs of its first and its last disk: see examples/make_store.rs.
 */

#include <string.h>

#include <changed_blocks.h>

#include "check.h"

/* 11001010 and 24 zeros, of a disk of 32 blocks. */
static const char MONDAY[] = "ygAAAA==";
/* Block 7 only. */
static const char TUESDAY[] = "AQAAAA==";
static const uint64_t BLOCK = 65536;

static cbt_ranges *ranges_of(const char *text) {
    cbt_options options = {.size = sizeof options, .virtual_size = 32 * BLOCK};
    cbt_ranges *ranges;
    CHECK(cbt_ranges_new(text, strlen(text), &options, &ranges, NULL) == CBT_OK);
    return ranges;
}

static cbt_bitmap *bitmap_of(const char *text, uint64_t virtual_size) {
    cbt_options options = {.size = sizeof options, .virtual_size = virtual_size};
    cbt_bitmap *bitmap;
    CHECK(cbt_bitmap_new(text, strlen(text), &options, 0, &bitmap, NULL) == CBT_OK);
    return bitmap;
}

/* Whether a list is as many pairs of start and end, in blocks. */
static bool is(const cbt_ranges *ranges, size_t pairs, const uint64_t *blocks) {
    const cbt_range *list;
    size_t count;
    if (cbt_ranges_get(ranges, &list, &count, NULL) != CBT_OK || count != pairs) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        uint64_t start = blocks[2 * i] * BLOCK, end = blocks[2 * i + 1] * BLOCK;
        if (list[i].offset != start || list[i].length != end - start) {
            return false;
        }
    }
    return true;
}

static bool becomes(const cbt_ranges *ranges, cbt_shape shape, size_t pairs, const uint64_t *blocks) {
    cbt_ranges *shaped;
    shape.size = sizeof shape;
    bool right = cbt_ranges_shape(ranges, &shape, &shaped, NULL) == CBT_OK && is(shaped, pairs, blocks);
    cbt_ranges_free(shaped);
    return right;
}

static void shapes(void) {
    cbt_ranges *ranges = ranges_of(MONDAY);
    uint64_t size;
    CHECK(cbt_ranges_virtual_size(ranges, &size, NULL) == CBT_OK && size == 32 * BLOCK);
    cbt_shape shape = {0};
    CHECK(is(ranges, 3, (uint64_t[]){0, 2, 4, 5, 6, 7}));
    CHECK(becomes(ranges, shape, 3, (uint64_t[]){0, 2, 4, 5, 6, 7}));
    shape.merge_gap = BLOCK;
    CHECK(becomes(ranges, shape, 2, (uint64_t[]){0, 2, 4, 7}));
    shape.align = 4 * BLOCK;
    CHECK(becomes(ranges, shape, 1, (uint64_t[]){0, 8}));
    shape.split = 3 * BLOCK;
    CHECK(becomes(ranges, shape, 3, (uint64_t[]){0, 3, 3, 6, 6, 8}));
    memset(&shape, 0, sizeof shape);
    shape.at_most = 2;
    CHECK(becomes(ranges, shape, 2, (uint64_t[]){0, 2, 4, 7}));
    memset(&shape, 0, sizeof shape);
    shape.window_offset = BLOCK;
    shape.window_length = 4 * BLOCK;
    CHECK(becomes(ranges, shape, 2, (uint64_t[]){1, 2, 4, 5}));

    /* Pieces may touch each other, and such a list is refused. */
    cbt_ranges *pieces, *again;
    cbt_error error;
    memset(&shape, 0, sizeof shape);
    shape.size = sizeof shape;
    shape.split = BLOCK;
    CHECK(cbt_ranges_shape(ranges, &shape, &pieces, NULL) == CBT_OK);
    CHECK(cbt_ranges_shape(pieces, &shape, &again, &error) == CBT_ERROR_BYTE_RANGE && again == NULL);
    CHECK(error.consequence == CBT_WRONG_USAGE && strstr(error.hint, "before") != NULL);
    CHECK(cbt_ranges_combine(pieces, ranges, CBT_UNION, 0, &again, &error) == CBT_ERROR_BYTE_RANGE && again == NULL);
    CHECK(strstr(error.hint, "before") != NULL);
    cbt_ranges_free(pieces);
    cbt_ranges_free(ranges);
}

static void sets_of_ranges(void) {
    cbt_ranges *monday = ranges_of(MONDAY), *tuesday = ranges_of(TUESDAY), *own, *result;
    CHECK(cbt_ranges_combine(monday, tuesday, CBT_UNION, 0, &result, NULL) == CBT_OK);
    CHECK(is(result, 3, (uint64_t[]){0, 2, 4, 5, 6, 8}));
    cbt_ranges_free(result);
    CHECK(cbt_ranges_combine(monday, tuesday, CBT_INTERSECTION, 0, &result, NULL) == CBT_OK);
    CHECK(is(result, 0, NULL));
    cbt_ranges_free(result);
    const cbt_range given[] = {{4 * BLOCK, 4 * BLOCK}, {0, BLOCK}, {5 * BLOCK, BLOCK}, {9, 0}};
    CHECK(cbt_ranges_from_list(given, 4, 32 * BLOCK, &own, NULL) == CBT_OK);
    CHECK(is(own, 2, (uint64_t[]){0, 1, 4, 8}));
    CHECK(cbt_ranges_combine(monday, own, CBT_DIFFERENCE, 0, &result, NULL) == CBT_OK);
    CHECK(is(result, 1, (uint64_t[]){1, 2}));
    cbt_ranges_free(result);
    CHECK(cbt_ranges_combine(monday, own, CBT_SYMMETRIC_DIFFERENCE, 0, &result, NULL) == CBT_OK);
    CHECK(is(result, 3, (uint64_t[]){1, 2, 5, 6, 7, 8}));
    cbt_ranges_free(result);
    cbt_ranges_free(own);
    CHECK(cbt_ranges_from_list(NULL, 0, 0, &own, NULL) == CBT_OK && is(own, 0, NULL));
    cbt_ranges_free(own);
    cbt_ranges_free(tuesday);
    cbt_ranges_free(monday);
}

static cbt_ranges *own_range(uint64_t blocks, uint64_t virtual_size) {
    cbt_range range = {0, blocks * BLOCK};
    cbt_ranges *ranges;
    CHECK(cbt_ranges_from_list(&range, 1, virtual_size, &ranges, NULL) == CBT_OK);
    return ranges;
}

/* The size of the disk of what is made of two lists, the first of them that of a disk of 32 blocks; or the code. */
static uint64_t common_size(uint64_t blocks, uint64_t virtual_size, uint32_t extend) {
    cbt_ranges *first = ranges_of(MONDAY), *second = own_range(blocks, virtual_size), *result;
    cbt_error error;
    uint64_t size = 7;
    cbt_code code = cbt_ranges_combine(first, second, CBT_UNION, extend, &result, &error);
    if (code == CBT_OK) {
        CHECK(is(result, 1, (uint64_t[]){0, blocks}));
        CHECK(cbt_ranges_virtual_size(result, &size, NULL) == CBT_OK);
    } else {
        CHECK(result == NULL && error.consequence == CBT_WRONG_USAGE && strstr(error.hint, "extend") != NULL);
        size = (uint64_t)code;
    }
    cbt_ranges_free(result);
    cbt_ranges_free(second);
    cbt_ranges_free(first);
    return size;
}

static void lists_of_different_disks(void) {
    CHECK(common_size(8, 32 * BLOCK, 0) == 32 * BLOCK);
    CHECK(common_size(8, 32 * BLOCK, 1) == 32 * BLOCK);
    CHECK(common_size(40, 64 * BLOCK, 0) == CBT_ERROR_LENGTH_MISMATCH);
    CHECK(common_size(40, 64 * BLOCK, 1) == 64 * BLOCK);
    /* A list that does not know its disk is taken for one of the same, as far as it can be. */
    CHECK(common_size(32, 0, 0) == 32 * BLOCK);
    CHECK(common_size(33, 0, 0) == CBT_ERROR_LENGTH_MISMATCH);
    CHECK(common_size(32, 0, 1) == 0);
    CHECK(common_size(33, 0, 1) == 0);
}

static void questions(void) {
    cbt_bitmap *bitmap = bitmap_of(MONDAY, 32 * BLOCK - 1);
    uint64_t blocks, block_size, size, count, indexes[4];
    size_t found;
    bool yes, right = true;
    CHECK(cbt_bitmap_size(bitmap, &blocks, &block_size, &size, NULL) == CBT_OK);
    CHECK(blocks == 32 && block_size == BLOCK && size == 32 * BLOCK - 1);
    CHECK(cbt_bitmap_size(bitmap, NULL, NULL, NULL, NULL) == CBT_OK);
    CHECK(cbt_bitmap_any(bitmap, &yes, NULL) == CBT_OK && yes);
    CHECK(cbt_bitmap_count(bitmap, &count, NULL) == CBT_OK && count == 4);
    CHECK(cbt_bitmap_contains(bitmap, 4, &yes, NULL) == CBT_OK && yes);
    CHECK(cbt_bitmap_contains(bitmap, 31, &yes, NULL) == CBT_OK && !yes);
    CHECK(cbt_bitmap_indexes(bitmap, 0, indexes, 3, &found, NULL) == CBT_OK && found == 3);
    CHECK(indexes[0] == 0 && indexes[1] == 1 && indexes[2] == 4);
    CHECK(cbt_bitmap_indexes(bitmap, 5, indexes, 3, &found, NULL) == CBT_OK && found == 1 && indexes[0] == 6);
    CHECK(cbt_bitmap_indexes(bitmap, 7, indexes, 3, &found, NULL) == CBT_OK && found == 0);
    cbt_bitmap_free(bitmap);

    /* One run through all words, in batches that end within them. */
    bitmap = bitmap_of("////////////////////////////////////////////", 264 * BLOCK);
    uint64_t many[100], from = 0;
    do {
        CHECK(cbt_bitmap_indexes(bitmap, from, many, 100, &found, NULL) == CBT_OK);
        CHECK(found == (from == 200 ? 64 : from == 264 ? 0 : 100));
        for (size_t i = 0; i < found; i++) {
            right = right && many[i] == from + i;
        }
        from += found;
    } while (found > 0);
    CHECK(right && from == 264);
    CHECK(cbt_bitmap_indexes(bitmap, UINT64_MAX, many, 100, &found, NULL) == CBT_OK && found == 0);
    cbt_bitmap_free(bitmap);

    bitmap = bitmap_of("AAAAAA==", 32 * BLOCK);
    CHECK(cbt_bitmap_any(bitmap, &yes, NULL) == CBT_OK && !yes);
    cbt_bitmap_free(bitmap);
}

static void larger_blocks(void) {
    cbt_options options = {.size = sizeof options, .virtual_size = 32 * BLOCK};
    cbt_bitmap *bitmap = bitmap_of(MONDAY, options.virtual_size), *again, *at_once;
    uint64_t blocks, indexes[4];
    size_t found;
    CHECK(cbt_bitmap_reblock(bitmap, 4 * BLOCK, &again, NULL) == CBT_OK);
    CHECK(cbt_bitmap_new(MONDAY, strlen(MONDAY), &options, 4 * BLOCK, &at_once, NULL) == CBT_OK);
    for (int i = 0; i < 2; i++) {
        const cbt_bitmap *larger = i == 0 ? again : at_once;
        CHECK(cbt_bitmap_size(larger, &blocks, NULL, NULL, NULL) == CBT_OK && blocks == 8);
        CHECK(cbt_bitmap_indexes(larger, 0, indexes, 4, &found, NULL) == CBT_OK && found == 2);
        CHECK(indexes[0] == 0 && indexes[1] == 1);
    }
    cbt_error error;
    cbt_bitmap *none;
    CHECK(cbt_bitmap_combine(bitmap, again, CBT_UNION, 0, &none, &error) == CBT_ERROR_UNEQUAL_BLOCK_SIZES && none == NULL);
    CHECK(cbt_bitmap_reblock(bitmap, 3 * BLOCK, &none, &error) == CBT_ERROR_BLOCK_SIZE && none == NULL);
    cbt_bitmap_free(at_once);
    cbt_bitmap_free(again);
    cbt_bitmap_free(bitmap);
}

static bool is_text(const cbt_bitmap *bitmap, cbt_encoding encoding, const char *text, size_t len) {
    cbt_buffer *buffer;
    const char *data;
    size_t found;
    bool right = cbt_bitmap_encode(bitmap, encoding, &buffer, NULL) == CBT_OK &&
                 cbt_buffer_get(buffer, &data, &found, NULL) == CBT_OK && found == len && data[len] == '\0' &&
                 memcmp(data, text, len) == 0;
    cbt_buffer_free(buffer);
    return right;
}

static void sets_of_bitmaps_and_back_to_text(void) {
    cbt_bitmap *monday = bitmap_of(MONDAY, 32 * BLOCK), *tuesday = bitmap_of(TUESDAY, 32 * BLOCK);
    cbt_bitmap *longer = bitmap_of("AQAAAAAAAAA=", 64 * BLOCK), *both;
    CHECK(is_text(monday, CBT_BASE64, MONDAY, strlen(MONDAY)));
    CHECK(is_text(monday, CBT_RAW_MSB0, "\xca\0\0\0", 4));
    CHECK(is_text(monday, CBT_RAW_LSB0, "\x53\0\0\0", 4));
    CHECK(is_text(monday, CBT_BITS, "11001010000000000000000000000000", 32));
    CHECK(cbt_bitmap_combine(monday, tuesday, CBT_UNION, 0, &both, NULL) == CBT_OK);
    CHECK(is_text(both, CBT_BASE64, "ywAAAA==", 8));
    cbt_bitmap_free(both);
    CHECK(cbt_bitmap_combine(monday, tuesday, CBT_DIFFERENCE, 0, &both, NULL) == CBT_OK);
    CHECK(is_text(both, CBT_BASE64, MONDAY, 8));
    cbt_bitmap_free(both);
    CHECK(cbt_bitmap_combine(monday, longer, CBT_UNION, 0, &both, NULL) == CBT_ERROR_LENGTH_MISMATCH && both == NULL);
    CHECK(cbt_bitmap_combine(monday, longer, CBT_UNION, 2, &both, NULL) == CBT_ERROR_ARGUMENT && both == NULL);
    CHECK(cbt_bitmap_combine(monday, longer, CBT_UNION, 1, &both, NULL) == CBT_OK);
    CHECK(is_text(both, CBT_BASE64, "ywAAAAAAAAA=", 12));
    cbt_bitmap_free(both);
    cbt_bitmap_free(longer);
    cbt_bitmap_free(tuesday);
    cbt_bitmap_free(monday);
}

/* The UUID of a disk that is not in the chain of the folder. */
#define DISK "ff000000-0000-0000-0000-00000000000"

static void put_uuid(uint8_t *to, uint8_t disk) {
    to[0] = disk == 0 ? 0 : 0xff;
    to[15] = disk;
}

/* A log of a disk of 8 blocks, of which the first is changed. */
static void write_log(const char *folder, uint8_t disk, uint8_t parent, uint8_t child, bool consistent) {
    char path[4096];
    uint8_t log[49] = {[32] = consistent, [42] = 8, [48] = 1};
    put_uuid(log, parent);
    put_uuid(log + 16, child);
    snprintf(path, sizeof path, "%s/%s%d.cbtlog", folder, DISK, disk);
    FILE *file = fopen(path, "wb");
    CHECK(file != NULL && fwrite(log, 1, sizeof log, file) == sizeof log && fclose(file) == 0);
}

static void a_log_that_is_not_consistent(const char *folder) {
    cbt_bitmap *bitmap;
    cbt_buffer *warnings;
    cbt_error error;
    const char *text;
    size_t len;
    uint64_t count;
    write_log(folder, 1, 0, 2, true);
    write_log(folder, 2, 1, 0, false);
    CHECK(cbt_list_changed_blocks(folder, DISK "1", DISK "2", 0, &bitmap, &warnings, &error) == CBT_ERROR_IN_USE);
    CHECK(bitmap == NULL && warnings == NULL && error.consequence == CBT_BUSY);
    CHECK(cbt_list_changed_blocks(folder, DISK "1", DISK "2", 2, &bitmap, &warnings, &error) == CBT_ERROR_ARGUMENT);
    CHECK(cbt_list_changed_blocks(folder, DISK "1", DISK "2", 1, &bitmap, &warnings, &error) == CBT_OK);
    CHECK(cbt_bitmap_count(bitmap, &count, &error) == CBT_OK && count == 1);
    CHECK(cbt_buffer_get(warnings, &text, &len, &error) == CBT_OK && len == strlen(text));
    CHECK(strcmp(text, "the log of " DISK "2 is not marked as consistent: changes may be missing from it\n") == 0);
    cbt_buffer_free(warnings);
    cbt_bitmap_free(bitmap);
}

static void chain(const char *folder, const char *older, const char *newer) {
    cbt_bitmap *bitmap;
    cbt_buffer *warnings;
    cbt_error error;
    const char *text;
    size_t len;
    uint64_t count;
    CHECK(cbt_list_changed_blocks(folder, older, newer, 0, &bitmap, &warnings, &error) == CBT_OK);
    CHECK(cbt_bitmap_count(bitmap, &count, NULL) == CBT_OK && count > 20000);
    CHECK(cbt_buffer_get(warnings, &text, &len, &error) == CBT_OK && len == 0);
    cbt_buffer_free(warnings);
    cbt_bitmap_free(bitmap);
    CHECK(cbt_list_changed_blocks(folder, newer, older, 0, &bitmap, &warnings, &error) == CBT_ERROR_UNRELATED);
    CHECK(bitmap == NULL && warnings == NULL && error.consequence == CBT_FULL_BACKUP);
    CHECK(strstr(error.message, "wrong order") != NULL);
    CHECK(cbt_list_changed_blocks(folder, older, older, 0, &bitmap, &warnings, &error) == CBT_ERROR_SAME);
    CHECK(cbt_list_changed_blocks(folder, "x", older, 0, &bitmap, &warnings, &error) == CBT_ERROR_ARGUMENT);
    CHECK(cbt_list_changed_blocks("/nowhere", older, newer, 0, &bitmap, &warnings, &error) == CBT_ERROR_OPEN);
    CHECK(error.consequence == CBT_OPERATOR);
}

int main(int argc, char **argv) {
    shapes();
    sets_of_ranges();
    lists_of_different_disks();
    questions();
    larger_blocks();
    sets_of_bitmaps_and_back_to_text();
    if (argc == 4) {
        chain(argv[1], argv[2], argv[3]);
        a_log_that_is_not_consistent(argv[1]);
    } else {
        printf("skipped: a chain of logs (no folder was given)\n");
    }
    return check_end();
}
