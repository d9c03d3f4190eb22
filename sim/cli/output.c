#include "sim/cli/cli.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool tell(const char *path, const char *what)
{
    cli_error("%s: %s: %s", path, what, strerror(errno));
    return false;
}

static bool copy_path(char target[CLI_PATH_MAX], const char *path)
{
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/') {
        length -= 1;
    }
    if (length == 0 || length >= CLI_PATH_MAX) {
        cli_error("\"%.60s\": no usable path", path);
        return false;
    }
    memcpy(target, path, length);
    target[length] = '\0';
    return true;
}

static mode_t current_umask(void)
{
    mode_t mask = umask(0);
    umask(mask);
    return mask;
}

/* ---- A file ---------------------------------------------------------------------------------- */

bool cli_file_open(struct cli_file *output, const char *path)
{
    struct stat about;
    output->file = NULL;
    if (!copy_path(output->path, path)) {
        return false;
    }
    if (stat(path, &about) == 0 && !S_ISREG(about.st_mode)) {
        cli_error("%s: is no regular file", path);
        return false;
    }
    snprintf(output->temporary, sizeof output->temporary, "%s.XXXXXX", output->path);
    int handle = mkstemp(output->temporary);
    if (handle < 0) {
        return tell(path, "cannot be written");
    }
    fchmod(handle, 0666 & ~current_umask());
    output->file = fdopen(handle, "w");
    if (output->file == NULL) {
        close(handle);
        unlink(output->temporary);
        return tell(path, "cannot be written");
    }
    return true;
}

bool cli_file_commit(struct cli_file *output)
{
    bool is_written = !ferror(output->file) && fflush(output->file) == 0;
    is_written = fclose(output->file) == 0 && is_written;
    output->file = NULL;
    if (!is_written || rename(output->temporary, output->path) != 0) {
        unlink(output->temporary);
        return tell(output->path, "cannot be written");
    }
    return true;
}

void cli_file_drop(struct cli_file *output)
{
    if (output->file != NULL) {
        fclose(output->file);
        output->file = NULL;
        unlink(output->temporary);
    }
}

/* ---- A folder -------------------------------------------------------------------------------- */

bool cli_folder_check(const char *path)
{
    char copy[CLI_PATH_MAX];
    struct stat about;
    if (!copy_path(copy, path)) {
        return false;
    }
    if (stat(copy, &about) != 0) {
        return errno == ENOENT ? true : tell(path, "cannot be written");
    }
    if (!S_ISDIR(about.st_mode)) {
        cli_error("%s: exists and is no folder", path);
        return false;
    }
    return access(copy, W_OK | X_OK) == 0 ? true : tell(path, "cannot be written");
}

/* Every folder above the last name. */
static bool make_parents(char *path)
{
    for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        bool is_there = mkdir(path, 0777) == 0 || errno == EEXIST;
        *slash = '/';
        if (!is_there) {
            return false;
        }
    }
    return true;
}

bool cli_folder_open(struct cli_folder *folder, const char *path)
{
    folder->temporary[0] = '\0';
    if (!copy_path(folder->path, path)) {
        return false;
    }
    if (!make_parents(folder->path)) {
        return tell(path, "cannot be made");
    }
    char temporary[sizeof folder->temporary];
    snprintf(temporary, sizeof temporary, "%s.XXXXXX", folder->path);
    if (mkdtemp(temporary) == NULL) {
        return tell(path, "cannot be made");
    }
    chmod(temporary, 0777 & ~current_umask());
    memcpy(folder->temporary, temporary, sizeof temporary);
    return true;
}

/* Calls `act` with both names of each file in the temporary folder, until one fails. */
static bool for_each_file(struct cli_folder *folder,
                          bool (*act)(const char *temporary, const char *final))
{
    DIR *listing = opendir(folder->temporary);
    bool is_good = listing != NULL;
    struct dirent *entry;
    while (is_good && (entry = readdir(listing)) != NULL) {
        char temporary[CLI_PATH_MAX + 300], final[CLI_PATH_MAX + 300];
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            snprintf(temporary, sizeof temporary, "%s/%s", folder->temporary, entry->d_name);
            snprintf(final, sizeof final, "%s/%s", folder->path, entry->d_name);
            is_good = act(temporary, final);
        }
    }
    if (listing != NULL) {
        closedir(listing);
    }
    return is_good;
}

static bool move_file(const char *temporary, const char *final)
{
    return rename(temporary, final) == 0;
}

static bool remove_file(const char *temporary, const char *final)
{
    (void) final;
    return unlink(temporary) == 0;
}

/* A new folder appears in one step; into one that exists, each file is moved in one step. */
bool cli_folder_commit(struct cli_folder *folder)
{
    if (rename(folder->temporary, folder->path) == 0) {
        folder->temporary[0] = '\0';
        return true;
    }
    if ((errno != EEXIST && errno != ENOTEMPTY) || !for_each_file(folder, move_file)) {
        tell(folder->path, "cannot be written");
        cli_folder_drop(folder);
        return false;
    }
    rmdir(folder->temporary);
    folder->temporary[0] = '\0';
    return true;
}

void cli_folder_drop(struct cli_folder *folder)
{
    if (folder->temporary[0] != '\0') {
        for_each_file(folder, remove_file);
        rmdir(folder->temporary);
        folder->temporary[0] = '\0';
    }
}
