/*
 * Every row of the table of tests through every way to byte ranges.
 *
 *     borders FOLDER [NAME]
 *
 * FOLDER is tests/data of the repository; with NAME, only that row.
 */

#include <stdlib.h>
#include <string.h>

#include "table.h"

/* A list that grows. */
typedef struct found {
    cbt_range *ranges;
    size_t count, size;
} found;

static void add(found *found, const cbt_range *ranges, size_t count) {
    if (found->count + count > found->size) {
        found->size = 2 * (found->count + count);
        found->ranges = realloc(found->ranges, found->size * sizeof *ranges);
        if (found->ranges == NULL) {
            abort();
        }
    }
    if (count > 0) {
        memcpy(found->ranges + found->count, ranges, count * sizeof *ranges);
    }
    found->count += count;
}

/* Compares how a way has ended with what the row says. */
static bool judge(table_row *row, const char *way, cbt_code code, const cbt_error *error, found *found) {
    bool right;
    if (code == CBT_OK) {
        right = table_is_right(row, way, found->ranges, found->count);
    } else if (error->code != code || error->message[0] == '\0' || cbt_consequence_name(error->consequence)[0] == 'u') {
        fprintf(stderr, "%s, %s: the error does not belong to its code\n", row->name, way);
        right = false;
    } else {
        right = table_is_right_error(row, way, error);
    }
    free(found->ranges);
    return right;
}

static bool whole_list(table_row *row, bool single_thread) {
    cbt_options options = row->options;
    options.single_thread = single_thread;
    cbt_error error;
    cbt_ranges *ranges;
    found found = {NULL, 0, 0};
    cbt_code code = cbt_ranges_new(row->input, row->len, &options, &ranges, &error);
    const cbt_range *list;
    size_t count;
    if (code == CBT_OK && cbt_ranges_get(ranges, &list, &count, NULL) == CBT_OK) {
        add(&found, list, count);
    } else if (ranges != NULL) {
        fprintf(stderr, "%s: a list in spite of an error\n", row->name);
        return false;
    }
    cbt_ranges_free(ranges);
    return judge(row, "whole list", code, &error, &found);
}

static bool reader(table_row *row, size_t capacity) {
    cbt_error error;
    cbt_reader *reader;
    found found = {NULL, 0, 0};
    cbt_range *buffer = malloc(capacity * sizeof *buffer);
    size_t count = 1;
    cbt_code code = cbt_reader_new(row->input, row->len, &row->options, &reader, &error);
    while (code == CBT_OK && count > 0) {
        code = cbt_reader_read(reader, buffer, capacity, &count, &error);
        add(&found, buffer, count);
    }
    /* The end stays the end, and an error stays an error. */
    if (reader != NULL && cbt_reader_read(reader, buffer, capacity, &count, &error) != code) {
        fprintf(stderr, "%s: another end when asked again\n", row->name);
        code = CBT_ERROR_OTHER;
    }
    cbt_reader_free(reader);
    free(buffer);
    return judge(row, "reader", code, &error, &found);
}

static int take(void *context, const cbt_range *ranges, size_t count) {
    add(context, ranges, count);
    return 0;
}

static bool visitor(table_row *row) {
    cbt_error error;
    found found = {NULL, 0, 0};
    cbt_code code = cbt_visit(row->input, row->len, &row->options, take, &found, &error);
    return judge(row, "visitor", code, &error, &found);
}

static bool push(table_row *row, size_t piece) {
    cbt_error error;
    cbt_push *push;
    found found = {NULL, 0, 0};
    cbt_range buffer[300];
    size_t count = 0;
    cbt_code code = cbt_push_new(&row->options, &push, &error);
    for (size_t at = 0; code == CBT_OK && at < row->len; at += piece) {
        size_t len = row->len - at < piece ? row->len - at : piece;
        code = cbt_push_write(push, row->input + at, len, &error);
        if (code == CBT_OK) {
            code = cbt_push_read(push, buffer, 300, &count, &error);
            add(&found, buffer, count);
            /* Before the end was told, nothing says that this is all. */
            code = code == CBT_UNFINISHED && error.code == code ? CBT_OK : code == CBT_OK ? CBT_ERROR_OTHER : code;
        }
    }
    if (code == CBT_OK) {
        code = cbt_push_finish(push, &error);
    }
    count = 1;
    while (code == CBT_OK && count > 0) {
        code = cbt_push_read(push, buffer, 300, &count, &error);
        add(&found, buffer, count);
    }
    cbt_push_free(push);
    return judge(row, "push", code, &error, &found);
}

static bool bitmap(table_row *row) {
    cbt_error error;
    cbt_bitmap *bitmap;
    cbt_ranges *ranges = NULL;
    found found = {NULL, 0, 0};
    cbt_code code = cbt_bitmap_new(row->input, row->len, &row->options, 0, &bitmap, &error);
    if (code == CBT_OK) {
        code = cbt_bitmap_ranges(bitmap, &ranges, &error);
    }
    const cbt_range *list;
    size_t count;
    if (code == CBT_OK && cbt_ranges_get(ranges, &list, &count, NULL) == CBT_OK) {
        add(&found, list, count);
    }
    cbt_bitmap_free(bitmap);
    cbt_ranges_free(ranges);
    return judge(row, "bitmap", code, &error, &found);
}

int main(int argc, char **argv) {
    char path[4096];
    if (argc < 2) {
        fprintf(stderr, "usage: borders FOLDER [NAME]\n");
        return 2;
    }
    snprintf(path, sizeof path, "%s/borders.tsv", argv[1]);
    FILE *table = fopen(path, "r");
    if (table == NULL) {
        perror(path);
        return 2;
    }
    table_row row;
    unsigned rows = 0, failed = 0;
    while (table_next(table, argv[1], &row)) {
        if (argc < 3 || strcmp(argv[2], row.name) == 0) {
            bool right = whole_list(&row, false) && whole_list(&row, true) && reader(&row, 1) &&
                         reader(&row, 4096) && visitor(&row) && push(&row, 65536) && push(&row, 1 << 20) &&
                         (row.len > 4096 || push(&row, 1)) && bitmap(&row);
            rows++;
            failed += !right;
        }
        table_free(&row);
    }
    fclose(table);
    printf("%u passed, %u failed\n", rows - failed, failed);
    return rows == 0 || failed > 0;
}
