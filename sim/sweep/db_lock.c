/* One writer: a lock of the system on a file beside the database.
 *
 * SQLite's own locks cannot say it: they come and go with each transaction, and to hold one for good would shut
 * out the reader's shell. A POSIX record lock dies with its process whatever kills it, is not
 * inherited by forked workers, and tells who holds it. The file is removed by its holder; one that a
 * kill left behind is locked by nobody. */
#define _XOPEN_SOURCE 700 /* realpath */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sim/sweep/db_internal.h"

/* Two names of one file are one lock: links are followed. NULL: no memory. */
static char *make_lock_path(const char *file)
{
    char *real = realpath(file, NULL);
    const char *base = real != NULL ? real : file;
    char *path = malloc(strlen(base) + sizeof "-lock");
    if (path != NULL) {
        memcpy(path, base, strlen(base));
        memcpy(path + strlen(base), "-lock", sizeof "-lock");
    }
    free(real);
    return path;
}

static struct flock whole_file(void)
{
    return (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET};
}

static int refuse(struct sweep_db *db, char note_out[SWEEP_NOTE_BYTES])
{
    struct flock lock = whole_file();
    if (fcntl(db->lock_handle, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK && lock.l_pid > 0) {
        return sweep_db_say(db, SWEEP_ERR_LOCKED, note_out,
                            "another sweep writes to it (process %ld); name another file, or wait",
                            (long)lock.l_pid);
    }
    return sweep_db_say(db, SWEEP_ERR_LOCKED, note_out,
                        "another sweep writes to it; name another file, or wait");
}

/* Is the file that we locked still the one of that name? Its former holder may have removed it. */
static bool is_current(const struct sweep_db *db)
{
    struct stat locked, named;
    return fstat(db->lock_handle, &locked) == 0 && stat(db->lock_path, &named) == 0 &&
           locked.st_dev == named.st_dev && locked.st_ino == named.st_ino;
}

int sweep_db_lock(struct sweep_db *db, char note_out[SWEEP_NOTE_BYTES])
{
    db->lock_path = make_lock_path(db->file);
    if (db->lock_path == NULL) {
        return sweep_db_say(db, SWEEP_ERR_NOMEM, note_out, "out of memory");
    }
    for (int attempt = 0; attempt < 100; attempt++) {
        db->lock_handle = open(db->lock_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
        if (db->lock_handle < 0) {
            return sweep_db_say(db, SWEEP_ERR_WRITE, note_out, "cannot be written: %s",
                                strerror(errno));
        }
        struct flock lock = whole_file();
        if (fcntl(db->lock_handle, F_SETLK, &lock) != 0) {
            bool is_held = errno == EACCES || errno == EAGAIN;
            int status = is_held ? refuse(db, note_out)
                                 : sweep_db_say(db, SWEEP_ERR_WRITE, note_out,
                                                "cannot be locked: %s", strerror(errno));
            close(db->lock_handle);
            db->lock_handle = -1;
            return status;
        }
        if (is_current(db)) {
            return SWEEP_OK;
        }
        close(db->lock_handle);
        db->lock_handle = -1;
    }
    return refuse(db, note_out);
}

void sweep_db_unlock(struct sweep_db *db)
{
    if (db->lock_handle >= 0) {
        unlink(db->lock_path);
        close(db->lock_handle);
        db->lock_handle = -1;
    }
}
