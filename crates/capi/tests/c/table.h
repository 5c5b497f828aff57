/* The table of tests that all languages read: tests/data/borders.tsv, whose format is in tests/data/README.md. */

#ifndef TABLE_H
#define TABLE_H

#include <stdio.h>

#include <changed_blocks.h>

typedef struct table_row {
    char *name;
    cbt_options options;
    uint8_t *input;
    size_t len;
    /* "ranges …", "digest …" or "error …". */
    char *outcome;
    /* A list that was found to be right: to compare others with it is faster than to put them into words. */
    cbt_range *right;
    size_t right_count;
} table_row;

/* Reads the next row that is a case; false at the end. What is wrong with the table ends the program. */
bool table_next(FILE *table, const char *folder, table_row *row);
void table_free(table_row *row);

/* Whether the ranges, or the error, are what a row says. If not, prints what they are. */
bool table_is_right(table_row *row, const char *way, const cbt_range *ranges, size_t count);
bool table_is_right_error(const table_row *row, const char *way, const cbt_error *error);

#endif
