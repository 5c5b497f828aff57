/*
 * The rules for threads and for fork: lists and bitmaps are shared, a reader is used by one thread at a time.
 *
 *     threads [fork]
 *
 * Only with "fork" is there a child: in it, the memory of threads that it does not have is lost, as tools that watch for that
 * say.
 */

#define _POSIX_C_SOURCE 200809L

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <changed_blocks.h>

#include "check.h"

enum { THREADS = 4, GROUPS = 1 << 18 };

/* Every other block of 100 GiB: a text that is long enough for all threads. */
static char *text;
static const size_t LEN = 4 * (size_t)GROUPS;
static const uint64_t VIRTUAL_SIZE = (uint64_t)GROUPS * 24 * 65536;
static const size_t RANGES = (size_t)GROUPS * 12;

static cbt_options disk(void) {
    cbt_options options = {.size = sizeof options, .virtual_size = VIRTUAL_SIZE};
    return options;
}

static void *ask(void *bitmap) {
    uint64_t count = 0, indexes[512], from = 0, seen = 0;
    size_t got = 0;
    bool right = cbt_bitmap_count(bitmap, &count) == CBT_OK && count == RANGES;
    while (right && cbt_bitmap_indexes(bitmap, from, indexes, 512, &got) == CBT_OK && got > 0) {
        seen += got;
        from = indexes[got - 1] + 1;
    }
    return right && seen == count ? bitmap : NULL;
}

static void a_bitmap_is_shared(void) {
    cbt_options options = disk();
    cbt_bitmap *bitmap;
    CHECK(cbt_bitmap_new(text, LEN, &options, 0, &bitmap, NULL) == CBT_OK);
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        CHECK(pthread_create(&threads[i], NULL, ask, bitmap) == 0);
    }
    for (int i = 0; i < THREADS; i++) {
        void *right;
        CHECK(pthread_join(threads[i], &right) == 0 && right == bitmap);
    }
    cbt_bitmap_free(bitmap);
}

static void *read_all(void *reader) {
    cbt_range ranges[256];
    size_t got = 1, *all = calloc(1, sizeof *all);
    while (got > 0) {
        cbt_code code = cbt_reader_read(reader, ranges, 256, &got, NULL);
        *all += got;
        /* Nothing was read: another one is at it. */
        got = code == CBT_ERROR_HANDLE_IN_USE ? 1 : got;
    }
    return all;
}

static void a_reader_is_used_by_one_at_a_time(void) {
    cbt_options options = disk();
    cbt_reader *reader;
    CHECK(cbt_reader_new(text, LEN, &options, &reader, NULL) == CBT_OK);
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        CHECK(pthread_create(&threads[i], NULL, read_all, reader) == 0);
    }
    size_t all = 0;
    for (int i = 0; i < THREADS; i++) {
        void *got;
        CHECK(pthread_join(threads[i], &got) == 0);
        all += *(size_t *)got;
        free(got);
    }
    CHECK(all == RANGES);
    cbt_reader_free(reader);
}

static void a_child_works_on_its_only_thread(void) {
    cbt_options options = disk();
    cbt_ranges *ranges;
    /* The pool of threads is there from now on. */
    CHECK(cbt_ranges_new(text, LEN, &options, &ranges, NULL) == CBT_OK);
    cbt_ranges_free(ranges);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        alarm(300);
        options.single_thread = 1;
        const cbt_range *list;
        size_t count;
        bool right = cbt_ranges_new(text, LEN, &options, &ranges, NULL) == CBT_OK &&
                     cbt_ranges_get(ranges, &list, &count) == CBT_OK && count == RANGES;
        cbt_ranges_free(ranges);
        _exit(right ? 0 : 1);
    }
    int status;
    CHECK(child > 0 && waitpid(child, &status, 0) == child && status == 0);
}

int main(int argc, char **argv) {
    text = malloc(LEN);
    if (text == NULL) {
        return 2;
    }
    for (size_t i = 0; i < GROUPS; i++) {
        memcpy(text + 4 * i, "qqqq", 4);
    }
    a_bitmap_is_shared();
    a_reader_is_used_by_one_at_a_time();
    if (argc == 2 && strcmp(argv[1], "fork") == 0) {
        a_child_works_on_its_only_thread();
    }
    free(text);
    return check_end();
}
