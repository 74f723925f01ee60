/* Files of an attempt: where the task's paths are on this side, what is put there before, what is read after. */
#include "executor/process/process.h"
#include "base/hash.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

static bool within(struct str path, struct str folder)
{
        return str_starts(path, folder) && (path.n == folder.n || path.p[folder.n] == '/');
}

/* The deepest folder above `path` that exists on this machine. */
static struct str existing_above(struct str path, struct arena *a)
{
        struct stat st;
        while (path.n > 1) {
                while (path.n > 1 && path.p[path.n - 1] != '/')
                        path.n--;
                if (path.n > 1)
                        path.n--;
                if (!stat(arena_cstr(a, path), &st) && S_ISDIR(st.st_mode))
                        return arena_str(a, path);
        }
        return STR("/");
}

static void want(struct places *p, struct str path, struct arena *a)
{
        if (!path.n || path.p[0] != '/' || within(path, p->data) || within(path, STR("/tmp")) || within(path, STR("/dev")) || within(path, STR("/proc")))
                return;
        struct str dir = existing_above(path, a);
        if (str_eq_c(dir, "/")) {
                p->root = true;
                return;
        }
        for (size_t i = 0; i < p->dirs_n; i++)
                if (within(dir, p->dirs[i]))
                        return;
        size_t n = 0;
        for (size_t i = 0; i < p->dirs_n; i++) /* a folder above takes the place of those below it */
                if (!within(p->dirs[i], dir))
                        p->dirs[n++] = p->dirs[i];
        p->dirs_n = n;
        p->dirs[p->dirs_n++] = dir;
}

void places_plan(struct places *p, const struct task_spec *spec, struct arena *a)
{
        if (!p->private)
                return;
        p->dirs = arena_alloc_array(a, sizeof *p->dirs, spec->files_n + spec->artifacts_in_n + spec->params_out_n + spec->artifacts_out_n + spec->folders_n + 2);
        for (size_t i = 0; i < spec->files_n; i++)
                want(p, spec->files[i].path, a);
        for (size_t i = 0; i < spec->artifacts_in_n; i++)
                want(p, spec->artifacts_in[i].path, a);
        for (size_t i = 0; i < spec->params_out_n; i++)
                want(p, spec->params_out[i].path, a);
        for (size_t i = 0; i < spec->artifacts_out_n; i++)
                want(p, spec->artifacts_out[i].path, a);
        want(p, spec->outcome_file, a);
        for (size_t i = 0; i < spec->folders_n; i++)
                want(p, spec->folders[i], a);
}

struct str place_of(const struct places *p, struct str path, struct arena *a)
{
        if (!p->private || within(path, p->data))
                return arena_str(a, path);
        if (within(path, STR("/tmp")))
                return arena_printf(a, "%.*s%.*s", STR_FMT(p->folder), STR_FMT(path));
        for (size_t i = 0; i < p->dirs_n; i++)
                if (within(path, p->dirs[i])) {
                        struct str rest = str_sub(path, p->dirs[i].n, path.n);
                        return arena_printf(a, "%.*s/over%zu/upper%.*s", STR_FMT(p->folder), i, STR_FMT(rest));
                }
        if (p->root)
                return arena_printf(a, "%.*s/root/upper%.*s", STR_FMT(p->folder), STR_FMT(path));
        return arena_str(a, path);
}

bool make_folders(const char *path, struct error *e)
{
        char t[4096];
        size_t n = strlen(path);
        struct stat st;
        if (!mkdir(path, 0755) || errno == EEXIST)
                return true;
        if (n >= sizeof t)
                return error_set(e, ERROR_INVALID, "the path %.80s… is too long", path);
        memcpy(t, path, n + 1);
        for (size_t i = 1; i <= n; i++)
                if (t[i] == '/' || !t[i]) {
                        char old = t[i];
                        t[i] = 0;
                        if (mkdir(t, 0755) && errno != EEXIST)
                                return error_set(e, errno == ENOSPC ? ERROR_FULL : ERROR_IO, "making the folder %s: %s", t, strerror(errno));
                        t[i] = old;
                }
        return !stat(path, &st) && S_ISDIR(st.st_mode) ? true : error_set(e, ERROR_IO, "making the folder %s: something else is in its place", path);
}

bool make_parents(const char *path, struct error *e)
{
        const char *slash = strrchr(path, '/');
        char t[4096];
        if (!slash || slash == path)
                return true;
        snprintf(t, sizeof t, "%.*s", (int)(slash - path), path);
        return make_folders(t, e);
}

static bool write_file(const char *path, struct str content, uint32_t mode, struct error *e)
{
        if (!make_parents(path, e))
                return false;
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode ? mode : 0644);
        if (fd < 0)
                return error_set(e, ERROR_IO, "writing %s: %s", path, strerror(errno));
        while (content.n) {
                ssize_t n = write(fd, content.p, content.n);
                if (n <= 0) {
                        error_set(e, errno == ENOSPC ? ERROR_FULL : ERROR_IO, "writing %s: %s", path, strerror(errno));
                        close(fd);
                        return false;
                }
                content = str_sub(content, (size_t)n, content.n);
        }
        if (mode)
                fchmod(fd, mode);
        close(fd);
        return true;
}

static bool copy_file(const char *from, const char *to, mode_t mode, int64_t *ret_bytes, struct error *e)
{
        int in = open(from, O_RDONLY | O_CLOEXEC), out = in < 0 ? -1 : open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode & 0777);
        bool ok = out >= 0;
        ssize_t n = 1;
        while (ok && n > 0) {
                n = copy_file_range(in, NULL, out, NULL, 1 << 30, 0);
                if (n < 0 && (errno == EXDEV || errno == EINVAL || errno == EOPNOTSUPP || errno == ENOSYS))
                        n = sendfile(out, in, NULL, 1 << 30);
                ok = n >= 0;
                if (n > 0)
                        *ret_bytes += n;
        }
        if (!ok)
                error_set(e, errno == ENOSPC ? ERROR_FULL : ERROR_IO, "copying %s to %s: %s", from, to, strerror(errno));
        if (in >= 0)
                close(in);
        if (out >= 0)
                close(out);
        return ok;
}

static bool copy_depth(const char *from, const char *to, unsigned depth, int64_t *ret_bytes, struct error *e)
{
        struct stat st;
        char a[4096], b[4096];
        if (lstat(from, &st))
                return error_set(e, ERROR_IO, "copying %s: %s", from, strerror(errno));
        if (S_ISLNK(st.st_mode)) {
                ssize_t n = readlink(from, a, sizeof a - 1);
                if (n < 0)
                        return error_set(e, ERROR_IO, "copying the link %s: %s", from, strerror(errno));
                a[n] = 0;
                unlink(to);
                return !symlink(a, to) || error_set(e, ERROR_IO, "making the link %s: %s", to, strerror(errno));
        }
        if (!S_ISDIR(st.st_mode))
                return S_ISREG(st.st_mode) ? copy_file(from, to, st.st_mode, ret_bytes, e) : true;
        if (depth > 100)
                return error_set(e, ERROR_LIMIT, "copying %s: folders nested more than 100 deep", from);
        if (mkdir(to, (st.st_mode & 0777) | 0700) && errno != EEXIST)
                return error_set(e, ERROR_IO, "making the folder %s: %s", to, strerror(errno));
        DIR *d = opendir(from);
        bool ok = d != NULL;
        for (struct dirent *x; ok && (x = readdir(d));) {
                if (!strcmp(x->d_name, ".") || !strcmp(x->d_name, ".."))
                        continue;
                ok = snprintf(a, sizeof a, "%s/%s", from, x->d_name) < (int)sizeof a && snprintf(b, sizeof b, "%s/%s", to, x->d_name) < (int)sizeof b &&
                     copy_depth(a, b, depth + 1, ret_bytes, e);
        }
        if (d)
                closedir(d);
        return ok;
}

bool copy_tree(const char *from, const char *to, int64_t *ret_bytes, struct error *e)
{
        *ret_bytes = 0;
        return make_parents(to, e) && copy_depth(from, to, 0, ret_bytes, e);
}

bool stage(const struct places *p, const struct task_spec *spec, struct arena *a, struct error *e)
{
        char t[4096];
        for (size_t i = 0; i < p->dirs_n; i++) {
                snprintf(t, sizeof t, "%.*s/over%zu/upper", STR_FMT(p->folder), i);
                if (!make_folders(t, e))
                        return false;
                snprintf(t, sizeof t, "%.*s/over%zu/work", STR_FMT(p->folder), i);
                if (!make_folders(t, e))
                        return false;
        }
        static const char *const of_root[] = {"root/upper", "root/work", "root/merged", NULL};
        for (const char *const *k = of_root; p->root && *k; k++) {
                snprintf(t, sizeof t, "%.*s/%s", STR_FMT(p->folder), *k);
                if (!make_folders(t, e))
                        return false;
        }
        if (p->private) {
                snprintf(t, sizeof t, "%.*s/tmp", STR_FMT(p->folder));
                if (!make_folders(t, e))
                        return false;
                chmod(t, 01777);
        }
        for (size_t i = 0; i < spec->folders_n; i++)
                if (!make_folders(place_of(p, spec->folders[i], a).p, e))
                        return false;
        for (size_t i = 0; i < spec->files_n; i++)
                if (!write_file(place_of(p, spec->files[i].path, a).p, spec->files[i].content, spec->files[i].mode, e))
                        return false;
        for (size_t i = 0; i < spec->artifacts_in_n; i++) {
                const struct task_artifact_in *x = &spec->artifacts_in[i];
                struct str to = place_of(p, x->path, a);
                int64_t bytes;
                struct stat st;
                if (x->uri.n && str_eq(x->uri, x->path))
                        continue;
                if (!x->uri.n) {
                        if (!write_file(to.p, x->raw, x->mode, e))
                                return error_wrap(e, "input artifact '%.*s'", STR_FMT(x->name));
                        continue;
                }
                const char *from = arena_cstr(a, x->uri);
                if (lstat(from, &st)) {
                        if (x->optional)
                                continue;
                        return error_set(e, ERROR_NOT_FOUND, "input artifact '%.*s': %s: %s", STR_FMT(x->name), from, strerror(errno));
                }
                if (!copy_tree(from, to.p, &bytes, e))
                        return error_wrap(e, "input artifact '%.*s'", STR_FMT(x->name));
                if (x->mode)
                        chmod(to.p, x->mode);
        }
        for (size_t i = 0; i < spec->params_out_n; i++)
                if (!make_parents(place_of(p, spec->params_out[i].path, a).p, e))
                        return false;
        for (size_t i = 0; i < spec->artifacts_out_n; i++)
                if (!make_parents(place_of(p, spec->artifacts_out[i].path, a).p, e))
                        return false;
        return !spec->outcome_file.n || make_parents(place_of(p, spec->outcome_file, a).p, e);
}

bool read_file(const char *path, size_t max, struct arena *a, struct task_output *ret)
{
        struct stat st;
        int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        if (fd < 0)
                return false;
        if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
                close(fd);
                return false;
        }
        size_t size = (size_t)st.st_size < max ? (size_t)st.st_size : max, n = 0;
        char *p = arena_alloc_raw(a, size + 1, 1);
        while (n < size) {
                ssize_t k = read(fd, p + n, size - n);
                if (k <= 0)
                        break;
                n += (size_t)k;
        }
        close(fd);
        p[n] = 0;
        *ret = (struct task_output){ret->name, true, {p, n}, (size_t)st.st_size > max};
        return true;
}

static struct str digest(const char *path, struct arena *a)
{
        struct stat st;
        if (lstat(path, &st) || !S_ISREG(st.st_mode))
                return STR_NONE;
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        EVP_MD_CTX *md = EVP_MD_CTX_new();
        unsigned char data[65536], sum[EVP_MAX_MD_SIZE];
        unsigned n = 0;
        ssize_t k;
        EVP_DigestInit_ex(md, EVP_sha256(), NULL);
        while (fd >= 0 && (k = read(fd, data, sizeof data)) > 0)
                EVP_DigestUpdate(md, data, (size_t)k);
        EVP_DigestFinal_ex(md, sum, &n);
        EVP_MD_CTX_free(md);
        if (fd >= 0)
                close(fd);
        char text[80] = "sha256:";
        for (unsigned i = 0; i < n; i++)
                snprintf(text + 7 + 2 * i, 3, "%02x", sum[i]);
        return arena_str(a, str_from(text));
}

static int64_t tree_size(const char *path, unsigned depth)
{
        struct stat st;
        char t[4096];
        if (lstat(path, &st))
                return 0;
        if (!S_ISDIR(st.st_mode) || depth > 100)
                return st.st_size;
        int64_t total = 0;
        DIR *d = opendir(path);
        for (struct dirent *x; d && (x = readdir(d));)
                if (strcmp(x->d_name, ".") && strcmp(x->d_name, "..") && snprintf(t, sizeof t, "%s/%s", path, x->d_name) < (int)sizeof t)
                        total += tree_size(t, depth + 1);
        if (d)
                closedir(d);
        return total;
}

void collect(const struct places *p, const struct task_spec *spec, size_t max, struct arena *a, struct task_outcome *o)
{
        struct stat st;
        struct error e;
        o->params = arena_alloc_array(a, sizeof *o->params, spec->params_out_n);
        o->params_n = spec->params_out_n;
        for (size_t i = 0; i < spec->params_out_n; i++) {
                o->params[i].name = spec->params_out[i].name;
                read_file(place_of(p, spec->params_out[i].path, a).p, max, a, &o->params[i]);
        }
        if (spec->outcome_file.n)
                read_file(place_of(p, spec->outcome_file, a).p, max, a, &o->file);
        o->artifacts = arena_alloc_array(a, sizeof *o->artifacts, spec->artifacts_out_n);
        o->artifacts_n = spec->artifacts_out_n;
        for (size_t i = 0; i < spec->artifacts_out_n; i++) {
                const struct task_artifact_out *x = &spec->artifacts_out[i];
                struct task_artifact_result *r = &o->artifacts[i];
                struct str from = place_of(p, x->path, a);
                *r = (struct task_artifact_result){x->name, false, x->uri, STR_NONE, -1};
                if (lstat(from.p, &st))
                        continue;
                r->present = true;
                if (x->uri.n && !str_eq(x->uri, x->path)) {
                        const char *to = arena_cstr(a, x->uri);
                        if (!copy_tree(from.p, to, &r->size_bytes, &e)) {
                                r->present = false;
                                o->message = arena_printf(a, "keeping artifact '%.*s': %s", STR_FMT(x->name), e.text);
                                continue;
                        }
                        r->digest = digest(to, a);
                } else {
                        r->uri = x->path;
                        r->size_bytes = tree_size(from.p, 0);
                        r->digest = digest(from.p, a);
                }
        }
}
