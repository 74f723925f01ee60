/* The SQLite store: connections, statements, errors and the schema. Writing is in sqlite_write.c, reading in sqlite_read.c.
 *
 *  T1  One commit is one transaction with one sync (WAL, synchronous FULL). Its number is the stored one plus one and is written in
 *      the same transaction, so numbers have no gaps, whatever fails.
 *  T2  What the writer remembers (last number, runs met, hashes of values) is a copy of the file. After any failure it is dropped and
 *      read again, so it never differs from what is stored.
 *  T3  Readers never write and never wait for the writer: a read sees the last commit before it began. A visitor holds its snapshot,
 *      and with it the log file, until it returns: it must not wait for a slow client.
 *  T4  What belongs to a run lies together (keys begin with the run's row id), so a batch that touches neighbours writes few pages. */
#include "store/sqlite.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
        BUSY_TIMEOUT_MS = 5000,
        CHECKPOINT_PAGES = 4000,           /* hot pages are copied into the file once for many commits */
        LOG_BYTES_KEPT = 32 * 1024 * 1024, /* a log that a long read made grow is cut to this */
        LOG_BYTES_LEFT = 2 * 1024 * 1024,  /* a log up to this stays as it is when Weft ends: copying it costs syncs, reading it again does not */
        LOG_BYTES_AHEAD = 256 * 1024,      /* see log_fill */
        CACHE_KIB = 16 * 1024,
};

static bool denied(int code) { return code == EACCES || code == EPERM || code == EROFS; }

static int last_errno(sqlite3_file *f)
{
        int os = 0;
        if (f && f->pMethods)
                f->pMethods->xFileControl(f, SQLITE_FCNTL_LAST_ERRNO, &os);
        return os;
}

/* What the system said. SQLite's own memory of it is often overwritten while it cleans up; that of the two files is not. */
static int system_error(sqlite3 *db)
{
        sqlite3_file *file = NULL, *log = NULL;
        int os = sqlite3_system_errno(db);
        if (os == 0 && db && sqlite3_file_control(db, "main", SQLITE_FCNTL_FILE_POINTER, &file) == SQLITE_OK)
                os = last_errno(file);
        if (os == 0 && db && sqlite3_file_control(db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log) == SQLITE_OK)
                os = last_errno(log);
        return os;
}

static enum error_kind kind_of(sqlite3 *db, int code)
{
        int os = system_error(db);
        switch (code & 0xff) {
        case SQLITE_FULL: return ERROR_FULL;
        case SQLITE_READONLY:
        case SQLITE_PERM:
        case SQLITE_AUTH: return ERROR_DENIED;
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB:
        case SQLITE_FORMAT: return ERROR_CORRUPT;
        case SQLITE_BUSY:
        case SQLITE_LOCKED: return ERROR_BUSY;
        case SQLITE_CANTOPEN:
        case SQLITE_IOERR:
                if (os == ENOSPC || os == EDQUOT || os == EFBIG)
                        return ERROR_FULL;
                if (denied(os))
                        return ERROR_DENIED;
                return os == ENOENT && (code & 0xff) == SQLITE_CANTOPEN ? ERROR_NOT_FOUND : ERROR_IO;
        default: return ERROR_INTERNAL;
        }
}

bool connection_error(struct connection *c, int code, const char *doing, struct error *e)
{
        const char *path = c->path, *text = c->db ? sqlite3_errmsg(c->db) : sqlite3_errstr(code);
        enum error_kind kind = kind_of(c->db, code);
        if (kind == ERROR_NOT_FOUND && access(path, F_OK) == 0) /* what is missing is the log's index, which cannot be made here */
                kind = ERROR_DENIED;
        if (kind == ERROR_FULL)
                return error_set(e, kind,
                                 "%s: no space left for %s; what was stored is unharmed: free some space on that disk, then continue with "
                                 "`weft resume`",
                                 doing, path);
        if (kind == ERROR_DENIED)
                return error_set(
                        e, kind,
                        "%s: %s or its folder cannot be written: give this user the permission, or choose another folder with --data",
                        doing, path);
        if (kind == ERROR_CORRUPT)
                return error_set(e, kind,
                                 "%s: %s is damaged (%s): restore a copy of the folder, or move the file away to begin anew; "
                                 "`sqlite3 FILE .recover` prints what can still be read",
                                 doing, path, text);
        if (kind == ERROR_BUSY)
                return error_set(e, kind, "%s: another process holds %s: try again", doing, path);
        if (kind == ERROR_NOT_FOUND)
                return error_set(e, kind, "%s: %s does not exist: nothing was stored there yet; check --data", doing, path);
        return error_set(e, kind, "%s: %s: %s (code %d, system error %d)", doing, path, text, code, c->db ? system_error(c->db) : 0);
}

bool connection_run(struct connection *c, sqlite3_stmt *s, const char *doing, struct error *e)
{
        int code = sqlite3_step(s);
        bool good = code == SQLITE_DONE || code == SQLITE_ROW || connection_error(c, code, doing, e);
        sqlite3_reset(s);
        return good;
}

/* --- statements --- */

#define OF_RUN " WHERE id BETWEEN ?1 AND ?2"
static const char *const texts[STATEMENTS] = {
        [S_BEGIN] = "BEGIN IMMEDIATE",
        [S_COMMIT] = "COMMIT",
        [S_ROLLBACK] = "ROLLBACK",
        [S_STATE_GET] = "SELECT seq, tombstones_gone FROM state",
        [S_STATE_SET] = "UPDATE state SET seq = ?1",
        [S_RUN_ID] = "SELECT id FROM run WHERE uid = ?1",
        [S_RUN_NEXT] = "SELECT coalesce(max(id), 0) + 1 FROM run",
        [S_METRIC_PUT] = "INSERT INTO metric (run, name, node, value) VALUES (?1, ?2, ?3, ?4) "
                         "ON CONFLICT (run, name) DO UPDATE SET node = excluded.node, value = excluded.value",
        [S_RECORD_PUT] = "INSERT INTO record (kind, id, ns, parent, name, display_name, description, owner, tags, state, created_at, updated_at, "
                         "revision, seq, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15) "
                         "ON CONFLICT (kind, id) DO UPDATE SET ns = excluded.ns, parent = excluded.parent, name = excluded.name, "
                         "display_name = excluded.display_name, description = excluded.description, owner = excluded.owner, tags = excluded.tags, "
                         "state = excluded.state, created_at = excluded.created_at, updated_at = excluded.updated_at, revision = excluded.revision, "
                         "seq = excluded.seq, body = excluded.body",
        [S_RECORD_DROP] = "DELETE FROM record WHERE kind = ?1 AND id = ?2",
        [S_CACHE_DROP] = "DELETE FROM cache WHERE key = ?1",
        [S_HISTORY_CUT] = "DELETE FROM node WHERE id = ?1",
        [S_VALUE_LIST] = "SELECT id, counted, size, hash FROM value" OF_RUN,
        [S_VALUE_PUT] = "INSERT INTO value (id, counted, size, hash, bytes) VALUES (?1, ?2, ?3, ?4, ?5)",
        [S_VALUE_GET] = "SELECT hash, bytes FROM value WHERE id = ?1",
        [S_EVENT_PUT] = "INSERT INTO event (id, node, at, kind, text) VALUES "
                        "((SELECT coalesce(max(id), ?1) + 1 FROM event" OF_RUN "), ?3, ?4, ?5, ?6)",
        [S_CACHE_PUT] = "INSERT INTO cache (key, run, node, at, outputs) VALUES (?1, ?2, ?3, ?4, ?5) "
                        "ON CONFLICT (key) DO UPDATE SET run = excluded.run, node = excluded.node, at = excluded.at, outputs = excluded.outputs",
        [S_CACHE_GET] = "SELECT run, node, at, outputs FROM cache WHERE key = ?1",
        [S_RUN_DROP_CACHE] = "DELETE FROM cache WHERE run = ?3 AND key IN (SELECT cache_key FROM node" OF_RUN " AND cache_key IS NOT NULL "
                             "UNION SELECT cache_key FROM history" OF_RUN " AND cache_key IS NOT NULL)",
        [S_RUN_DROP_NODES] = "DELETE FROM node" OF_RUN,
        [S_RUN_DROP_HISTORY] = "DELETE FROM history" OF_RUN,
        [S_RUN_DROP_EVENTS] = "DELETE FROM event" OF_RUN,
        [S_RUN_DROP_VALUES] = "DELETE FROM value" OF_RUN,
        [S_RUN_DROP_METRICS] = "DELETE FROM metric WHERE run = ?1",
        [S_RUN_DROP] = "DELETE FROM run WHERE id = ?1",
        [S_TOMBSTONE_PUT] = "INSERT OR REPLACE INTO tombstone (kind, id, seq, at) VALUES (?1, ?2, ?3, ?4)",
        [S_TOMBSTONE_OLDEST] = "SELECT min(at) FROM tombstone",
        [S_TOMBSTONE_LAST] = "SELECT max(seq) FROM tombstone WHERE at < ?1",
        [S_TOMBSTONE_PRUNE] = "DELETE FROM tombstone WHERE seq <= ?1",
        [S_TOMBSTONE_GONE] = "UPDATE state SET tombstones_gone = max(tombstones_gone, ?1)",
        [S_TOMBSTONES] = "SELECT id, seq FROM tombstone WHERE seq > ?1 AND kind = 0 ORDER BY seq, id",
        [S_EVENTS] = "SELECT node, at, kind, text FROM event" OF_RUN " ORDER BY id",
        [S_RECORD] = "SELECT " RECORD_COLUMNS " FROM record WHERE kind = ?1 AND id = ?2",
        [S_RECORD_NAMED] = "SELECT " RECORD_COLUMNS " FROM record WHERE kind = ?1 AND ns = ?2 AND parent = ?3 AND name = ?4 AND name <> ''",
        [S_METRICS] = "SELECT name, node, value FROM metric WHERE run = ?1 ORDER BY name",
        [S_CACHE] = "SELECT key, run, node, at, outputs FROM cache WHERE ?1 IS NULL OR key > ?1 ORDER BY key LIMIT ?2",
        [S_CACHE_USERS] = "SELECT DISTINCT run.uid FROM node JOIN run ON run.id = node.id >> 32 WHERE node.cached_from >= ?1 AND node.cached_from < ?2",
        [S_CHANGES] = "SELECT 0 AS kind, uid AS id, seq, 0 AS gone FROM run WHERE seq > ?1 UNION ALL SELECT kind, id, seq, 0 FROM record WHERE seq > ?1 "
                      "UNION ALL SELECT kind, id, seq, 1 FROM tombstone t WHERE seq > ?1 AND CASE WHEN kind = 0 THEN "
                      "NOT EXISTS (SELECT 1 FROM run r WHERE r.uid = t.id) ELSE NOT EXISTS (SELECT 1 FROM record r WHERE r.kind = t.kind AND r.id = t.id) END "
                      "ORDER BY 3",
        [S_COUNT_RUNS] = "SELECT state, sum(n) FROM run_count GROUP BY state",
        [S_COUNT_RECORDS] = "SELECT kind, n FROM counter",
        [S_NAME] = "SELECT 1 FROM run WHERE ns = ?1 AND name = ?2",
};

/* Those whose columns come from the tables of fields. */
static struct str text_from_fields(enum statement which, struct arena *a)
{
        if (which == S_RUN_INSERT)
                return rows_run_insert_sql(a);
        if (which == S_RUN_UPDATE)
                return rows_run_update_sql(a, RUN_COLUMNS_CHANGING);
        if (which == S_RUN_UPDATE_SAME_STATE)
                return rows_run_update_sql(a, RUN_COLUMNS_SAME_STATE);
        if (which == S_RUN_META)
                return rows_run_update_sql(a, RUN_COLUMNS_META);
        if (which == S_NODE_PUT)
                return rows_node_put_sql(a);
        if (which == S_HISTORY_COPY)
                return rows_history_copy_sql(a);
        if (which == S_NODES)
                return rows_node_select_sql(a, "node", OF_RUN " ORDER BY id");
        if (which == S_NODES_CHANGED)
                return rows_node_select_sql(a, "node",
                                            " WHERE id IN (SELECT id FROM node INDEXED BY node_seq WHERE seq > ?3 AND id BETWEEN ?1 AND ?2)"
                                            " ORDER BY id");
        if (which == S_NODE)
                return rows_node_select_sql(a, "node", " WHERE id = ?1");
        return rows_node_select_sql(a, "history", OF_RUN " ORDER BY id, epoch");
}

sqlite3_stmt *connection_statement(struct connection *c, enum statement which, struct error *e)
{
        sqlite3_stmt **s = &c->statements[which];
        if (*s) {
                sqlite3_reset(*s);
                return *s;
        }
        _cleanup_arena_ struct arena *a = arena_new();
        struct str text = texts[which] ? str_from(texts[which]) : text_from_fields(which, a);
        int code = sqlite3_prepare_v3(c->db, text.p, (int)text.n, SQLITE_PREPARE_PERSISTENT, s, NULL);
        if (code != SQLITE_OK)
                connection_error(c, code, "preparing to use the database", e);
        return *s;
}

/* --- the schema --- */

static bool exec(struct connection *c, const char *sql, const char *doing, struct error *e)
{
        int code = sqlite3_exec(c->db, sql, NULL, NULL, NULL);
        return code == SQLITE_OK || connection_error(c, code, doing, e);
}

/* The first number that a pragma answers; -1 when it answers none. */
static bool pragma_number(struct connection *c, const char *sql, int64_t *ret, struct error *e)
{
        sqlite3_stmt *s = NULL;
        int code = sqlite3_prepare_v2(c->db, sql, -1, &s, NULL);
        *ret = -1;
        if (code == SQLITE_OK)
                code = sqlite3_step(s);
        if (code == SQLITE_ROW)
                *ret = sqlite3_column_int64(s, 0);
        sqlite3_finalize(s);
        return code == SQLITE_ROW || code == SQLITE_DONE || connection_error(c, code, "opening the database", e);
}

/* Whose file, and how new? *ret is the number of migrations that it has had. */
static bool schema_version(struct connection *c, int newest, int *ret, struct error *e)
{
        int64_t application, version, tables;
        if (!pragma_number(c, "PRAGMA application_id", &application, e) || !pragma_number(c, "PRAGMA user_version", &version, e) ||
            !pragma_number(c, "SELECT count(*) FROM sqlite_schema", &tables, e))
                return false;
        if (application != SQLITE_APPLICATION && (tables > 0 || application != 0))
                return error_set(e, ERROR_CONFLICT,
                                 "opening the database: %s belongs to another program: choose another folder with --data", c->path);
        if (version > newest)
                return error_set(e, ERROR_VERSION,
                                 "opening the database: %s was written by a newer Weft (schema %lld; this one knows up to %d): use that "
                                 "release or a later one; nothing was changed",
                                 c->path, (long long)version, newest);
        if (version < 0 || (version == 0 && tables > 0))
                return error_set(e, ERROR_CORRUPT, "opening the database: %s has a schema without a version: restore a copy of the folder",
                                 c->path);
        *ret = (int)version;
        return true;
}

bool sqlite_migrate(struct connection *c, const struct migration *steps, int n, struct error *e)
{
        int version;
        if (!schema_version(c, n, &version, e))
                return false;
        while (version < n) {
                const struct migration *m = &steps[version];
                _cleanup_arena_ struct arena *a = arena_new();
                struct str mark = arena_printf(a, "PRAGMA application_id = %d; PRAGMA user_version = %d;", SQLITE_APPLICATION, version + 1);
                if (!exec(c, "BEGIN IMMEDIATE", "changing the schema", e))
                        return false;
                /* Another process may have done it while this one waited. */
                int now;
                if (!schema_version(c, n, &now, e) || (now == version && (!exec(c, m->sql, m->name, e) || !exec(c, mark.p, m->name, e))) ||
                    !exec(c, "COMMIT", m->name, e)) {
                        sqlite3_exec(c->db, "ROLLBACK", NULL, NULL, NULL);
                        return error_wrap(e, "bringing the database to schema %d", version + 1);
                }
                version++;
        }
        return true;
}

/* --- connections --- */

/* Parameters may be confidential: the file is its owner's alone. SQLite gives its companions the same mode. */
static bool create_file(const char *path, struct error *e)
{
        int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fd >= 0) {
                close(fd);
                return true;
        }
        if (errno == EEXIST)
                return true;
        enum error_kind kind = denied(errno)                        ? ERROR_DENIED
                               : errno == ENOSPC || errno == EDQUOT ? ERROR_FULL
                               : errno == ENOENT                    ? ERROR_NOT_FOUND
                                                                    : ERROR_IO;
        return error_set(e, kind, "creating the database %s: %s: %s", path, strerror(errno),
                         kind == ERROR_DENIED ? "give this user the permission to write there, or choose another folder with --data"
                         : kind == ERROR_FULL ? "free some space on that disk"
                                              : "check the folder given with --data");
}

/* A sync of a file that has grown writes the file system's own journal too: three times the time, twice the processor. So the log is
 * filled with zeros a piece at a time before it is needed. A frame of zeros has no valid checksum: whoever reads the log stops there. */
static void log_fill(struct connection *c)
{
        static const char zeros[65536]; /* SQLite writes at most 128 KiB at once */
        sqlite3_file *log = NULL;
        sqlite3_int64 size = 0;
        if (c->log_bytes + LOG_BYTES_AHEAD / 4 <= c->log_end)
                return;
        if (sqlite3_file_control(c->db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log) != SQLITE_OK || !log || !log->pMethods || log->pMethods->xFileSize(log, &size) != SQLITE_OK)
                return;
        for (sqlite3_int64 end = c->log_bytes + LOG_BYTES_AHEAD; size < end; size += sizeof zeros)
                if (log->pMethods->xWrite(log, zeros, sizeof zeros, size) != SQLITE_OK) /* no space: the commit that needs it will say so */
                        return;
        c->log_end = size;
}

/* After each commit, with the number of pages in the log. */
static int on_log(void *user, sqlite3 *db, const char *name, int pages)
{
        enum { LOG_HEAD = 32, FRAME_HEAD = 24, PAGE = 4096 };
        struct connection *c = user;
        c->log_bytes = LOG_HEAD + (int64_t)pages * (FRAME_HEAD + PAGE);
        if (pages >= CHECKPOINT_PAGES)
                sqlite3_wal_checkpoint_v2(db, name, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
        log_fill(c);
        return SQLITE_OK;
}

static bool open_writer(struct connection *c, bool no_sync, struct error *e)
{
        int version;
        int64_t answer;
        /* Before the first write of any kind: a file of a newer Weft stays as it is, to the byte. */
        if (!schema_version(c, sqlite_schema_n, &version, e))
                return false;
        if (sqlite3_db_readonly(c->db, "main") == 1)
                return connection_error(c, SQLITE_READONLY, "opening the database", e);
        sqlite3_stmt *s = NULL;
        int code = sqlite3_prepare_v2(c->db, "PRAGMA journal_mode = WAL", -1, &s, NULL);
        if (code == SQLITE_OK)
                code = sqlite3_step(s);
        const char *mode = code == SQLITE_ROW ? (const char *)sqlite3_column_text(s, 0) : NULL;
        bool wal = mode && strcmp(mode, "wal") == 0;
        sqlite3_finalize(s);
        if (code != SQLITE_ROW)
                return connection_error(c, code, "opening the database", e);
        if (!wal)
                return error_set(e, ERROR_UNSUPPORTED,
                                 "opening the database: the file system under %s has no shared memory for a write-ahead log (a "
                                 "network share?): choose a folder on a local disk with --data",
                                 c->path);
        _cleanup_arena_ struct arena *a = arena_new();
        struct str set = arena_printf(a, "PRAGMA synchronous = %s; PRAGMA temp_store = MEMORY;", no_sync ? "OFF" : "FULL");
        struct str limit = arena_printf(a, "PRAGMA journal_size_limit = %d", LOG_BYTES_KEPT);
        return exec(c, set.p, "opening the database", e) && pragma_number(c, limit.p, &answer, e) &&
               sqlite_migrate(c, sqlite_schema, sqlite_schema_n, e);
}

static bool open_reader(struct connection *c, struct error *e)
{
        int version;
        if (!schema_version(c, sqlite_schema_n, &version, e))
                return false;
        if (version == 0)
                return error_set(e, ERROR_NOT_FOUND, "opening the database: nothing was stored in %s yet", c->path);
        if (version < sqlite_schema_n)
                return error_set(e, ERROR_VERSION,
                                 "opening the database: %s was written by an older Weft (schema %d of %d): any command that changes "
                                 "something, such as `weft resume`, brings it forward",
                                 c->path, version, sqlite_schema_n);
        return true;
}

static bool open_file(struct connection *c, bool frozen, struct error *e)
{
        const char *name = c->path;
        char *uri = NULL;
        int flags = SQLITE_OPEN_NOMUTEX | (c->writes ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY);
        if (frozen) {
                /* sqlite3_mprintf's %w does not escape what a URI gives a meaning, so each byte is spelt out. */
                sqlite3_str *s = sqlite3_str_new(NULL);
                sqlite3_str_appendall(s, "file:");
                for (const char *p = c->path; *p; p++)
                        sqlite3_str_appendf(s, "%%%02x", (unsigned char)*p);
                sqlite3_str_appendall(s, "?immutable=1");
                name = uri = sqlite3_str_finish(s);
                flags |= SQLITE_OPEN_URI;
        }
        int code = sqlite3_open_v2(name, &c->db, flags, NULL);
        sqlite3_free(uri);
        if (code != SQLITE_OK)
                return connection_error(c, code, "opening the database", e);
        sqlite3_extended_result_codes(c->db, 1);
        sqlite3_busy_timeout(c->db, BUSY_TIMEOUT_MS);
        _cleanup_arena_ struct arena *a = arena_new();
        return exec(c, arena_printf(a, "PRAGMA cache_size = -%d", CACHE_KIB).p, "opening the database", e);
}

void sqlite_disconnect(struct connection *c)
{
        for (int i = 0; i < STATEMENTS; i++)
                sqlite3_finalize(c->statements[i]);
        sqlite3_close(c->db);
        free(c->path);
        *c = (struct connection){0};
}

/* In a folder that cannot be written and has no log file nobody writes either: the file can be read as it stands. */
static bool is_frozen(const char *path)
{
        _cleanup_arena_ struct arena *a = arena_new();
        struct str folder = str_from(path);
        while (folder.n > 0 && folder.p[folder.n - 1] != '/')
                folder.n--;
        const char *where = folder.n ? arena_cstr(a, folder) : ".";
        struct stat log;
        return access(where, W_OK) != 0 && denied(errno) && stat(arena_printf(a, "%s-wal", path).p, &log) != 0 && errno == ENOENT;
}

/* A process that is killed while it makes the file, or its log, leaves a change that SQLite takes back before anything is read; a connection
 * that only reads may not, so one that could write does it. */
static bool finish_killed(const char *path)
{
        sqlite3 *db = NULL;
        bool good = access(path, W_OK) == 0 && sqlite3_open_v2(path, &db, SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK;
        if (good)
                sqlite3_busy_timeout(db, BUSY_TIMEOUT_MS);
        good = good && sqlite3_exec(db, "SELECT count(*) FROM sqlite_schema", NULL, NULL, NULL) == SQLITE_OK;
        sqlite3_close(db);
        return good;
}

bool sqlite_connect(const struct store_settings *settings, bool writes, struct connection *ret, struct error *e)
{
        struct connection c = {.path = strndup(settings->path.p ? settings->path.p : "", settings->path.n), .writes = writes};
        if (!c.path)
                abort();
        struct stat st;
        bool good = true;
        if (stat(c.path, &st) == 0 && !S_ISREG(st.st_mode))
                good = error_set(e, ERROR_IO, "opening the database: %s is no file: choose another folder with --data", c.path);
        else if (writes && settings->create)
                good = create_file(c.path, e);
        bool opened = good && open_file(&c, !writes && is_frozen(c.path), e) &&
                      (writes ? open_writer(&c, settings->unsafe_no_sync, e) : open_reader(&c, e));
        if (good && !opened && !writes && e->kind == ERROR_DENIED && finish_killed(c.path)) {
                sqlite3_close(c.db);
                c.db = NULL;
                opened = open_file(&c, false, e) && open_reader(&c, e);
        }
        if (!opened) {
                sqlite_disconnect(&c);
                return false;
        }
        *ret = c;
        return true;
}

/* --- the operations --- */

static bool writer_open(const struct store_settings *settings, struct store **ret, struct error *e)
{
        struct connection c;
        if (!sqlite_connect(settings, true, &c, e))
                return false;
        struct store *s = calloc(1, sizeof *s);
        if (!s)
                abort();
        *s = (struct store){.c = c,
                            .scratch = arena_new(),
                            .values = values_new(),
                            .value_bytes_max = settings->value_bytes_max ? settings->value_bytes_max : (size_t)1 << 20,
                            .run_bytes_max = settings->run_bytes_max ? settings->run_bytes_max : (size_t)64 << 20};
        sqlite3_wal_hook(s->c.db, on_log, &s->c);
        *ret = s;
        return true;
}

/* Short commands would otherwise sync as often for closing as for what they have stored. */
static void leave_log(struct connection *c)
{
        _cleanup_arena_ struct arena *a = arena_new();
        struct stat st;
        if (c->log_bytes ? c->log_bytes <= LOG_BYTES_LEFT : stat(arena_printf(a, "%s-wal", c->path).p, &st) == 0 && st.st_size <= LOG_BYTES_LEFT + LOG_BYTES_AHEAD)
                sqlite3_db_config(c->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
}

static void writer_close(struct store *s)
{
        if (!s)
                return;
        leave_log(&s->c);
        sqlite_disconnect(&s->c);
        values_free(s->values);
        arena_free(s->scratch);
        free(s);
}

static bool reader_open(const struct store_settings *settings, struct store_reader **ret, struct error *e)
{
        struct connection c;
        if (!sqlite_connect(settings, false, &c, e))
                return false;
        struct store_reader *r = calloc(1, sizeof *r);
        if (!r)
                abort();
        *r = (struct store_reader){.c = c, .row = arena_new()};
        *ret = r;
        return true;
}

static void reader_close(struct store_reader *r)
{
        if (!r)
                return;
        sqlite_lists_free(r);
        sqlite_disconnect(&r->c);
        arena_free(r->row);
        free(r);
}

/* All pages in one step: of one snapshot, which holds nobody up. */
static bool copy_pages(struct connection *c, const char *to, struct error *e)
{
        sqlite3 *copy = NULL;
        int code = sqlite3_open_v2(to, &copy, SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_READWRITE, NULL);
        sqlite3_backup *b = code == SQLITE_OK ? sqlite3_backup_init(copy, "main", c->db, "main") : NULL;
        if (b) {
                sqlite3_backup_step(b, -1);
                code = sqlite3_backup_finish(b);
        } else if (code == SQLITE_OK)
                code = sqlite3_errcode(copy);
        bool good = code == SQLITE_OK;
        if (!good)
                error_set(e, (code & 0xff) == SQLITE_FULL ? ERROR_FULL : kind_of(c->db, code), "copying %s to %s: %s", c->path, to, sqlite3_errstr(code));
        return sqlite3_close(copy) == SQLITE_OK && good;
}

static bool backup(const struct store_settings *settings, struct str to, struct error *e)
{
        _cleanup_arena_ struct arena *a = arena_new();
        const char *path = arena_cstr(a, to);
        struct connection c;
        if (access(path, F_OK) == 0)
                return error_set(e, ERROR_CONFLICT, "backing up to %s: that exists already; give another name", path);
        if (!sqlite_connect(settings, false, &c, e))
                return false;
        bool good = create_file(path, e) && copy_pages(&c, path, e);
        sqlite_disconnect(&c);
        if (!good && e->kind != ERROR_CONFLICT)
                unlink(path);
        return good;
}

const struct store_ops store_sqlite = {
        .name = "sqlite",
        .open = writer_open,
        .close = writer_close,
        .commit = sqlite_commit,
        .cache_get = sqlite_cache_get,
        .backup = backup,
        .reader_open = reader_open,
        .reader_close = reader_close,
        .runs = sqlite_runs,
        .nodes = sqlite_nodes,
        .node = sqlite_node,
        .history = sqlite_history,
        .events = sqlite_events,
        .seq = sqlite_seq,
        .name_taken = sqlite_name_taken,
        .query_runs = sqlite_query_runs,
        .query_records = sqlite_query_records,
        .record = sqlite_record,
        .record_named = sqlite_record_named,
        .metrics = sqlite_metrics,
        .cache = sqlite_cache,
        .cache_users = sqlite_cache_users,
        .changes = sqlite_changes,
        .counts = sqlite_counts,
        .deleted = sqlite_deleted,
};
