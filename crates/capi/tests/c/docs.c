/*
 * The functions of docs/c.md, which .ci/c takes out of it, and calls of them.
 *
 *     docs VIRTUAL-SIZE ANSWER ANSWER
 *     docs FOLDER OLDER NEWER
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <changed_blocks.h>

/* A file that the compiler is given. */
#include DOCS

static char *read_file(const char *path) {
    size_t len = 0;
    char *text = malloc(8 << 20);
    FILE *file = fopen(path, "rb");
    if (text == NULL || file == NULL) {
        perror(path);
        exit(1);
    }
    len = fread(text, 1, (8 << 20) - 1, file);
    text[len] = '\0';
    fclose(file);
    return text;
}

int main(int argc, char **argv) {
    cbt_error error;
    cbt_code code;
    if (argc != 4) {
        return 2;
    }
    char *end;
    uint64_t virtual_size = strtoull(argv[1], &end, 10);
    if (*end == '\0') {
        char *monday = read_file(argv[2]), *tuesday = read_file(argv[3]);
        code = print_blocks(monday, tuesday, virtual_size, &error);
        free(tuesday);
        free(monday);
    } else {
        code = print_chain(argv[1], argv[2], argv[3], &error);
    }
    if (code != CBT_OK) {
        fprintf(stderr, "%s\n", error.message);
    }
    return code != CBT_OK || fflush(stdout) != 0;
}
