/* Files whose bytes must survive: created privately, written whole, made durable, replaced
 * atomically.
 *
 * Durable means that fsync of the file, and of its folder after a create or rename, has returned 0.
 * An fsync that failed is never tried again: the kernel may have dropped the pages it could not
 * write. */
#ifndef TRANCHE_BASE_FILE_H
#define TRANCHE_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/slice.h"

/* Open for reading, O_CLOEXEC. Returns the descriptor, or ERR_NOINPUT (missing, not readable
 * for us, or a folder), ERR_IO. */
int file_open_read(const char *path, struct error *e);

/* Create for reading and writing, mode 0600, O_NOFOLLOW|O_CLOEXEC. fresh: it must not exist
 * (O_EXCL); else what it holds stays. Returns the descriptor or ERR_CANTCREATE. On return
 * nothing is durable. */
int file_create(const char *path, bool fresh, struct error *e);

/* Write all of it, at the descriptor's position or at `offset`, over short writes and EINTR. ENOSPC
 * and EDQUOT say "the disk is full". Not durable. 0 or ERR_IO. */
int file_write(int fd, const void *data, size_t len, struct error *e);
int file_write_at(int fd, const void *data, size_t len, uint64_t offset, struct error *e);
/* Read exactly len bytes at offset; a shorter file is ERR_IO. */
int file_read_at(int fd, void *data, size_t len, uint64_t offset, struct error *e);

/* fdatasync; on return 0 the bytes are durable. Never call it again after an error. */
int file_sync(int fd, struct error *e);
/* fsync of the folder that holds path: makes a create, rename or unlink of it durable. */
int file_sync_folder(const char *path, struct error *e);

/* Replace path by these bytes: a temporary file beside it, then rename. A reader sees the old or
 * the new, never a mixture. durable: also fsync file and folder. */
int file_replace(const char *path, struct slice bytes, bool durable, struct error *e);

/* Read a file of at most `max` bytes whole. *data is malloc'ed and the caller's; a NUL follows it.
 * Errors as file_open_read has them, and ERR_DATA for a larger one. */
int file_read_all(const char *path, size_t max, char **data, size_t *len, struct error *e);

/* Make the folder, mode 0700; an existing one is fine if it is a folder of ours that nobody else
 * can write (checked). 0, ERR_CANTCREATE, or ERR_CONFIG for one that others can write. */
int file_make_private_folder(const char *path, struct error *e);

/* Bytes that an unprivileged process may still write to the file system of path (of its folder,
 * where path does not exist yet); UINT64_MAX when it cannot be told. */
uint64_t file_space(const char *path);

/* An exclusive lock on path (created 0600), held until file_unlock or the process ends, with the
 * holder's pid written into it. Returns the descriptor; ERR_STOPPED with "... is in use by process
 * N" when another process holds it; ERR_CANTCREATE. Locks belong to the open file (flock), so the
 * same process opening it twice is refused too. */
int file_lock(const char *path, struct error *e);
void file_unlock(int fd);

/* "dir/name" with exactly one slash, into a malloc'ed text that the caller frees; aborts without
 * memory. */
char *file_join(const char *dir, const char *name);

#endif
