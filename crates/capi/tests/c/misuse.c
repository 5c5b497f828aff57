/* Misuse is answered with a code, never with a crash, and never with a result that looks like "nothing has changed". */

#include <string.h>

#include <changed_blocks.h>

#include "check.h"

static const char TEXT[] = "ygAAAA==";
static const size_t LEN = sizeof TEXT - 1;

static cbt_options disk(void) {
    cbt_options options = {.size = sizeof options, .virtual_size = 32 * 65536};
    return options;
}

static int stop(void *context, const cbt_range *ranges, size_t count) {
    (void)ranges;
    *(size_t *)context += count;
    return 1;
}

static void null_pointers(void) {
    cbt_options options = disk();
    cbt_error error;
    cbt_ranges *ranges = (cbt_ranges *)&options;
    CHECK(cbt_ranges_new(NULL, LEN, &options, &ranges, &error) == CBT_ERROR_NULL);
    CHECK(ranges == NULL);
    CHECK(strcmp(error.message, "text is NULL") == 0);
    CHECK(error.consequence == CBT_WRONG_USAGE && error.offset == CBT_NO_OFFSET && error.hint[0] == '\0');
    CHECK(cbt_ranges_new(TEXT, LEN, NULL, &ranges, &error) == CBT_ERROR_NULL);
    CHECK(cbt_ranges_new(TEXT, LEN, &options, NULL, &error) == CBT_ERROR_NULL);
    /* An answer that is empty, which may be at NULL, is no misuse but an error of the answer. */
    CHECK(cbt_ranges_new(NULL, 0, &options, &ranges, &error) == CBT_ERROR_EMPTY);
    CHECK(error.consequence == CBT_FULL_BACKUP);
    /* Nobody has to take the error. */
    CHECK(cbt_ranges_new(TEXT, LEN, NULL, &ranges, NULL) == CBT_ERROR_NULL);

    cbt_reader *reader;
    cbt_push *push;
    cbt_bitmap *bitmap;
    cbt_buffer *buffer;
    CHECK(cbt_reader_new(NULL, LEN, &options, &reader, NULL) == CBT_ERROR_NULL && reader == NULL);
    CHECK(cbt_push_new(NULL, &push, NULL) == CBT_ERROR_NULL && push == NULL);
    CHECK(cbt_push_new(&options, NULL, NULL) == CBT_ERROR_NULL);
    CHECK(cbt_bitmap_new(NULL, LEN, &options, 0, &bitmap, NULL) == CBT_ERROR_NULL && bitmap == NULL);
    CHECK(cbt_visit(TEXT, LEN, &options, NULL, NULL, NULL) == CBT_ERROR_NULL);
    CHECK(cbt_list_changed_blocks(NULL, "", "", 0, &bitmap, &buffer, NULL) == CBT_ERROR_NULL);
    bitmap = (cbt_bitmap *)&options;
    CHECK(cbt_list_changed_blocks(".", "", "", 0, &bitmap, NULL, NULL) == CBT_ERROR_NULL && bitmap == NULL);
    buffer = (cbt_buffer *)&options;
    CHECK(cbt_list_changed_blocks(".", "", "", 0, NULL, &buffer, NULL) == CBT_ERROR_NULL && buffer == NULL);
    CHECK(cbt_ranges_from_list(NULL, 1, 0, &ranges, NULL) == CBT_ERROR_NULL && ranges == NULL);
}

static void null_handles(void) {
    const cbt_range *list = (const cbt_range *)TEXT;
    cbt_range range;
    cbt_ranges *ranges;
    cbt_bitmap *bitmap;
    cbt_buffer *buffer;
    const char *data;
    cbt_shape shape = {.size = sizeof shape};
    size_t count = 7;
    uint64_t number = 7, index;
    bool yes;
    cbt_error error;
    CHECK(cbt_ranges_get(NULL, &list, &count, &error) == CBT_ERROR_NULL && list == NULL && count == 0);
    CHECK(error.code == CBT_ERROR_NULL && strcmp(error.message, "ranges is NULL") == 0);
    CHECK(cbt_ranges_virtual_size(NULL, &number, &error) == CBT_ERROR_NULL && number == 7);
    CHECK(cbt_ranges_shape(NULL, &shape, &ranges, NULL) == CBT_ERROR_NULL && ranges == NULL);
    CHECK(cbt_ranges_combine(NULL, NULL, CBT_UNION, 0, &ranges, NULL) == CBT_ERROR_NULL && ranges == NULL);
    CHECK(cbt_reader_read(NULL, &range, 1, &count, NULL) == CBT_ERROR_NULL && count == 0);
    CHECK(cbt_push_write(NULL, TEXT, LEN, NULL) == CBT_ERROR_NULL);
    CHECK(cbt_push_finish(NULL, NULL) == CBT_ERROR_NULL);
    CHECK(cbt_push_read(NULL, &range, 1, &count, NULL) == CBT_ERROR_NULL);
    CHECK(cbt_bitmap_any(NULL, &yes, &error) == CBT_ERROR_NULL);
    CHECK(cbt_bitmap_count(NULL, &number, &error) == CBT_ERROR_NULL && number == 7);
    CHECK(cbt_bitmap_contains(NULL, 0, &yes, &error) == CBT_ERROR_NULL);
    count = 7;
    CHECK(cbt_bitmap_indexes(NULL, 0, &index, 1, &count, &error) == CBT_ERROR_NULL && count == 0);
    CHECK(cbt_bitmap_size(NULL, NULL, NULL, NULL, &error) == CBT_ERROR_NULL);
    CHECK(cbt_bitmap_ranges(NULL, &ranges, NULL) == CBT_ERROR_NULL && ranges == NULL);
    CHECK(cbt_bitmap_reblock(NULL, 1 << 20, &bitmap, NULL) == CBT_ERROR_NULL && bitmap == NULL);
    CHECK(cbt_bitmap_combine(NULL, NULL, CBT_UNION, 0, &bitmap, NULL) == CBT_ERROR_NULL && bitmap == NULL);
    CHECK(cbt_bitmap_encode(NULL, CBT_BASE64, &buffer, NULL) == CBT_ERROR_NULL && buffer == NULL);
    data = TEXT;
    count = 7;
    CHECK(cbt_buffer_get(NULL, &data, &count, &error) == CBT_ERROR_NULL && data == NULL && count == 0);
    CHECK(strcmp(error.message, "buffer is NULL") == 0);
    cbt_ranges_free(NULL);
    cbt_reader_free(NULL);
    cbt_push_free(NULL);
    cbt_bitmap_free(NULL);
    cbt_buffer_free(NULL);
}

static cbt_code with(cbt_options options) {
    cbt_ranges *ranges;
    cbt_error error;
    cbt_code code = cbt_ranges_new(TEXT, LEN, &options, &ranges, &error);
    CHECK((code == CBT_OK) == (ranges != NULL));
    cbt_ranges_free(ranges);
    return code;
}

static void structs_and_numbers(void) {
    cbt_options options = disk();
    CHECK(with(options) == CBT_OK);
    options.size = 0;
    CHECK(with(options) == CBT_ERROR_ARGUMENT);
    options.size = sizeof options - 1;
    CHECK(with(options) == CBT_ERROR_ARGUMENT);
    options.size = (size_t)-1;
    CHECK(with(options) == CBT_ERROR_ARGUMENT);
    options = disk();
    options.encoding = 5;
    CHECK(with(options) == CBT_ERROR_ARGUMENT);
    options = disk();
    options.single_thread = 2;
    CHECK(with(options) == CBT_ERROR_ARGUMENT);
    options = disk();
    options.block_size = 65537;
    CHECK(with(options) == CBT_ERROR_BLOCK_SIZE);
    /* Without a virtual size, nobody would see that an answer was cut short. */
    options = disk();
    options.virtual_size = 0;
    CHECK(with(options) == CBT_ERROR_VIRTUAL_SIZE);
    options.unknown_size = 1;
    CHECK(with(options) == CBT_OK);
    options.virtual_size = 1;
    CHECK(with(options) == CBT_ERROR_ARGUMENT);

    cbt_ranges *ranges, *result;
    options = disk();
    CHECK(cbt_ranges_new(TEXT, LEN, &options, &ranges, NULL) == CBT_OK);
    cbt_shape shape = {.size = sizeof shape};
    shape.window_offset = 1;
    CHECK(cbt_ranges_shape(ranges, &shape, &result, NULL) == CBT_ERROR_ARGUMENT && result == NULL);
    shape.size = 8;
    CHECK(cbt_ranges_shape(ranges, &shape, &result, NULL) == CBT_ERROR_ARGUMENT && result == NULL);
    CHECK(cbt_ranges_combine(ranges, ranges, 0, 0, &result, NULL) == CBT_ERROR_ARGUMENT && result == NULL);
    CHECK(cbt_ranges_combine(ranges, ranges, 5, 0, &result, NULL) == CBT_ERROR_ARGUMENT && result == NULL);
    const void *inside = (const char *)ranges + 1;
    const cbt_range *list;
    size_t count;
    CHECK(cbt_ranges_get(inside, &list, &count, NULL) == CBT_ERROR_ARGUMENT);
    CHECK(cbt_ranges_combine(ranges, ranges, CBT_UNION, 2, &result, NULL) == CBT_ERROR_ARGUMENT && result == NULL);
    cbt_ranges_free(ranges);
}

/* Structs as a program that was built with a later header has them. */
static void structs_of_a_later_release(void) {
    struct {
        cbt_options known;
        uint64_t more;
    } options = {.known = {.size = sizeof options, .virtual_size = 32 * 65536}};
    struct {
        cbt_shape known;
        uint64_t more;
    } shape = {.known = {.size = sizeof shape, .at_most = 1}};
    cbt_error error;
    cbt_ranges *ranges, *shaped, *none;
    const cbt_range *list;
    size_t count;
    CHECK(cbt_ranges_new(TEXT, LEN, &options.known, &ranges, NULL) == CBT_OK);
    CHECK(cbt_ranges_shape(ranges, &shape.known, &shaped, NULL) == CBT_OK);
    CHECK(cbt_ranges_get(shaped, &list, &count, NULL) == CBT_OK && count == 1);
    cbt_ranges_free(shaped);
    /* What this release does not know is not left out in silence. */
    options.more = shape.more = 1;
    CHECK(cbt_ranges_new(TEXT, LEN, &options.known, &none, &error) == CBT_ERROR_ARGUMENT && none == NULL);
    CHECK(strstr(error.hint, "newer release") != NULL);
    CHECK(cbt_ranges_shape(ranges, &shape.known, &shaped, &error) == CBT_ERROR_ARGUMENT && shaped == NULL);
    CHECK(strstr(error.hint, "newer release") != NULL);
    cbt_ranges_free(ranges);
}

static cbt_code window(const cbt_ranges *ranges, uint64_t offset, uint64_t length) {
    cbt_shape shape = {.size = sizeof shape, .window_offset = offset, .window_length = length};
    cbt_ranges *shaped;
    cbt_error error;
    cbt_code code = cbt_ranges_shape(ranges, &shape, &shaped, &error);
    CHECK((code == CBT_OK) == (shaped != NULL) && (code == CBT_OK || error.consequence == CBT_WRONG_USAGE));
    cbt_ranges_free(shaped);
    return code;
}

/* An empty list of what is off the disk would look as if nothing had changed. */
static void off_the_disk(void) {
    cbt_options options = disk(), unknown = {.size = sizeof unknown, .unknown_size = 1};
    cbt_ranges *ranges, *of_unknown;
    cbt_error error;
    CHECK(cbt_ranges_new(TEXT, LEN, &options, &ranges, NULL) == CBT_OK);
    CHECK(window(ranges, 31 * 65536, 1) == CBT_OK);
    CHECK(window(ranges, 32 * 65536 - 1, 100) == CBT_OK);
    CHECK(window(ranges, 32 * 65536, 1) == CBT_ERROR_NOT_ON_DISK);
    CHECK(window(ranges, 320 * 65536, 65536) == CBT_ERROR_NOT_ON_DISK);
    CHECK(window(ranges, (uint64_t)-10, 100) == CBT_ERROR_NOT_ON_DISK);
    CHECK(window(ranges, 65536, (uint64_t)-10) == CBT_ERROR_NOT_ON_DISK);
    cbt_ranges_free(ranges);
    CHECK(cbt_ranges_new(TEXT, LEN, &unknown, &of_unknown, NULL) == CBT_OK);
    CHECK(window(of_unknown, 0, 65536) == CBT_OK);
    CHECK(window(of_unknown, 65536, 65536) == CBT_ERROR_ARGUMENT);
    CHECK(window(of_unknown, (uint64_t)-10, 100) == CBT_ERROR_NOT_ON_DISK);
    cbt_ranges_free(of_unknown);

    cbt_range beyond[] = {{0, 10}, {(uint64_t)-10, 20}};
    CHECK(cbt_ranges_from_list(beyond, 2, 0, &ranges, &error) == CBT_ERROR_NOT_ON_DISK && ranges == NULL);
    CHECK(strstr(error.message, "list[1]") != NULL && error.hint[0] != '\0');
    cbt_range on_another_disk = {0, 101};
    CHECK(cbt_ranges_from_list(&on_another_disk, 1, 100, &ranges, &error) == CBT_ERROR_NOT_ON_DISK && ranges == NULL);
    CHECK(strstr(error.message, "100 bytes") != NULL && strstr(error.hint, "grown") != NULL);
    CHECK(cbt_ranges_from_list(&on_another_disk, (size_t)-1, 0, &ranges, NULL) == CBT_ERROR_ARGUMENT);
}

static void no_room(void) {
    cbt_options options = disk();
    cbt_reader *reader;
    cbt_push *push;
    cbt_bitmap *bitmap;
    cbt_range range;
    uint64_t index;
    size_t count = 7;
    CHECK(cbt_reader_new(TEXT, LEN, &options, &reader, NULL) == CBT_OK);
    CHECK(cbt_reader_read(reader, &range, 0, &count, NULL) == CBT_ERROR_ARGUMENT && count == 0);
    CHECK(cbt_reader_read(reader, NULL, 1, &count, NULL) == CBT_ERROR_NULL && count == 0);
    CHECK(cbt_reader_read(reader, &range, 1, NULL, NULL) == CBT_ERROR_NULL);
    CHECK(cbt_reader_read(reader, &range, 1, &count, NULL) == CBT_OK && count == 1 && range.offset == 0);
    cbt_reader_free(reader);

    CHECK(cbt_push_new(&options, &push, NULL) == CBT_OK);
    CHECK(cbt_push_read(push, &range, 0, &count, NULL) == CBT_ERROR_ARGUMENT && count == 0);
    cbt_push_free(push);

    CHECK(cbt_bitmap_new(TEXT, LEN, &options, 0, &bitmap, NULL) == CBT_OK);
    CHECK(cbt_bitmap_indexes(bitmap, 0, &index, 0, &count, NULL) == CBT_ERROR_ARGUMENT && count == 0);
    bool yes = true;
    cbt_error error;
    CHECK(cbt_bitmap_contains(bitmap, 32, &yes, &error) == CBT_ERROR_NOT_ON_DISK && yes);
    CHECK(strstr(error.message, "block 32") != NULL);
    cbt_buffer *buffer;
    CHECK(cbt_bitmap_encode(bitmap, CBT_CBTLOG, &buffer, NULL) == CBT_ERROR_ARGUMENT && buffer == NULL);
    cbt_bitmap_free(bitmap);
}

static void never_whole_unless_finished(void) {
    cbt_options options = disk();
    cbt_error error;
    cbt_push *push;
    cbt_range ranges[8];
    size_t count;
    /* Without an end: whatever is read, it is never all. */
    CHECK(cbt_push_new(&options, &push, &error) == CBT_OK);
    CHECK(cbt_push_write(push, TEXT, LEN, &error) == CBT_OK);
    CHECK(cbt_push_read(push, ranges, 8, &count, &error) == CBT_UNFINISHED);
    /* Who prints the error of whatever is no success prints one. */
    CHECK(error.code == CBT_UNFINISHED && strstr(error.message, "not finished") != NULL);
    cbt_push_free(push);

    /* Finished too early: cut short. */
    CHECK(cbt_push_new(&options, &push, &error) == CBT_OK);
    CHECK(cbt_push_write(push, TEXT, 4, &error) == CBT_OK);
    CHECK(cbt_push_finish(push, &error) == CBT_ERROR_TOO_SHORT);
    CHECK(error.consequence == CBT_FULL_BACKUP && strstr(error.hint, "full backup") != NULL);
    CHECK(cbt_push_read(push, ranges, 8, &count, &error) == CBT_ERROR_TOO_SHORT && count == 0);
    CHECK(cbt_push_finish(push, &error) == CBT_ERROR_TOO_SHORT);
    CHECK(cbt_push_write(push, TEXT, LEN, &error) == CBT_ERROR_TOO_SHORT);
    cbt_push_free(push);

    /* More after the end. */
    CHECK(cbt_push_new(&options, &push, &error) == CBT_OK);
    CHECK(cbt_push_write(push, TEXT, LEN, &error) == CBT_OK);
    CHECK(cbt_push_finish(push, &error) == CBT_OK);
    CHECK(cbt_push_write(push, TEXT, LEN, &error) == CBT_ERROR_ARGUMENT);
    CHECK(cbt_push_read(push, ranges, 2, &count, &error) == CBT_OK && count == 2);
    CHECK(cbt_push_read(push, ranges, 2, &count, &error) == CBT_OK && count == 1);
    CHECK(cbt_push_read(push, ranges, 2, &count, &error) == CBT_OK && count == 0);
    CHECK(cbt_push_finish(push, &error) == CBT_OK);
    cbt_push_free(push);

    /* A scan that was stopped is not whole either. */
    count = 0;
    CHECK(cbt_visit(TEXT, LEN, &options, stop, &count, &error) == CBT_STOPPED && count > 0);
    CHECK(error.code == CBT_STOPPED && strstr(error.message, "stopped") != NULL);
}

static int scan_again(void *context, const cbt_range *ranges, size_t count) {
    cbt_options options = disk();
    cbt_ranges *again;
    const cbt_range *list;
    size_t found;
    CHECK(cbt_ranges_new(TEXT, LEN, &options, &again, NULL) == CBT_OK);
    CHECK(cbt_ranges_get(again, &list, &found, NULL) == CBT_OK && found == 3);
    CHECK(ranges[0].offset == list[0].offset);
    cbt_ranges_free(again);
    *(size_t *)context += count;
    return 0;
}

static void a_visitor_may_call_the_library(void) {
    cbt_options options = disk();
    size_t count = 0;
    CHECK(cbt_visit(TEXT, LEN, &options, scan_again, &count, NULL) == CBT_OK && count == 3);
}

static void names(void) {
    CHECK(strcmp(cbt_code_name(CBT_ERROR_TOO_SHORT), "too-short") == 0);
    CHECK(strcmp(cbt_code_name(CBT_OK), "ok") == 0);
    CHECK(strcmp(cbt_code_name(-1), "unknown") == 0);
    CHECK(strcmp(cbt_consequence_name(CBT_FULL_BACKUP), "full-backup") == 0);
    CHECK(strcmp(cbt_consequence_name(0), "unknown") == 0);
    CHECK(cbt_version()[0] != '\0');
}

int main(void) {
    null_pointers();
    null_handles();
    structs_and_numbers();
    structs_of_a_later_release();
    off_the_disk();
    no_room();
    never_whole_unless_finished();
    a_visitor_may_call_the_library();
    names();
    return check_end();
}
