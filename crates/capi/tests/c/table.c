#include "table.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "sha256.h"

static void fail(const char *what, const char *which) {
    fprintf(stderr, "the table of tests: %s: %s\n", what, which);
    exit(2);
}

static void *room(size_t bytes) {
    void *room = malloc(bytes > 0 ? bytes : 1);
    if (room == NULL) {
        fail("no memory", "malloc");
    }
    return room;
}

static char *copy(const char *text) {
    return strcpy(room(strlen(text) + 1), text);
}

static void read_file(const char *folder, const char *name, table_row *row) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    if (file == NULL || fseek(file, 0, SEEK_END) != 0) {
        fail("cannot be opened", path);
    }
    row->len = (size_t)ftell(file);
    rewind(file);
    row->input = room(row->len);
    if (fread(row->input, 1, row->len, file) != row->len) {
        fail("cannot be read", path);
    }
    fclose(file);
}

static void read_hex(const char *hex, table_row *row) {
    row->len = strlen(hex) / 2;
    row->input = room(row->len);
    for (size_t i = 0; i < row->len; i++) {
        unsigned byte;
        if (sscanf(hex + 2 * i, "%2x", &byte) != 1) {
            fail("not hexadecimal", hex);
        }
        row->input[i] = (uint8_t)byte;
    }
}

static void read_repeat(const char *count, const char *text, const char *tail, table_row *row) {
    size_t times = strtoull(count, NULL, 10), one = strlen(text), more = strlen(tail);
    row->len = times * one + more;
    row->input = room(row->len);
    for (size_t i = 0; i < times; i++) {
        memcpy(row->input + i * one, text, one);
    }
    memcpy(row->input + times * one, tail, more);
}

static void read_input(char *source, const char *folder, table_row *row) {
    const char *words[4] = {"", "", "", ""};
    size_t count = 0;
    for (char *word = strtok(source, " "); word != NULL && count < 4; word = strtok(NULL, " ")) {
        words[count++] = word;
    }
    if (strcmp(words[0], "file") == 0) {
        read_file(folder, words[1], row);
    } else if (strcmp(words[0], "text") == 0) {
        read_repeat("1", words[1], "", row);
    } else if (strcmp(words[0], "hex") == 0) {
        read_hex(words[1], row);
    } else if (strcmp(words[0], "repeat") == 0) {
        read_repeat(words[1], words[2], words[3], row);
    } else {
        fail("no input", words[0]);
    }
}

static uint32_t encoding_named(const char *name) {
    static const char *names[] = {"base64", "raw-msb0", "raw-lsb0", "bits", "cbtlog"};
    for (uint32_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(name, names[i]) == 0) {
            return i;
        }
    }
    fail("no encoding", name);
    return 0;
}

/* Reads a line of any length without its end. NULL at the end of the file. */
static char *read_line(FILE *table) {
    size_t len = 0, size = 256;
    char *line = room(size);
    int c;
    while ((c = fgetc(table)) != EOF && c != '\n') {
        if (len + 1 == size) {
            size *= 2;
            line = realloc(line, size);
            if (line == NULL) {
                fail("no memory", "realloc");
            }
        }
        line[len++] = (char)c;
    }
    line[len] = '\0';
    if (c == EOF && len == 0) {
        free(line);
        return NULL;
    }
    return line;
}

bool table_next(FILE *table, const char *folder, table_row *row) {
    char *line = read_line(table);
    while (line != NULL && line[0] == '#') {
        free(line);
        line = read_line(table);
    }
    if (line == NULL) {
        return false;
    }
    char *columns[6];
    char *rest = line;
    for (int i = 0; i < 6; i++) {
        columns[i] = rest;
        rest = strchr(rest, '\t');
        if ((rest == NULL) != (i == 5)) {
            fail("not six columns", line);
        }
        if (rest != NULL) {
            *rest++ = '\0';
        }
    }
    memset(row, 0, sizeof *row);
    row->name = copy(columns[0]);
    row->options.size = sizeof row->options;
    row->options.encoding = encoding_named(columns[1]);
    row->options.block_size = strtoull(columns[2], NULL, 10);
    row->options.unknown_size = strcmp(columns[3], "-") == 0;
    row->options.virtual_size = row->options.unknown_size ? 0 : strtoull(columns[3], NULL, 10);
    row->outcome = copy(columns[5]);
    read_input(columns[4], folder, row);
    free(line);
    return true;
}

void table_free(table_row *row) {
    free(row->name);
    free(row->input);
    free(row->outcome);
    free(row->right);
}

static bool same(const table_row *row, const char *way, const char *found) {
    bool is_same = strcmp(found, row->outcome) == 0;
    if (!is_same) {
        fprintf(stderr, "%s, %s:\n  %.400s, not\n  %.400s\n", row->name, way, found, row->outcome);
    }
    return is_same;
}

static void digest(const cbt_range *ranges, size_t count, char *text, size_t size) {
    sha256 hash;
    uint64_t bytes = 0;
    sha256_begin(&hash);
    for (size_t i = 0; i < count; i++) {
        uint8_t words[16];
        for (int byte = 0; byte < 8; byte++) {
            words[byte] = (uint8_t)(ranges[i].offset >> (8 * byte));
            words[8 + byte] = (uint8_t)(ranges[i].length >> (8 * byte));
        }
        sha256_add(&hash, words, sizeof words);
        bytes += ranges[i].length;
    }
    char hex[65];
    sha256_end(&hash, hex);
    snprintf(text, size, "digest %zu %" PRIu64 " %s", count, bytes, hex);
}

static bool is_in_words(const table_row *row, const char *way, const cbt_range *ranges, size_t count) {
    if (strncmp(row->outcome, "digest", 6) == 0 || count > 1000) {
        char text[128];
        digest(ranges, count, text, sizeof text);
        return same(row, way, text);
    }
    char *text = room(8 + 44 * count);
    char *end = strcpy(text, "ranges") + 6;
    for (size_t i = 0; i < count; i++) {
        end += sprintf(end, " %" PRIu64 "+%" PRIu64, ranges[i].offset, ranges[i].length);
    }
    bool right = same(row, way, text);
    free(text);
    return right;
}

bool table_is_right(table_row *row, const char *way, const cbt_range *ranges, size_t count) {
    size_t bytes = count * sizeof *ranges;
    if (row->right != NULL && row->right_count == count && (count == 0 || memcmp(row->right, ranges, bytes) == 0)) {
        return true;
    }
    if (!is_in_words(row, way, ranges, count)) {
        return false;
    }
    if (row->right == NULL) {
        row->right = room(bytes);
        row->right_count = count;
        if (count > 0) {
            memcpy(row->right, ranges, bytes);
        }
    }
    return true;
}

bool table_is_right_error(const table_row *row, const char *way, const cbt_error *error) {
    char text[64], offset[24] = "-";
    if (error->offset != CBT_NO_OFFSET) {
        snprintf(offset, sizeof offset, "%" PRIu64, error->offset);
    }
    snprintf(text, sizeof text, "error %s %s", cbt_code_name(error->code), offset);
    return same(row, way, text);
}
