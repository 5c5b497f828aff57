/*
 * Takes the answer of VDI.list_changed_blocks from standard input as it comes, and prints what a backup has to read.
 *
 *     cc stream.c $(pkg-config --cflags --libs changed_blocks) -o stream
 *     xe vdi-list-changed-blocks vdi-from-uuid=… vdi-to-uuid=… | ./stream 107374182400
 *
 * The argument is the virtual size of the disk in bytes. The ranges are printed only once all of them are known to be right.
 * The exit code is that of the command cbt: 0 done, 1 try again or tell a person, 2 wrong usage, 3 take a full backup, 4 busy.
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <changed_blocks.h>

enum { BATCH = 4096 };

/* A list that grows. */
typedef struct plan {
    cbt_range *reads;
    size_t count, size;
} plan;

static void add(plan *plan, const cbt_range *ranges, size_t count) {
    if (plan->count + count > plan->size) {
        plan->size = 2 * (plan->count + count);
        plan->reads = realloc(plan->reads, plan->size * sizeof *ranges);
        if (plan->reads == NULL) {
            fprintf(stderr, "stream: no memory\n");
            exit(1);
        }
    }
    if (count > 0) {
        memcpy(plan->reads + plan->count, ranges, count * sizeof *ranges);
        plan->count += count;
    }
}

/* Adds the ranges that are there. Returns CBT_OK once they are all, and CBT_UNFINISHED as long as more may come. */
static cbt_code take(cbt_push *push, plan *plan, cbt_error *error) {
    static cbt_range batch[BATCH];
    size_t count;
    cbt_code code;
    do {
        code = cbt_push_read(push, batch, BATCH, &count, error);
        add(plan, batch, count);
    } while (count > 0);
    return code;
}

static cbt_code scan(FILE *from, const cbt_options *options, plan *plan, cbt_error *error) {
    static char piece[65536];
    cbt_push *push;
    cbt_code code = cbt_push_new(options, &push, error);
    while (code == CBT_OK) {
        size_t len = fread(piece, 1, sizeof piece, from);
        if (len == 0) {
            break;
        }
        code = cbt_push_write(push, piece, len, error);
        if (code == CBT_OK) {
            code = take(push, plan, error);
            /* There is no end before it was told. */
            code = code == CBT_UNFINISHED ? CBT_OK : code;
        }
    }
    if (code == CBT_OK && ferror(from)) {
        perror("stream: standard input");
        exit(1);
    }
    if (code == CBT_OK) {
        code = cbt_push_finish(push, error);
    }
    if (code == CBT_OK) {
        code = take(push, plan, error);
    }
    cbt_push_free(push);
    return code;
}

static int exit_code(uint32_t consequence) {
    switch (consequence) {
    case CBT_FULL_BACKUP:
        return 3;
    case CBT_BUSY:
        return 4;
    case CBT_WRONG_USAGE:
        return 2;
    default:
        return 1;
    }
}

int main(int argc, char **argv) {
    char *end = NULL;
    uint64_t virtual_size = argc == 2 ? strtoull(argv[1], &end, 10) : 0;
    /* "1T" is no number of bytes. */
    if (end == NULL || *end != '\0') {
        fprintf(stderr, "usage: stream VIRTUAL-SIZE < answer\n");
        return 2;
    }
    cbt_options options = {.size = sizeof options, .virtual_size = virtual_size};
    plan plan = {NULL, 0, 0};
    cbt_error error;
    if (scan(stdin, &options, &plan, &error) != CBT_OK) {
        fprintf(stderr, "stream: %s\n", error.message);
        if (error.hint[0] != '\0') {
            fprintf(stderr, "hint: %s\n", error.hint);
        }
        free(plan.reads);
        return exit_code(error.consequence);
    }
    for (size_t i = 0; i < plan.count; i++) {
        printf("%" PRIu64 " %" PRIu64 "\n", plan.reads[i].offset, plan.reads[i].length);
    }
    free(plan.reads);
    /* A list that was not written to its end would lack changes. */
    if (fflush(stdout) != 0 || ferror(stdout)) {
        perror("stream: standard output");
        return 1;
    }
    return 0;
}
