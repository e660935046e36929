/* What the files of the database share. The first error of a call is kept in the handle, and after it nothing more is
 * asked of SQLite: so a call is written as if all went well, and asks once, at its end. */
#ifndef RP_STORE_DB_STATE_H
#define RP_STORE_DB_STATE_H

#include "store/db.h"

#include <sqlite3.h>

struct rp__db {
    sqlite3 *sql;
    char *path;
    bool is_new;
    int code; /* RP_E... of the call under way */
    rp_error error;
};

/* Begins a call: nothing is wrong yet. */
void rp__db_clear(struct rp__db *db);
/* Ends it: 0, or what was wrong. */
int rp__db_end(struct rp__db *db, rp_error *error);
/* Begins and ends a transaction; what is wrong by then undoes it. */
void rp__db_begin_writing(struct rp__db *db);
void rp__db_end_writing(struct rp__db *db);

/* What SQLite says is wrong; what the file holds makes no sense. */
void rp__db_wrong(struct rp__db *db);
void rp__db_damaged(struct rp__db *db);
void rp__db_no_memory(struct rp__db *db);

void rp__db_run(struct rp__db *db, const char *text);
/* A statement, to be given back by rp__db_finish; NULL: something is wrong. */
sqlite3_stmt *rp__db_prepare(struct rp__db *db, const char *text);
/* Is there a row? Of a statement without rows it runs it. */
bool rp__db_row(struct rp__db *db, sqlite3_stmt *statement);
/* Runs one without rows, and makes it ready to run again. */
void rp__db_step(struct rp__db *db, sqlite3_stmt *statement);
void rp__db_finish(sqlite3_stmt *statement);
void rp__db_bind(sqlite3_stmt *statement, int at, uint64_t number);
uint64_t rp__db_column(sqlite3_stmt *statement, int at);

/* Makes the tables of a new store. */
void rp__db_make(struct rp__db *db);

void rp__db_set_number(struct rp__db *db, const char *name, uint64_t number);
void rp__db_set_real(struct rp__db *db, const char *name, double number);
void rp__db_set_text(struct rp__db *db, const char *name, const char *text);
/* 0 where there is none. */
uint64_t rp__db_number(struct rp__db *db, const char *name);
double rp__db_real(struct rp__db *db, const char *name);
void rp__db_text(struct rp__db *db, const char *name, char *text, size_t size);

/* The table `done`, and what it is rewritten as. */
void rp__db_read_spans(struct rp__db *db, const char *select, struct rp__intervals *spans, uint64_t *rows);
void rp__db_add_done(struct rp__db *db, const struct rp__intervals *spans);

#endif
