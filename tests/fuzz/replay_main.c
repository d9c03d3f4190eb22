/* Stands in for libFuzzer where there is none: gives the target every file named on the command
 * line, or in a folder named there, in bytewise order. */
#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>

#include "tests/fuzz/input.h"

#define FILE_BYTES_MAX ((size_t)1 << 26)

static bool replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    struct stat status;
    if (file == NULL || fstat(fileno(file), &status) != 0 || status.st_size < 0 ||
        (size_t)status.st_size > FILE_BYTES_MAX) {
        fprintf(stderr, "%s: cannot be read\n", path);
        if (file != NULL) {
            fclose(file);
        }
        return false;
    }
    size_t size = (size_t)status.st_size;
    uint8_t *bytes = malloc(size == 0 ? 1 : size);
    bool is_read = bytes != NULL && fread(bytes, 1, size, file) == size;
    fclose(file);
    if (is_read) {
        fprintf(stderr, "%s\n", path); /* the last line before a broken promise is its input */
        LLVMFuzzerTestOneInput(bytes, size);
    } else {
        fprintf(stderr, "%s: cannot be read\n", path);
    }
    free(bytes);
    return is_read;
}

static bool replay_path(const char *path, size_t *count)
{
    struct dirent **items;
    int found = scandir(path, &items, NULL, alphasort);
    if (found < 0) {
        *count += 1;
        return replay_file(path);
    }
    bool is_ok = true;
    for (int i = 0; i < found; i++) {
        char inner[4096];
        int length = snprintf(inner, sizeof inner, "%s/%s", path, items[i]->d_name);
        if (items[i]->d_name[0] != '.') {
            *count += 1;
            is_ok = (size_t)length < sizeof inner && replay_file(inner) && is_ok;
        }
        free(items[i]);
    }
    free(items);
    return is_ok;
}

int main(int argc, char **argv)
{
    size_t count = 0;
    bool is_ok = argc > 1;
    for (int i = 1; i < argc; i++) {
        is_ok = replay_path(argv[i], &count) && is_ok;
    }
    printf("%zu inputs\n", count);
    return is_ok && count > 0 ? 0 : 1;
}
