/*
 * Results for which there is no memory are answered with a code. With a limit of its own, so not under tools that take
 * memory themselves.
 */

#define _POSIX_C_SOURCE 200809L

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <changed_blocks.h>

#include "check.h"

enum { MIB = 1 << 20 };

/* Lets the process have that much memory more than it has now; all that the system has with 0. */
static void limit(size_t more) {
    static rlim_t before;
    struct rlimit limit;
    unsigned long pages = 0;
    if (getrlimit(RLIMIT_AS, &limit) != 0) {
        abort();
    }
    before = before == 0 ? limit.rlim_cur : before;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file == NULL || fscanf(file, "%lu", &pages) != 1) {
        printf("skipped: no memory (there is no /proc)\n");
        exit(0);
    }
    fclose(file);
    limit.rlim_cur = more == 0 ? before : pages * (rlim_t)sysconf(_SC_PAGESIZE) + more;
    CHECK(setrlimit(RLIMIT_AS, &limit) == 0);
}

static bool is_told(cbt_code code, const cbt_error *error, const void *result) {
    bool told = code == CBT_ERROR_OUT_OF_MEMORY && error->consequence == CBT_OPERATOR && result == NULL;
    if (!told) {
        fprintf(stderr, "%s\n", cbt_code_name(code));
    }
    return told;
}

/* Two lists of 4 Mi ranges each, and what is made of them. */
static void lists(void) {
    enum { COUNT = 4 * MIB };
    cbt_range *own = malloc(COUNT * sizeof *own);
    cbt_ranges *even, *odd, *whole, *result;
    cbt_error error;
    cbt_range disk = {0, (uint64_t)1 << 40};
    CHECK(own != NULL);
    for (size_t i = 0; i < COUNT; i++) {
        own[i] = (cbt_range){4 * i, 1};
    }
    limit(16 * MIB);
    CHECK(is_told(cbt_ranges_from_list(own, COUNT, 0, &result, &error), &error, result));
    limit(0);
    CHECK(cbt_ranges_from_list(own, COUNT, 0, &even, NULL) == CBT_OK);
    for (size_t i = 0; i < COUNT; i++) {
        own[i].offset += 2;
    }
    CHECK(cbt_ranges_from_list(own, COUNT, 0, &odd, NULL) == CBT_OK);
    CHECK(cbt_ranges_from_list(&disk, 1, 0, &whole, NULL) == CBT_OK);
    free(own);
    limit(16 * MIB);
    CHECK(is_told(cbt_ranges_combine(even, odd, CBT_UNION, 0, &result, &error), &error, result));
    cbt_shape shape = {.size = sizeof shape, .align = 2};
    CHECK(is_told(cbt_ranges_shape(even, &shape, &result, &error), &error, result));
    /* More pieces than there is memory for, whatever the limit. */
    shape = (cbt_shape){.size = sizeof shape, .split = 1};
    CHECK(is_told(cbt_ranges_shape(whole, &shape, &result, &error), &error, result));
    limit(0);
    cbt_ranges_free(whole);
    cbt_ranges_free(odd);
    cbt_ranges_free(even);
}

/* A bitmap of 512 Mi blocks, made of 256 larger ones. */
static void texts(void) {
    static const uint8_t RAW[32] = {1};
    cbt_options options = {.size = sizeof options, .unknown_size = 1, .encoding = CBT_RAW_LSB0, .block_size = 1 << 30};
    cbt_bitmap *larger, *bitmap;
    cbt_buffer *buffer;
    cbt_error error;
    CHECK(cbt_bitmap_new(RAW, sizeof RAW, &options, 0, &larger, NULL) == CBT_OK);
    CHECK(cbt_bitmap_reblock(larger, 512, &bitmap, NULL) == CBT_OK);
    limit(32 * MIB);
    CHECK(is_told(cbt_bitmap_encode(bitmap, CBT_RAW_MSB0, &buffer, &error), &error, buffer));
    CHECK(is_told(cbt_bitmap_encode(bitmap, CBT_BITS, &buffer, &error), &error, buffer));
    /* Enough for the bytes, but not for their text beside them. */
    limit(96 * MIB);
    CHECK(is_told(cbt_bitmap_encode(bitmap, CBT_BASE64, &buffer, &error), &error, buffer));
    CHECK(cbt_bitmap_encode(bitmap, CBT_RAW_MSB0, &buffer, &error) == CBT_OK);
    cbt_buffer_free(buffer);
    limit(0);
    cbt_bitmap_free(bitmap);
    cbt_bitmap_free(larger);
}

/* Ranges that wait in a push, since nobody reads them. */
static void waiting(void) {
    enum { LEN = 4 * MIB };
    cbt_options options = {.size = sizeof options, .virtual_size = (uint64_t)LEN / 4 * 24 * 65536};
    cbt_push *push;
    cbt_error error;
    cbt_range range;
    size_t count;
    char *text = malloc(LEN);
    CHECK(text != NULL);
    memset(text, 'q', LEN);
    CHECK(cbt_push_new(&options, &push, NULL) == CBT_OK);
    limit(64 * MIB);
    cbt_code code = cbt_push_write(push, text, LEN, &error);
    code = code == CBT_OK ? cbt_push_finish(push, &error) : code;
    CHECK(is_told(code, &error, NULL) && strstr(error.hint, "cbt_push_read") != NULL);
    CHECK(cbt_push_read(push, &range, 1, &count, &error) == CBT_ERROR_OUT_OF_MEMORY && count == 0);
    limit(0);
    cbt_push_free(push);
    free(text);
}

int main(void) {
    lists();
    texts();
    waiting();
    return check_end();
}
