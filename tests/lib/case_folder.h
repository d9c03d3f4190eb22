/* A folder of one test's own, below the one where it runs, for the scenario files that it writes. */
#ifndef REPLISIM_TESTS_LIB_CASE_FOLDER_H
#define REPLISIM_TESTS_LIB_CASE_FOLDER_H

#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CASE_FILES_MAX 4

struct case_folder {
    char folder[24];
    char path[40]; /* of its case.lua */
    char files[CASE_FILES_MAX][40];
    size_t file_count;
};

static inline void case_folder_make(struct case_folder *cases)
{
    memset(cases, 0, sizeof *cases);
    (void)snprintf(cases->folder, sizeof cases->folder, "case-folder-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(cases->folder));
    (void)snprintf(cases->path, sizeof cases->path, "%s/case.lua", cases->folder);
}

/* With the files of case_folder_file; there must be no others. */
static inline void case_folder_remove(struct case_folder *cases)
{
    for (size_t row = 0; row < cases->file_count; row += 1) {
        (void)unlink(cases->files[row]);
    }
    ck_assert_int_eq(rmdir(cases->folder), 0);
}

/* Remembers the file of that name, to remove it at the end; gives its path. */
static inline const char *case_folder_file(struct case_folder *cases, const char *name)
{
    char path[sizeof cases->files[0]];
    size_t row = 0;
    (void)snprintf(path, sizeof path, "%.20s/%.18s", cases->folder, name);
    while (row < cases->file_count && strcmp(cases->files[row], path) != 0) {
        row += 1;
    }
    ck_assert_uint_lt(row, CASE_FILES_MAX);
    memcpy(cases->files[row], path, sizeof path);
    cases->file_count += row == cases->file_count;
    return cases->files[row];
}

__attribute__((format(printf, 3, 4))) static inline void
case_folder_write(struct case_folder *cases, const char *name, const char *format, ...)
{
    va_list words;
    FILE *file = fopen(case_folder_file(cases, name), "wb");
    ck_assert_ptr_nonnull(file);
    va_start(words, format);
    ck_assert_int_ge(vfprintf(file, format, words), 0);
    va_end(words);
    ck_assert_int_eq(fclose(file), 0);
}

#endif
