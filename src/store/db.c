/* The SQLite file: opening it, and the few ways in which it is spoken to.
 *
 * SQLite's own locks are switched off (nolock): the lock file stands for them, also on file systems where they do not
 * work. What makes a file a store is its application id, which is read before SQLite sees the file, so that a database of
 * somebody else, with locks of its own, is never touched. Nothing that the file says is executed: no trigger, no view. */
#include "store/db_state.h"

#include "core/error.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FORMAT = 2, HEADER_SIZE = 100, ID_AT = 68 };
#define APPLICATION_ID "1919643756" /* "rkpl" */

/* ---- Errors --------------------------------------------------------------------------------------------- */

void rp__db_clear(struct rp__db *db) { db->code = 0; }

int rp__db_end(struct rp__db *db, rp_error *error) {
    if (db->code && error) *error = db->error;
    return db->code;
}

void rp__db_no_memory(struct rp__db *db) {
    if (!db->code) db->code = rp__fail(&db->error, RP_ENOMEM, "%s: out of memory", db->path);
}

void rp__db_damaged(struct rp__db *db) {
    if (!db->code)
        db->code = rp__fail(&db->error, RP_EINVAL, "%s: the store is damaged; put a copy back, or begin a new store",
                            db->path);
}

void rp__db_wrong(struct rp__db *db) {
    if (db->code) return;
    const int rc = sqlite3_errcode(db->sql) & 0xff, reason = sqlite3_system_errno(db->sql);
    if (rc == SQLITE_NOMEM)
        rp__db_no_memory(db);
    else if (rc == SQLITE_CORRUPT || rc == SQLITE_NOTADB || rc == SQLITE_ERROR || rc == SQLITE_MISMATCH)
        rp__db_damaged(db); /* of fixed statements an error is that of the tables */
    else if (rc == SQLITE_FULL)
        db->code = rp__fail(&db->error, RP_ESYSTEM, "%s: %s", db->path, strerror(ENOSPC));
    else if (rc == SQLITE_IOERR && reason)
        db->code = rp__fail(&db->error, RP_ESYSTEM, "%s: %s", db->path, strerror(reason));
    else
        db->code = rp__fail(&db->error, RP_ESYSTEM, "%s: %s", db->path, sqlite3_errmsg(db->sql));
}

/* ---- Statements ----------------------------------------------------------------------------------------- */

void rp__db_run(struct rp__db *db, const char *text) {
    if (!db->code && sqlite3_exec(db->sql, text, NULL, NULL, NULL)) rp__db_wrong(db);
}

sqlite3_stmt *rp__db_prepare(struct rp__db *db, const char *text) {
    sqlite3_stmt *statement = NULL;
    if (!db->code && sqlite3_prepare_v2(db->sql, text, -1, &statement, NULL)) rp__db_wrong(db);
    return statement;
}

bool rp__db_row(struct rp__db *db, sqlite3_stmt *statement) {
    if (db->code || !statement) return false;
    const int rc = sqlite3_step(statement);
    if (rc != SQLITE_ROW && rc != SQLITE_DONE) rp__db_wrong(db);
    return rc == SQLITE_ROW;
}

void rp__db_step(struct rp__db *db, sqlite3_stmt *statement) {
    (void)rp__db_row(db, statement);
    sqlite3_reset(statement);
}

void rp__db_finish(sqlite3_stmt *statement) { sqlite3_finalize(statement); }

void rp__db_bind(sqlite3_stmt *statement, int at, uint64_t number) {
    if (statement) sqlite3_bind_int64(statement, at, (sqlite3_int64)number);
}

uint64_t rp__db_column(sqlite3_stmt *statement, int at) { return (uint64_t)sqlite3_column_int64(statement, at); }

void rp__db_begin_writing(struct rp__db *db) { rp__db_run(db, "BEGIN IMMEDIATE"); }

void rp__db_end_writing(struct rp__db *db) {
    rp__db_run(db, "COMMIT");
    if (db->code && !sqlite3_get_autocommit(db->sql)) sqlite3_exec(db->sql, "ROLLBACK", NULL, NULL, NULL);
}

/* ---- meta: a value under a name ------------------------------------------------------------------------- */

static sqlite3_stmt *set_meta(struct rp__db *db, const char *name) {
    sqlite3_stmt *set = rp__db_prepare(db, "INSERT OR REPLACE INTO meta VALUES (?, ?)");
    if (set) sqlite3_bind_text(set, 1, name, -1, SQLITE_STATIC);
    return set;
}

static void run_once(struct rp__db *db, sqlite3_stmt *statement) {
    rp__db_step(db, statement);
    rp__db_finish(statement);
}

void rp__db_set_number(struct rp__db *db, const char *name, uint64_t number) {
    sqlite3_stmt *set = set_meta(db, name);
    rp__db_bind(set, 2, number);
    run_once(db, set);
}

void rp__db_set_real(struct rp__db *db, const char *name, double number) {
    sqlite3_stmt *set = set_meta(db, name);
    if (set) sqlite3_bind_double(set, 2, number);
    run_once(db, set);
}

void rp__db_set_text(struct rp__db *db, const char *name, const char *text) {
    sqlite3_stmt *set = set_meta(db, name);
    if (set) sqlite3_bind_text(set, 2, text, -1, SQLITE_STATIC);
    run_once(db, set);
}

static sqlite3_stmt *get_meta(struct rp__db *db, const char *name) {
    sqlite3_stmt *get = rp__db_prepare(db, "SELECT value FROM meta WHERE name = ?");
    if (get) sqlite3_bind_text(get, 1, name, -1, SQLITE_STATIC);
    return get;
}

uint64_t rp__db_number(struct rp__db *db, const char *name) {
    sqlite3_stmt *get = get_meta(db, name);
    const uint64_t number = rp__db_row(db, get) ? rp__db_column(get, 0) : 0;
    rp__db_finish(get);
    return number;
}

double rp__db_real(struct rp__db *db, const char *name) {
    sqlite3_stmt *get = get_meta(db, name);
    const double number = rp__db_row(db, get) ? sqlite3_column_double(get, 0) : 0;
    rp__db_finish(get);
    return number;
}

void rp__db_text(struct rp__db *db, const char *name, char *text, size_t size) {
    sqlite3_stmt *get = get_meta(db, name);
    const char *found = rp__db_row(db, get) ? (const char *)sqlite3_column_text(get, 0) : NULL;
    snprintf(text, size, "%s", found ? found : "");
    rp__db_finish(get);
}

/* ---- Opening -------------------------------------------------------------------------------------------- */

/* 0: a store, or nothing yet (*empty). */
static int check_header(const char *path, bool *empty, rp_error *error) {
    unsigned char header[HEADER_SIZE] = {0};
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) {
        *empty = true;
        return 0;
    }
    const ssize_t size = fd < 0 ? -1 : pread(fd, header, sizeof header, 0);
    const int reason = errno;
    if (fd >= 0) close(fd);
    if (size < 0) return rp__fail(error, RP_ESYSTEM, "%s: %s", path, strerror(reason));
    *empty = size == 0;
    if (*empty || (memcmp(header, "SQLite format 3", 16) == 0 && memcmp(header + ID_AT, "rkpl", 4) == 0)) return 0;
    return rp__fail(error, RP_EINVAL, "%s: not a store of rankpool, but some other file; name another one", path);
}

/* The path as a URI: what is special there is escaped, and an absolute one has an empty authority before it. */
static char *uri_of(const char *path) {
    static const char hex[] = "0123456789ABCDEF";
    char *uri = malloc(3 * strlen(path) + 32);
    if (!uri) return NULL;
    char *to = stpcpy(uri, path[0] == '/' ? "file://" : "file:");
    for (; *path; path++) {
        if (strchr("%?#", *path)) {
            *to++ = '%';
            *to++ = hex[(unsigned char)*path >> 4];
            *to++ = hex[(unsigned char)*path & 15];
        } else {
            *to++ = *path;
        }
    }
    strcpy(to, "?nolock=1");
    return uri;
}

static void set_up(struct rp__db *db) {
    sqlite3_extended_result_codes(db->sql, 1);
    sqlite3_db_config(db->sql, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(db->sql, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_db_config(db->sql, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    sqlite3_db_config(db->sql, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
    rp__db_run(db, "PRAGMA cell_size_check = ON; PRAGMA journal_mode = DELETE; PRAGMA synchronous = FULL");
}

static void check_format(struct rp__db *db) {
    sqlite3_stmt *tables = rp__db_prepare(db, "SELECT count(*) FROM sqlite_master");
    db->is_new = rp__db_row(db, tables) && rp__db_column(tables, 0) == 0;
    rp__db_finish(tables);
    if (db->is_new) return;
    const uint64_t format = rp__db_number(db, "format");
    if (!db->code && format > FORMAT)
        db->code = rp__fail(&db->error, RP_EUNSUPPORTED, "%s: made by a newer rankpool; go on with that one", db->path);
    else if (!db->code && format > 0 && format < FORMAT)
        db->code =
            rp__fail(&db->error, RP_EUNSUPPORTED, "%s: made by an older rankpool; go on with that one", db->path);
    else if (format < 1)
        rp__db_damaged(db);
}

int rp__db_open(const char *path, bool create, struct rp__db **db, rp_error *error) {
    bool empty = false;
    int code = check_header(path, &empty, error);
    if (code) return code;
    if (empty && !create) return rp__fail(error, RP_ESYSTEM, "%s: no store is there", path);
    struct rp__db *opened = calloc(1, sizeof *opened);
    char *uri = uri_of(path);
    if (opened) opened->path = strdup(path);
    if (!opened || !uri || !opened->path) {
        code = rp__fail(error, RP_ENOMEM, "out of memory");
    } else {
        const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_URI | SQLITE_OPEN_FULLMUTEX;
        if (sqlite3_open_v2(uri, &opened->sql, flags | (create ? SQLITE_OPEN_CREATE : 0), NULL)) rp__db_wrong(opened);
        if (opened->sql) set_up(opened);
        check_format(opened);
        code = rp__db_end(opened, error);
    }
    free(uri);
    if (code) {
        rp__db_close(opened);
        return code;
    }
    *db = opened;
    return 0;
}

void rp__db_close(struct rp__db *db) {
    if (!db) return;
    sqlite3_close(db->sql);
    free(db->path);
    free(db);
}

bool rp__db_is_new(const struct rp__db *db) { return db->is_new; }

void rp__db_make(struct rp__db *db) {
    rp__db_run(db, "PRAGMA application_id = " APPLICATION_ID);
    rp__db_run(db, "CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;"
                   "CREATE TABLE word (at INTEGER PRIMARY KEY, name TEXT, value TEXT);"
                   "CREATE TABLE done (begin INTEGER, end INTEGER);"
                   "CREATE TABLE result (begin INTEGER PRIMARY KEY, end INTEGER, status INTEGER, bytes BLOB);"
                   "CREATE TABLE failure (begin INTEGER PRIMARY KEY, end INTEGER, status INTEGER, message TEXT,"
                   " cause INTEGER, exit_code INTEGER, signal INTEGER, rank INTEGER, worker INTEGER, core INTEGER,"
                   " host TEXT, attempts INTEGER, time REAL, input BLOB);"
                   "CREATE TABLE point (name TEXT PRIMARY KEY, cursor INTEGER, length INTEGER, state BLOB);"
                   "CREATE TABLE output (at INTEGER PRIMARY KEY, bytes BLOB)");
    rp__db_set_number(db, "format", FORMAT);
}
