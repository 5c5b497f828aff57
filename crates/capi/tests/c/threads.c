/*
 * The rules for threads and for fork: lists, bitmaps and buffers are shared, a reader and a push are used by one thread at a
 * time, and a child works without the threads of its parent.
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

/* Handles that never change. */
typedef struct shared {
    cbt_bitmap *bitmap;
    cbt_ranges *ranges;
    cbt_buffer *buffer;
} shared;

static bool indexes_are_right(const cbt_bitmap *bitmap) {
    uint64_t count = 0, indexes[512], from = 0, seen = 0;
    size_t got = 0;
    bool right = cbt_bitmap_count(bitmap, &count, NULL) == CBT_OK && count == RANGES;
    while (right && (right = cbt_bitmap_indexes(bitmap, from, indexes, 512, &got, NULL) == CBT_OK) && got > 0) {
        seen += got;
        from = indexes[got - 1] + 1;
    }
    return right && seen == count;
}

static void *ask(void *context) {
    const shared *shared = context;
    const cbt_range *list;
    const char *data;
    size_t count, len;
    cbt_ranges *halved = NULL;
    cbt_shape shape = {.size = sizeof shape, .at_most = RANGES / 2};
    bool right = indexes_are_right(shared->bitmap) && cbt_ranges_get(shared->ranges, &list, &count, NULL) == CBT_OK &&
                 count == RANGES && cbt_ranges_shape(shared->ranges, &shape, &halved, NULL) == CBT_OK &&
                 cbt_ranges_get(halved, &list, &count, NULL) == CBT_OK && count == RANGES / 2 &&
                 cbt_buffer_get(shared->buffer, &data, &len, NULL) == CBT_OK && len == LEN && memcmp(data, text, LEN) == 0;
    cbt_ranges_free(halved);
    return right ? context : NULL;
}

static void what_never_changes_is_shared(void) {
    cbt_options options = disk();
    shared shared;
    CHECK(cbt_bitmap_new(text, LEN, &options, 0, &shared.bitmap, NULL) == CBT_OK);
    CHECK(cbt_bitmap_ranges(shared.bitmap, &shared.ranges, NULL) == CBT_OK);
    CHECK(cbt_bitmap_encode(shared.bitmap, CBT_BASE64, &shared.buffer, NULL) == CBT_OK);
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        CHECK(pthread_create(&threads[i], NULL, ask, &shared) == 0);
    }
    for (int i = 0; i < THREADS; i++) {
        void *right;
        CHECK(pthread_join(threads[i], &right) == 0 && right == &shared);
    }
    cbt_buffer_free(shared.buffer);
    cbt_ranges_free(shared.ranges);
    cbt_bitmap_free(shared.bitmap);
}

/* How many ranges a thread has got, up to which end. */
typedef struct part {
    cbt_reader *reader;
    size_t got;
    cbt_code end;
} part;

static void *read_all(void *context) {
    part *part = context;
    cbt_range ranges[256];
    size_t got = 1;
    while (got > 0) {
        part->end = cbt_reader_read(part->reader, ranges, 256, &got, NULL);
        part->got += got;
        /* Nothing was read: another one is at it. */
        got = part->end == CBT_ERROR_HANDLE_IN_USE ? 1 : got;
    }
    return NULL;
}

static void a_reader_is_used_by_one_at_a_time(void) {
    cbt_options options = disk();
    cbt_reader *reader;
    CHECK(cbt_reader_new(text, LEN, &options, &reader, NULL) == CBT_OK);
    pthread_t threads[THREADS];
    part parts[THREADS];
    for (int i = 0; i < THREADS; i++) {
        parts[i] = (part){reader, 0, CBT_ERROR_OTHER};
        CHECK(pthread_create(&threads[i], NULL, read_all, &parts[i]) == 0);
    }
    size_t all = 0;
    for (int i = 0; i < THREADS; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0 && parts[i].end == CBT_OK);
        all += parts[i].got;
    }
    CHECK(all == RANGES);
    cbt_reader_free(reader);
}

/* A handle that a thread keeps busy in calls that take a while. */
typedef struct busy {
    cbt_reader *reader;
    cbt_push *push;
    cbt_range *ranges;
    size_t got;
    bool right;
    pthread_mutex_t lock;
    bool done;
} busy;

static void *read_at_once(void *context) {
    busy *busy = context;
    size_t got;
    cbt_code code;
    do {
        code = cbt_reader_read(busy->reader, busy->ranges, RANGES, &got, NULL);
        busy->got += got;
    } while (code == CBT_ERROR_HANDLE_IN_USE || got > 0);
    busy->right = code == CBT_OK;
    pthread_mutex_lock(&busy->lock);
    busy->done = true;
    pthread_mutex_unlock(&busy->lock);
    return NULL;
}

static void *push_at_once(void *context) {
    busy *busy = context;
    cbt_code code;
    do {
        code = cbt_push_write(busy->push, text, LEN, NULL);
    } while (code == CBT_ERROR_HANDLE_IN_USE);
    while (code == CBT_OK && (code = cbt_push_finish(busy->push, NULL)) == CBT_ERROR_HANDLE_IN_USE) {
        code = CBT_OK;
    }
    busy->right = code == CBT_OK;
    pthread_mutex_lock(&busy->lock);
    busy->done = true;
    pthread_mutex_unlock(&busy->lock);
    return NULL;
}

static bool is_done(busy *busy) {
    pthread_mutex_lock(&busy->lock);
    bool done = busy->done;
    pthread_mutex_unlock(&busy->lock);
    return done;
}

/* Whether a second thread was told that the handle is in use. No range is lost by that. */
static bool is_told(bool of_push) {
    cbt_options options = disk();
    busy busy = {.ranges = malloc(RANGES * sizeof(cbt_range)), .lock = PTHREAD_MUTEX_INITIALIZER};
    CHECK(busy.ranges != NULL);
    if (of_push) {
        CHECK(cbt_push_new(&options, &busy.push, NULL) == CBT_OK);
    } else {
        CHECK(cbt_reader_new(text, LEN, &options, &busy.reader, NULL) == CBT_OK);
    }
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, of_push ? push_at_once : read_at_once, &busy) == 0);
    bool told = false;
    size_t all = 0, got;
    cbt_range range;
    cbt_error error;
    do {
        cbt_code code = of_push ? cbt_push_read(busy.push, &range, 1, &got, &error)
                                : cbt_reader_read(busy.reader, &range, 1, &got, &error);
        all += got;
        told = told || (code == CBT_ERROR_HANDLE_IN_USE && got == 0 && error.consequence == CBT_WRONG_USAGE);
    } while (!told && !is_done(&busy));
    CHECK(pthread_join(thread, NULL) == 0 && busy.right);
    while (of_push && cbt_push_read(busy.push, busy.ranges, RANGES, &got, NULL) == CBT_OK && got > 0) {
        busy.got += got;
    }
    CHECK(all + busy.got == RANGES);
    cbt_push_free(busy.push);
    cbt_reader_free(busy.reader);
    free(busy.ranges);
    return told;
}

static void a_second_thread_is_told(void) {
    for (int of_push = 0; of_push < 2; of_push++) {
        int rounds = 0;
        while (rounds < 100 && !is_told(of_push == 1)) {
            rounds++;
        }
        CHECK(rounds < 100);
    }
}

static bool all_are_found(cbt_options options) {
    cbt_ranges *ranges;
    const cbt_range *list;
    size_t count;
    bool right = cbt_ranges_new(text, LEN, &options, &ranges, NULL) == CBT_OK &&
                 cbt_ranges_get(ranges, &list, &count, NULL) == CBT_OK && count == RANGES;
    cbt_ranges_free(ranges);
    return right;
}

/* Handles that were made before fork(). */
typedef struct older {
    cbt_reader *reader, *on_one_thread;
    cbt_push *push;
    cbt_bitmap *bitmap;
} older;

/* The work of a child that knows nothing of threads: it ends, and in whole lists or errors. */
static void in_child(const older *older, cbt_options options) {
    cbt_range ranges[16];
    size_t got = 7;
    cbt_error error;
    cbt_bitmap *bitmap;
    cbt_buffer *warnings;
    cbt_push *push;
    cbt_reader *reader;
    part part = {older->on_one_thread, 0, CBT_ERROR_OTHER};
    CHECK(all_are_found(options));
    CHECK(cbt_bitmap_new(text, LEN, &options, 1 << 20, &bitmap, NULL) == CBT_OK);
    cbt_bitmap_free(bitmap);
    CHECK(cbt_bitmap_reblock(older->bitmap, 1 << 20, &bitmap, NULL) == CBT_OK);
    cbt_bitmap_free(bitmap);
    CHECK(indexes_are_right(older->bitmap));

    CHECK(cbt_reader_read(older->reader, ranges, 16, &got, &error) == CBT_ERROR_FORKED && got == 0);
    CHECK(strstr(error.message, "parent") != NULL && error.hint[0] != '\0');
    CHECK(cbt_push_write(older->push, text, LEN, &error) == CBT_ERROR_FORKED);
    CHECK(cbt_push_read(older->push, ranges, 16, &got, &error) == CBT_ERROR_FORKED && got == 0);
    CHECK(cbt_push_finish(older->push, &error) == CBT_ERROR_FORKED);
    CHECK(cbt_list_changed_blocks(".", "", "", 0, &bitmap, &warnings, &error) == CBT_ERROR_FORKED && bitmap == NULL);
    read_all(&part);
    CHECK(part.end == CBT_OK && part.got == RANGES);
    cbt_push_free(older->push);
    cbt_reader_free(older->reader);
    cbt_reader_free(older->on_one_thread);
    cbt_bitmap_free(older->bitmap);

    CHECK(cbt_reader_new(text, LEN, &options, &reader, NULL) == CBT_OK);
    part.reader = reader;
    part.got = 0;
    read_all(&part);
    CHECK(part.end == CBT_OK && part.got == RANGES);
    cbt_reader_free(reader);
    CHECK(cbt_push_new(&options, &push, NULL) == CBT_OK);
    CHECK(cbt_push_write(push, text, LEN, NULL) == CBT_OK && cbt_push_finish(push, NULL) == CBT_OK);
    CHECK(cbt_push_read(push, ranges, 16, &got, NULL) == CBT_OK && got == 16);
    cbt_push_free(push);
}

static void a_child_waits_for_no_thread_of_its_parent(void) {
    cbt_options options = disk(), single = disk();
    single.single_thread = 1;
    older older;
    /* The pool of threads is there from now on. */
    CHECK(all_are_found(options));
    CHECK(cbt_reader_new(text, LEN, &options, &older.reader, NULL) == CBT_OK);
    CHECK(cbt_reader_new(text, LEN, &single, &older.on_one_thread, NULL) == CBT_OK);
    CHECK(cbt_bitmap_new(text, LEN, &options, 0, &older.bitmap, NULL) == CBT_OK);
    CHECK(cbt_push_new(&options, &older.push, NULL) == CBT_OK);
    CHECK(cbt_push_write(older.push, text, LEN, NULL) == CBT_OK);
    cbt_range range;
    size_t got = 0;
    while (got == 0 && cbt_push_read(older.push, &range, 1, &got, NULL) == CBT_UNFINISHED) {
    }
    CHECK(got == 1);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        alarm(120);
        in_child(&older, options);
        _exit(check_failed > 0);
    }
    int status;
    CHECK(child > 0 && waitpid(child, &status, 0) == child && status == 0);
    /* The parent has lost nothing. */
    part part = {older.reader, 0, CBT_ERROR_OTHER};
    read_all(&part);
    CHECK(part.end == CBT_OK && part.got == RANGES);
    CHECK(cbt_push_finish(older.push, NULL) == CBT_OK);
    cbt_push_free(older.push);
    cbt_reader_free(older.reader);
    cbt_reader_free(older.on_one_thread);
    cbt_bitmap_free(older.bitmap);
}

int main(int argc, char **argv) {
    text = malloc(LEN);
    if (text == NULL) {
        return 2;
    }
    for (size_t i = 0; i < GROUPS; i++) {
        memcpy(text + 4 * i, "qqqq", 4);
    }
    what_never_changes_is_shared();
    a_reader_is_used_by_one_at_a_time();
    a_second_thread_is_told();
    if (argc == 2 && strcmp(argv[1], "fork") == 0) {
        a_child_waits_for_no_thread_of_its_parent();
    }
    free(text);
    return check_end();
}
