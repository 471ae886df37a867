/* SPDX-License-Identifier: Apache-2.0
 *
 * os - the only folder that sees the operating system: clocks, randomness, threads, memory, files, directories,
 * signals, the console and the environment.
 *
 * Everything else of Assay gets these as plain calls; types hold no system type, so no system header leaks. Handles are
 * small structs in the caller's memory. Two things are kept by the process as a whole, because the system has one of
 * each: the stop flag that signals set, and errno, which assay_os_reason reads.
 *
 * Errors, unless a function says more:
 *   ASSAY_E_NOT_FOUND   a path does not exist (or a part of it is not a directory)
 *   ASSAY_E_SYMLINK     a symbolic link, or another special file, stands where a real one must
 *   ASSAY_E_SIZE        a file is larger than the caller allows
 *   ASSAY_F_MEMORY      the arena is too small, or the system refused memory
 *   ASSAY_F_STORAGE     any other failure; assay_os_reason says which
 * Interrupted calls are repeated. Paths are zero-terminated, as the system wants them; files are opened close-on-exec.
 *
 * Reading order: os.h, os_time.c, os_thread.c, os_memory.c, os_map.c, os_file.c, os_dir.c, os_process.c.
 * Spec: POSIX.1-2017; Linux.
 */
#ifndef ASSAY_OS_H
#define ASSAY_OS_H

#include "base/base.h"

#include <stdarg.h>

/* assay_os_reason - the system's sentence for this thread's latest failed call ("Permission denied"), at most cap-1
 * bytes and a zero. Call it right after the failure. */
void assay_os_reason(char *out, size_t cap);

/* ---- time and randomness ------------------------------------------------------------------------------------- */

/* assay_os_now - the wall clock, UTC. */
assay_time assay_os_now(void);
/* assay_os_monotonic_ns - nanoseconds of a clock that never steps (since boot). Deadlines of this header are on it. */
uint64_t assay_os_monotonic_ns(void);
/* assay_os_thread_cpu_ns - nanoseconds of a processor that the calling thread has used. */
uint64_t assay_os_thread_cpu_ns(void);
typedef enum assay_os_clock {
    ASSAY_OS_CLOCK_UNKNOWN, /* the system does not say */
    ASSAY_OS_CLOCK_FREE,    /* nothing sets it right */
    ASSAY_OS_CLOCK_KEPT     /* something keeps it right: NTP, a receiver */
} assay_os_clock;
/* assay_os_clock_state - whether the kernel believes that its wall clock is kept right. */
assay_os_clock assay_os_clock_state(void);
/* assay_os_sleep_ns - waits at least that long. Waiting for an event is better done with a condition and a deadline. */
void assay_os_sleep_ns(uint64_t ns);
/* assay_os_cpu_ns - processor time of the whole process, all threads, in nanoseconds. */
uint64_t assay_os_cpu_ns(void);
/* assay_os_random - fills out with len unpredictable bytes from the kernel. The kernel cannot fail to give them once it
 * has started; were it to, the process stops rather than go on with weak bytes. */
void assay_os_random(void *out, size_t len);

/* ---- threads ------------------------------------------------------------------------------------------------- */

#define ASSAY_OS_THREAD_NAME_MAX 15
#define ASSAY_OS_STACK_MIN (64u * 1024)

/* A thread, in the caller's memory; it must stay where it is until joined. */
typedef struct assay_os_thread {
    uint64_t handle;
    void (*run)(void *context);
    void *context;
    char name[ASSAY_OS_THREAD_NAME_MAX + 1];
} assay_os_thread;

/* assay_os_thread_start - runs run(context) in a new thread with a stack of stack_size bytes (0: 256 KiB; less than
 * ASSAY_OS_STACK_MIN is raised to it; one guard page below). name, cut to 15 bytes, is what debuggers and `top -H`
 * show. ASSAY_F_MEMORY if the system refuses another thread. */
ASSAY_MUST_USE assay_err assay_os_thread_start(assay_os_thread *thread, const char *name, size_t stack_size,
                                               void (*run)(void *context), void *context);
/* assay_os_thread_join - waits for its end. Once per started thread. */
void assay_os_thread_join(assay_os_thread *thread);
/* assay_os_cpus - processors this process may run on; at least 1. */
uint32_t assay_os_cpus(void);

/* A mutex and a condition, in the caller's memory; they must not be moved or copied between init and fini. Counters
 * shared without a mutex use C11 <stdatomic.h>. */
typedef struct assay_os_mutex {
    _Alignas(8) uint8_t opaque[64];
} assay_os_mutex;
typedef struct assay_os_condition {
    _Alignas(8) uint8_t opaque[64];
} assay_os_condition;

/* assay_os_mutex_init, _fini, _lock, _unlock - not recursive: locking twice in one thread stops the process. */
void assay_os_mutex_init(assay_os_mutex *mutex);
void assay_os_mutex_fini(assay_os_mutex *mutex);
void assay_os_mutex_lock(assay_os_mutex *mutex);
void assay_os_mutex_unlock(assay_os_mutex *mutex);

/* assay_os_condition_init, _fini, _signal (wakes one), _broadcast (wakes all). */
void assay_os_condition_init(assay_os_condition *condition);
void assay_os_condition_fini(assay_os_condition *condition);
void assay_os_condition_signal(assay_os_condition *condition);
void assay_os_condition_broadcast(assay_os_condition *condition);

#define ASSAY_OS_NO_DEADLINE UINT64_MAX
/* assay_os_condition_wait - gives the locked mutex up, waits for a signal, and takes it again. false if deadline_ns (on
 * assay_os_monotonic_ns; ASSAY_OS_NO_DEADLINE: none) passed first. May wake for no reason: test the condition in a
 * loop. */
bool assay_os_condition_wait(assay_os_condition *condition, assay_os_mutex *mutex, uint64_t deadline_ns);

/* ---- memory -------------------------------------------------------------------------------------------------- */

/* A span of address space whose pages the system gives when they are first touched. */
typedef struct assay_os_region {
    uint8_t *base;
    size_t size;
} assay_os_region;

/* assay_os_reserve - reserves size bytes (rounded up to pages) of zeroed memory, backed lazily: reserving 64 GiB costs
 * nothing until it is used. ASSAY_F_MEMORY if there is no such span of addresses. */
ASSAY_MUST_USE assay_err assay_os_reserve(assay_os_region *out, size_t size);
/* assay_os_region_arena - an arena over the whole region. */
assay_arena assay_os_region_arena(const assay_os_region *region);
/* assay_os_release_pages - gives the memory behind all whole pages from `from` (a place in the region, such as an
 * arena's `at`) to its end back to the system; they read as zero when used again. */
void assay_os_release_pages(const assay_os_region *region, const void *from);
/* assay_os_unreserve - ends the region; safe on a zeroed one. */
void assay_os_unreserve(assay_os_region *region);

/* assay_os_resident - bytes of real memory that this process holds now; 0 if the system does not say. */
uint64_t assay_os_resident(void);

/* ---- files --------------------------------------------------------------------------------------------------- */

/* An open file or directory. A zeroed struct is closed. */
typedef struct assay_os_file {
    int fd_plus_one;
} assay_os_file;

typedef enum assay_os_type {
    ASSAY_OS_FILE = 1,
    ASSAY_OS_DIR = 2,
    ASSAY_OS_SYMLINK = 3,
    ASSAY_OS_OTHER = 4 /* device, socket, pipe */
} assay_os_type;

/* What the system says about a path or an open file. */
typedef struct assay_os_info {
    assay_os_type type;
    uint32_t mode; /* permission bits, e.g. 0600 */
    uint64_t size;
    uint64_t device;
    uint64_t inode;
    int64_t mtime_ns; /* since 1970 */
    int64_t ctime_ns;
} assay_os_info;

typedef enum assay_os_open_mode {
    ASSAY_OS_READ,       /* must exist */
    ASSAY_OS_READ_WRITE, /* must exist */
    ASSAY_OS_CREATE,     /* read and write; created if it is not there, kept if it is */
    ASSAY_OS_CREATE_NEW, /* read and write; ASSAY_E_EXISTS if it is there */
    ASSAY_OS_APPEND      /* created if it is not there; every write goes to the end */
} assay_os_open_mode;

/* assay_os_file_open - opens path. permissions (e.g. 0644) are given to a file that is created. Follows links. A
 * directory cannot be opened with it (ASSAY_F_STORAGE). Opening a pipe or device for reading is refused
 * (ASSAY_E_SYMLINK). */
ASSAY_MUST_USE assay_err assay_os_file_open(assay_os_file *out, const char *path, assay_os_open_mode mode,
                                            uint32_t permissions);
/* assay_os_file_close - safe on a closed one. */
void assay_os_file_close(assay_os_file *file);
/* assay_os_file_info - size, type, inode and times of an open file. */
ASSAY_MUST_USE assay_err assay_os_file_info(assay_os_info *out, const assay_os_file *file);
/* assay_os_file_read - reads up to cap bytes at offset; *len tells how many, less than cap only at the file's end. */
ASSAY_MUST_USE assay_err assay_os_file_read(size_t *len, const assay_os_file *file, void *out, size_t cap,
                                            uint64_t offset);
/* assay_os_file_write - writes all bytes at offset (a file opened with ASSAY_OS_APPEND: at its end). */
ASSAY_MUST_USE assay_err assay_os_file_write(const assay_os_file *file, assay_bytes bytes, uint64_t offset);
/* assay_os_file_append - writes all bytes at the end and, if sync, returns only when they are on disk. */
ASSAY_MUST_USE assay_err assay_os_file_append(const assay_os_file *file, assay_bytes bytes, bool sync);
/* assay_os_file_sync - returns when all that was written is on disk. */
ASSAY_MUST_USE assay_err assay_os_file_sync(const assay_os_file *file);
/* assay_os_file_write_behind - asks the system to begin writing these bytes, so that a later sync finds little to do. A
 * hint only. */
void assay_os_file_write_behind(const assay_os_file *file, uint64_t offset, uint64_t length);
/* assay_os_sync_volume - returns when all that was written to the file system of an open file or directory is on disk,
 * by whomever: for very many files at once. */
ASSAY_MUST_USE assay_err assay_os_sync_volume(const assay_os_file *file);
/* assay_os_file_truncate - sets the size; new bytes are zero. */
ASSAY_MUST_USE assay_err assay_os_file_truncate(const assay_os_file *file, uint64_t size);
/* assay_os_file_read_ahead - tells the system that length bytes from offset will be read in order soon. A hint only. */
void assay_os_file_read_ahead(const assay_os_file *file, uint64_t offset, uint64_t length);

/* A file's bytes as read-only memory. */
typedef struct assay_os_map {
    assay_bytes bytes;
    uint32_t slot_plus_one;
} assay_os_map;
#define ASSAY_OS_MAPS_MAX 1024
/* assay_os_map_open - maps the whole file as it is now; an empty file maps to empty bytes. The file may be closed
 * afterwards. Safe against a file that shrinks or a disk that fails while it is read: what is gone reads as zeros, and
 * assay_os_map_torn tells. (For that every opening makes the process's SIGBUS handler ours; a SIGBUS elsewhere still
 * kills.) ASSAY_F_MEMORY if ASSAY_OS_MAPS_MAX are open, or addresses are short. */
ASSAY_MUST_USE assay_err assay_os_map_open(assay_os_map *out, const assay_os_file *file);
/* assay_os_map_open_growing - the same of a file that will have size bytes, all of which are mapped now: what is not in
 * it yet must not be touched. */
ASSAY_MUST_USE assay_err assay_os_map_open_growing(assay_os_map *out, const assay_os_file *file, uint64_t size);
/* assay_os_map_torn - true if some bytes were not there when they were touched: nothing computed from the map counts.
 */
bool assay_os_map_torn(const assay_os_map *map);
/* assay_os_map_read_ahead - asks the system to have these bytes in memory soon. A hint. */
void assay_os_map_read_ahead(const assay_os_map *map, uint64_t offset, uint64_t length);
/* assay_os_map_close - safe on a zeroed one. */
void assay_os_map_close(assay_os_map *map);

/* assay_os_read_whole - the content of the regular file path, at most size_max bytes, into keep; followed by a zero
 * byte that is not counted. ASSAY_E_SIZE if it is longer. */
ASSAY_MUST_USE assay_err assay_os_read_whole(assay_bytes *out, assay_arena *keep, const char *path, size_t size_max);
/* assay_os_replace - makes path hold exactly bytes, at once: whoever opens it sees the old content or the new one, and
 * after a crash one of both is there. Writes a new file beside it, syncs, renames, syncs the directory. permissions
 * e.g. 0600 for keys. */
ASSAY_MUST_USE assay_err assay_os_replace(const char *path, assay_bytes bytes, uint32_t permissions);
/* assay_os_rename - moves within a file system, replacing what is there; then syncs the target's directory. */
ASSAY_MUST_USE assay_err assay_os_rename(const char *from, const char *to);
/* assay_os_remove - removes a file or link (not what it points to) or an empty directory. ASSAY_E_NOT_FOUND if there is
 * none. */
ASSAY_MUST_USE assay_err assay_os_remove(const char *path);
/* assay_os_info_get - what stands at path; follow says whether a final symbolic link is followed. */
ASSAY_MUST_USE assay_err assay_os_info_get(assay_os_info *out, const char *path, bool follow);
/* assay_os_exists - true if something stands at path (a dangling link counts as nothing). */
bool assay_os_exists(const char *path);
/* assay_os_lock - takes the exclusive lock of the file path, which is created if need be; held until *out is closed or
 * the process ends, however it ends. ASSAY_F_BUSY if another process, or another open file of this one, holds it. */
ASSAY_MUST_USE assay_err assay_os_lock(assay_os_file *out, const char *path);

typedef struct assay_os_space {
    uint64_t free;  /* bytes that this user may still write */
    uint64_t total; /* bytes of the whole file system */
} assay_os_space;
/* assay_os_space_get - of the file system that path lies on. */
ASSAY_MUST_USE assay_err assay_os_space_get(assay_os_space *out, const char *path);

/* ---- directories --------------------------------------------------------------------------------------------- */

/* assay_os_dir_open - opens a directory that a person named: links on the way are followed. ASSAY_E_NOT_FOUND if path
 * is missing or no directory. Close it with assay_os_file_close. */
ASSAY_MUST_USE assay_err assay_os_dir_open(assay_os_file *out, const char *path);
/* assay_os_dir_open_beneath, assay_os_file_open_beneath - opens a directory, or a regular file for reading, by a
 * relative path ('/' between parts) under dir. No part may be a symbolic link, "." or ".." (ASSAY_E_SYMLINK), so what
 * is opened lies in the tree under dir, whatever is renamed meanwhile. Special files are refused, never opened for
 * reading: ASSAY_E_SYMLINK. */
ASSAY_MUST_USE assay_err assay_os_dir_open_beneath(assay_os_file *out, const assay_os_file *dir, const char *path);
ASSAY_MUST_USE assay_err assay_os_file_open_beneath(assay_os_file *out, const assay_os_file *dir, const char *path);

typedef struct assay_os_entry {
    assay_bytes name; /* zero-terminated after its len bytes */
    assay_os_type type;
    uint64_t size; /* of a file */
} assay_os_entry;
/* assay_os_dir_list - what stands in dir ("." and ".." left out), in the bytewise order of names, in keep. Nothing is
 * followed. ASSAY_E_LIMIT if there are more than entries_max. Uses dir's read position: one listing of a handle at a
 * time. */
ASSAY_MUST_USE assay_err assay_os_dir_list(assay_os_entry **entries, uint32_t *count, assay_arena *keep,
                                           const assay_os_file *dir, uint32_t entries_max);

/* assay_os_dirs_create - makes path and all missing directories above it. Nothing to do is success. */
ASSAY_MUST_USE assay_err assay_os_dirs_create(const char *path, uint32_t permissions);
#define ASSAY_OS_TREE_DEPTH_MAX 64
/* assay_os_remove_tree - removes path and all below it; links are removed, never followed. Nothing there is success.
 * ASSAY_E_LIMIT if directories nest deeper than ASSAY_OS_TREE_DEPTH_MAX; what was removed by then stays removed. */
ASSAY_MUST_USE assay_err assay_os_remove_tree(const char *path);
/* assay_os_temp_dir - makes a new, empty directory that only this user can read and gives its path in keep; the name
 * begins with prefix. in_memory prefers /dev/shm (where the machine has it), else TMPDIR, else /tmp. The caller removes
 * it. */
ASSAY_MUST_USE assay_err assay_os_temp_dir(const char **out, assay_arena *keep, const char *prefix, bool in_memory);
/* assay_os_path_join - dir, '/', name as a zero-terminated path in keep; dir may be "" (then it is name alone).
 * ASSAY_F_MEMORY, ASSAY_E_NAME if name holds a zero byte. */
ASSAY_MUST_USE assay_err assay_os_path_join(const char **out, assay_arena *keep, const char *dir, assay_bytes name);

/* ---- the process and its surroundings ------------------------------------------------------------------------ */

/* assay_os_env - an environment variable's value, or NULL if it is unset. Valid until the environment changes: never,
 * in Assay. */
const char *assay_os_env(const char *name);

typedef enum assay_os_home {
    ASSAY_OS_HOME,   /* $HOME */
    ASSAY_OS_CONFIG, /* $XDG_CONFIG_HOME, else ~/.config */
    ASSAY_OS_STATE,  /* $XDG_STATE_HOME, else ~/.local/state */
    ASSAY_OS_CACHE,  /* $XDG_CACHE_HOME, else ~/.cache */
    ASSAY_OS_DATA    /* $XDG_DATA_HOME, else ~/.local/share */
} assay_os_home;
/* assay_os_home_dir - one of the user's base directories (XDG Base Directory 0.8: relative values are ignored), in
 * keep. It may not exist yet. ASSAY_E_NOT_FOUND if HOME is unset. */
ASSAY_MUST_USE assay_err assay_os_home_dir(const char **out, assay_arena *keep, assay_os_home which);

/* assay_os_program_dir - the directory that this program lies in, links followed, in keep: those that it starts lie
 * beside it. ASSAY_F_STORAGE, ASSAY_F_MEMORY. */
ASSAY_MUST_USE assay_err assay_os_program_dir(const char **out, assay_arena *keep);

/* assay_os_work_dir - the directory that relative paths begin at, links followed, in keep. ASSAY_F_STORAGE if it is
 * gone, ASSAY_F_MEMORY. */
ASSAY_MUST_USE assay_err assay_os_work_dir(const char **out, assay_arena *keep);

/* assay_os_process_id - this process's number. */
uint32_t assay_os_process_id(void);

/* assay_os_keep_secret - what this process holds in memory shall not get out of it: no core file, and no other process
 * of the same user may look inside. Best effort: systems may forbid it. */
void assay_os_keep_secret(void);

/* assay_os_open_files_raise - lets this process open as many files at once as the system permits it (its hard limit),
 * and returns how many that are. Shells begin at 1,024, too few for a hundred validators with their stores. */
uint64_t assay_os_open_files_raise(void);

/* ---- sockets: streams between processes. HTTP has libraries of its own (src/http) ------------------------------ */

/* An address is "unix://PATH", where PATH has at most 107 bytes, or "tcp://HOST:PORT", where HOST is a number
 * ("127.0.0.1", "[::1]"): names are not looked up. */
typedef struct assay_os_socket {
    int fd_plus_one; /* 0: none */
} assay_os_socket;
/* assay_os_socket_dial - connects to who listens at address. ASSAY_E_RANGE: no such address; ASSAY_F_NETWORK: nobody
 * listens there (assay_os_reason says more); ASSAY_F_BUSY: somebody does, and many wait for him, or this process has no
 * descriptor left; ASSAY_F_TIMEOUT, ASSAY_F_INTERRUPTED as receive. */
ASSAY_MUST_USE assay_err assay_os_socket_dial(assay_os_socket *out, const char *address, uint64_t deadline_ns);
/* assay_os_socket_listen - listens at address. A unix socket that is there already is replaced, unless somebody listens
 * at it; only this user may connect to it. TCP port 0 takes any free one, which *port tells (may be NULL). Errors as
 * dial; ASSAY_F_BUSY: somebody listens there already. */
ASSAY_MUST_USE assay_err assay_os_socket_listen(assay_os_socket *out, const char *address, uint16_t *port);
/* assay_os_socket_accept - the next who connects. Errors as receive. */
ASSAY_MUST_USE assay_err assay_os_socket_accept(assay_os_socket *out, assay_os_socket *listener, uint64_t deadline_ns);
/* assay_os_socket_receive - what has come, at least one byte and at most cap; *len 0: the other side has closed. Waits
 * until the deadline (monotonic nanoseconds). ASSAY_F_TIMEOUT; ASSAY_F_INTERRUPTED if a stop is requested first;
 * ASSAY_F_NETWORK. Of ASSAY_OS_NO_DEADLINE a stop is no end either: whoever serves others until they go waits like
 * that, and assay_os_socket_shut ends it. */
ASSAY_MUST_USE assay_err assay_os_socket_receive(size_t *len, assay_os_socket *socket, uint8_t *out, size_t cap,
                                                 uint64_t deadline_ns);
/* assay_os_socket_send - all of bytes. Errors as receive, after any part of them was sent. */
ASSAY_MUST_USE assay_err assay_os_socket_send(assay_os_socket *socket, assay_bytes bytes, uint64_t deadline_ns);
/* assay_os_socket_shut - ends both directions: who waits in receive, send or accept, in whatever thread, returns with
 * an end or ASSAY_F_NETWORK. The socket stays to be closed. */
void assay_os_socket_shut(const assay_os_socket *socket);
/* assay_os_socket_close - of none does nothing. */
void assay_os_socket_close(assay_os_socket *socket);

/* ---- child processes ------------------------------------------------------------------------------------------- */

typedef struct assay_os_child {
    int id;              /* 0: none */
    int output_plus_one; /* what it writes to standard output and error */
} assay_os_child;
typedef enum assay_os_signal { ASSAY_OS_TERMINATE = 15, ASSAY_OS_KILL = 9 } assay_os_signal;
/* assay_os_child_start - runs the program at path.
 *
 *   arguments   its words, the program's name first, ended by NULL
 *   directory   where it works; NULL: where we do
 *
 * It reads nothing, inherits no file but its output, and gets SIGTERM when the thread that started it ends, however it
 * ends. ASSAY_F_NO_PATH: there is no such program, or it may not be run; ASSAY_F_STORAGE: the system refuses. */
ASSAY_MUST_USE assay_err assay_os_child_start(assay_os_child *out, const char *path, const char *const arguments[],
                                              const char *directory);
/* assay_os_child_read - what it has written, at least one byte and at most cap; *len 0: it has closed its output (it
 * ended, mostly). ASSAY_F_TIMEOUT; ASSAY_F_INTERRUPTED if a stop is requested and deadline_ns lies in the future. */
ASSAY_MUST_USE assay_err assay_os_child_read(size_t *len, assay_os_child *child, uint8_t *out, size_t cap,
                                             uint64_t deadline_ns);
/* assay_os_child_signal - nothing if it has ended. */
void assay_os_child_signal(const assay_os_child *child, assay_os_signal signal);
/* assay_os_child_wait - true once it has ended; *code is what it returned, or 128 and the signal that ended it. Then
 * the child is closed. False at the deadline. */
bool assay_os_child_wait(assay_os_child *child, int *code, uint64_t deadline_ns);

/* assay_os_library - functions of a shared library that the program is not linked with, for what few runs need and all
 * would pay for.
 *
 *   name        a soname ("libcurl.so.4"), found as the dynamic linker finds it
 *   names       what it must have, count of them
 *   functions   gets their addresses in that order; cast to the types that the library's header says
 *   why         gets the linker's words on failure, at most why_cap - 1 bytes and a zero
 *
 * The library stays in the process for good: few stand being unloaded. Asked for again it costs lookups by name. Any
 * thread. ASSAY_F_NO_PATH if it or one of them is not there, or was made for another machine. */
ASSAY_MUST_USE assay_err assay_os_library(void *functions[], const char *name, const char *const names[], size_t count,
                                          char *why, size_t why_cap);

typedef enum assay_os_stream { ASSAY_OS_STDOUT = 1, ASSAY_OS_STDERR = 2 } assay_os_stream;
/* assay_os_print - writes bytes as they are, at once. ASSAY_F_STORAGE if the reader is gone or the disk is full: a
 * producer of data looks at it, a writer of messages need not. */
assay_err assay_os_print(assay_os_stream stream, assay_bytes bytes);
/* assay_os_printf - the same, formatted, in one write. */
__attribute__((format(printf, 2, 3))) assay_err assay_os_printf(assay_os_stream stream, const char *format, ...);
/* assay_os_format - formats into out, at most cap-1 bytes and a zero; the length that fits. */
__attribute__((format(printf, 3, 4))) size_t assay_os_format(char *out, size_t cap, const char *format, ...);
/* assay_os_format_list - the same for a caller that was itself given `...`. */
__attribute__((format(printf, 3, 0))) size_t assay_os_format_list(char *out, size_t cap, const char *format,
                                                                  va_list args);
/* assay_os_read_stdin - all of standard input, at most size_max bytes (ASSAY_E_SIZE beyond), into keep. */
ASSAY_MUST_USE assay_err assay_os_read_stdin(assay_bytes *out, assay_arena *keep, size_t size_max);
/* assay_os_is_tty - true if a person's terminal is there. */
bool assay_os_is_tty(assay_os_stream stream);
/* assay_os_tty_width - columns of the terminal; 0 if it is none or does not say. */
uint32_t assay_os_tty_width(assay_os_stream stream);

/* assay_os_stop_init - from now on SIGINT and SIGTERM ask the process to stop instead of killing it, and SIGPIPE is
 * ignored (writes tell instead). A SIGINT two seconds after the first ends the process at once (130),
 * for a person whose patience ended. Call once, in main, before
 * threads start. ASSAY_F_STORAGE if the system refuses. */
ASSAY_MUST_USE assay_err assay_os_stop_init(void);
/* assay_os_stop_request - the same request from inside the process. Any thread. */
void assay_os_stop_request(void);
/* assay_os_stop_requested - true from the first request on. Cheap; any thread. */
bool assay_os_stop_requested(void);
/* assay_os_stop_wait - returns when a stop is requested (true) or deadline_ns (monotonic) has passed (false). Several
 * may wait. */
bool assay_os_stop_wait(uint64_t deadline_ns);

#endif
