/* Archives are read in memory, by libarchive with nothing but tar, gzip and zip switched on. All of an archive's content counts against
 * UPLOAD_BYTES_MAX as it is unpacked, also what is not wanted, so that a bomb ends early; names only choose, but one that leads out of the archive and links say
 * that somebody means ill, and are refused. */
#include "api/upload.h"
#include "api/archive_late.h"
#include "base/buf.h"
#include <stdlib.h>
#include <strings.h>

static bool ends(struct str name, const char *ending)
{
        size_t n = strlen(ending);
        return name.n >= n && !strncasecmp(name.p + name.n - n, ending, n);
}

static const char *const texts[] = {".yaml", ".yml", ".json"}, *const archives[] = {".zip", ".tar.gz", ".tgz"};

static const char *ending_of(struct str name, const char *const *list)
{
        for (size_t i = 0; i < 3; i++)
                if (ends(name, list[i]))
                        return list[i];
        return NULL;
}

static struct str base_name(struct str name)
{
        for (size_t i = name.n; i-- > 0;)
                if (name.p[i] == '/' || name.p[i] == '\\')
                        return str_sub(name, i + 1, name.n);
        return name;
}

struct str upload_stem(struct str name)
{
        struct str base = base_name(name);
        const char *ending = ending_of(base, archives);
        if (!ending)
                ending = ending_of(base, texts);
        return ending ? str_sub(base, 0, base.n - strlen(ending)) : base;
}

static bool leads_out(struct str name)
{
        struct str rest = name;
        if (!name.n || name.p[0] == '/' || name.p[0] == '\\' || (name.n > 1 && name.p[1] == ':'))
                return true;
        while (rest.p) {
                struct str part = str_cut(&rest, '/');
                if (str_eq_c(part, "..") || str_find(part, STR("..\\"), 0) != SIZE_MAX)
                        return true;
        }
        return false;
}

struct reading {
        struct archive *from;
        struct arena *a;
        size_t total;             /* bytes unpacked so far */
        struct str found;         /* the content of the best file so far */
        bool exact;               /* it is called pipeline.yaml */
        size_t candidates;
};

static bool damaged(struct reading *r, struct error *e)
{
        const char *why = archive_error_string(r->from);
        return error_set(e, ERROR_INVALID, "the archive cannot be read: %s", why ? why : "it is damaged");
}

/* Reads the entry to its end; keeps it when `keep`. */
static bool entry_data(struct reading *r, bool keep, struct str *ret, struct error *e)
{
        struct buf b = BUF(UPLOAD_BYTES_MAX);
        char chunk[16384];
        la_ssize_t n;
        while ((n = archive_read_data(r->from, chunk, sizeof chunk)) > 0) {
                r->total += (size_t)n;
                if (r->total > UPLOAD_BYTES_MAX)
                        break;
                if (keep)
                        buf_add(&b, (struct str){chunk, (size_t)n});
        }
        bool ok = n < 0 ? damaged(r, e) : n == 0 || error_set(e, ERROR_LIMIT, "the archive unpacks to more than %d MB", UPLOAD_BYTES_MAX >> 20);
        if (ok && keep)
                *ret = arena_str(r->a, buf_str(&b));
        buf_free(&b);
        return ok;
}

static bool take_entry(struct reading *r, struct archive_entry *entry, struct error *e)
{
        struct str name = str_from(archive_entry_pathname(entry));
        bool file = archive_entry_filetype(entry) == AE_IFREG, wanted = file && !r->exact && ending_of(name, texts);
        if (leads_out(name))
                return error_set(e, ERROR_INVALID, "the archive has an entry whose name leads out of it");
        if (archive_entry_hardlink(entry) || archive_entry_symlink(entry) || (!file && archive_entry_filetype(entry) != AE_IFDIR))
                return error_set(e, ERROR_INVALID, "the archive has an entry that is no file and no folder");
        bool exact = wanted && str_eq_c(base_name(name), "pipeline.yaml");
        struct str content = STR_NONE;
        if (!entry_data(r, wanted, &content, e))
                return false;
        if (!wanted)
                return true;
        r->candidates++;
        r->exact = exact;
        r->found = content;
        return true;
}

static bool take_entries(struct reading *r, struct error *e)
{
        struct archive_entry *entry;
        for (size_t i = 0;; i++) {
                int rc = archive_read_next_header(r->from, &entry);
                if (rc == ARCHIVE_EOF)
                        break;
                if (rc != ARCHIVE_OK && rc != ARCHIVE_WARN)
                        return damaged(r, e);
                if (i == UPLOAD_ENTRIES_MAX)
                        return error_set(e, ERROR_LIMIT, "the archive has more than %d entries", UPLOAD_ENTRIES_MAX);
                if (!take_entry(r, entry, e))
                        return false;
        }
        if (!r->candidates)
                return error_set(e, ERROR_INVALID, "the archive has no pipeline in it: a file whose name ends in .yaml, .yml or .json");
        if (r->candidates > 1 && !r->exact)
                return error_set(e, ERROR_INVALID, "the archive has several files that may be the pipeline: call it pipeline.yaml");
        return true;
}

static bool unpack(struct str content, bool zip, struct arena *a, struct str *ret, struct error *e)
{
        if (!archive_load(e))
                return false;
        struct reading r = {.from = archive_read_new(), .a = a};
        if (!r.from)
                abort();
        if (zip)
                archive_read_support_format_zip(r.from);
        else {
                archive_read_support_filter_gzip(r.from);
                archive_read_support_format_tar(r.from);
        }
        bool ok = archive_read_open_memory(r.from, content.p, content.n) == ARCHIVE_OK ? take_entries(&r, e) : damaged(&r, e);
        archive_read_free(r.from);
        if (ok)
                *ret = r.found;
        return ok;
}

bool upload_read(struct str name, struct str content, struct arena *a, struct str *ret, struct error *e)
{
        const char *archive = ending_of(name, archives);
        if (content.n > UPLOAD_BYTES_MAX)
                return error_set(e, ERROR_LIMIT, "the file is larger than %d MB", UPLOAD_BYTES_MAX >> 20);
        if (!archive && !ending_of(name, texts))
                return error_set(e, ERROR_INVALID, "the name of a pipeline's file ends in .yaml, .yml, .json, .zip or .tar.gz, and not as '%.*s'", STR_FMT(str_sub(name, 0, 100)));
        if (!content.n)
                return error_set(e, ERROR_INVALID, "the file is empty");
        if (archive)
                return unpack(content, ends(name, ".zip"), a, ret, e);
        *ret = content;
        return true;
}
