/* Sprig's functions on dates, types, paths, addresses and versions, and those that are refused: keys and certificates would be stored in
 * the open with the run's parameters, and a name server is outside what an expression may ask. */
#include "expr/internal.h"

/* --- dates; a date is a time or seconds since 1970, anything else stands for now --- */

static int64_t moment(struct vm *vm, const struct xvalue *v) {
        int64_t us;
        if (v->kind == X_INT)
                return __builtin_mul_overflow(v->integer, US_PER_S, &us) ? vm->env->now.us : us;
        return v->kind == X_TIME ? v->integer : vm->env->now.us;
}

static bool format_date(struct vm *vm, struct str layout, const struct xvalue *date, struct str zone, struct xvalue *ret) {
        int32_t offset;
        if (!zone_find(zone, &offset))
                offset = 0;
        *ret = x_text(time_format(moment(vm, date), offset, layout, vm->a));
        return vm_step(vm, layout.n);
}

static bool date(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        return format_date(vm, args[0].text, &args[1], n == 3 ? args[2].text : STR("UTC"), ret);
}

static bool html_date(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        return format_date(vm, STR("2006-01-02"), &args[0], n == 2 ? args[1].text : STR("UTC"), ret);
}

static bool date_modify(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        int64_t ns;
        *ret = args[1];
        if (!duration_ns(args[0].text, &ns))
                return vm->function->flag == 0 || vm_fail(vm, "time: invalid duration \"%.*s\"", STR_FMT(args[0].text));
        struct xvalue d = x_duration(ns);
        return vm_binary(vm, B_ADD, &args[1], &d, ret);
}

static bool to_date(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        int64_t us = -INT64_C(62135596800) * US_PER_S; /* Go's zero time */
        int32_t offset = 0;
        if (!time_parse(args[0].text, args[1].text, &us, &offset) && vm->function->flag)
                return vm_fail(vm, "parsing time \"%.*s\" as \"%.*s\": cannot parse it", STR_FMT(args[1].text), STR_FMT(args[0].text));
        *ret = x_time(us, offset);
        return true;
}

static bool now(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        *ret = x_time(vm->env->now.us, 0);
        return true;
}

static int64_t since(struct vm *vm, const struct xvalue *v) {
        int64_t us, ns;
        if (__builtin_sub_overflow(vm->env->now.us, moment(vm, v), &us) || __builtin_mul_overflow(us, 1000, &ns))
                return INT64_MAX;
        return ns;
}

static bool ago(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        *ret = x_text(duration_text(duration_round(since(vm, &args[0]), 1000000000, true), vm->a));
        return true;
}

/* Seconds as text; Go's Sprig takes a plain int for 0 here, and so it is. */
static bool duration(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        int64_t s = 0, ns;
        if (args[0].kind == X_STRING && !str_to_i64(args[0].text, &s))
                s = 0;
        if (__builtin_mul_overflow(s, INT64_C(1000000000), &ns))
                ns = 0;
        *ret = x_text(duration_text(ns, vm->a));
        return true;
}

static bool duration_rounded(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        static const struct { const char *name; uint64_t s; } units[] = {{"y", 365 * 86400}, {"mo", 30 * 86400}, {"d", 86400}, {"h", 3600}, {"m", 60}, {"s", 1}};
        int64_t ns = 0;
        if (args[0].kind == X_STRING && !duration_ns(args[0].text, &ns))
                ns = 0;
        else if (args[0].kind == X_TIME)
                ns = since(vm, &args[0]);
        uint64_t size = ns < 0 ? 0 - (uint64_t)ns : (uint64_t)ns;
        *ret = x_text(STR("0s"));
        for (size_t i = 0; i < 6; i++)
                if (size > units[i].s * 1000000000) {
                        *ret = x_text(arena_printf(vm->a, "%llu%s", (unsigned long long)(size / (units[i].s * 1000000000)), units[i].name));
                        break;
                }
        return true;
}

static bool unix_epoch(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        int64_t us = args[0].integer;
        *ret = x_text(arena_printf(vm->a, "%lld", (long long)(us / US_PER_S - (us % US_PER_S < 0))));
        return true;
}

/* --- types --- */

enum { TYPE, KIND };

static bool name_of(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        const char *name = vm->function->flag == KIND ? x_go_kind(&args[n - 1]) : x_go_type(&args[n - 1]);
        *ret = n == 1 ? x_text(str_from(name)) : x_bool(str_eq_c(args[0].text, name));
        return true;
}

static bool deep_equal(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        *ret = x_bool(sprig_equal(&args[0], &args[1]));
        return true;
}

/* --- paths --- */

enum { BASE, DIR, CLEAN, EXT, IS_ABS };

/* Without empty parts, "." and "..", as far as that can be done without looking. */
static struct str clean(struct vm *vm, struct str s) {
        bool rooted = s.n && s.p[0] == '/';
        char *p = vm_alloc(vm, s.n + 2, 1);
        size_t n = 0, floor = rooted ? 1 : 0;
        if (!p)
                return STR(".");
        if (rooted)
                p[n++] = '/';
        for (struct str rest = s; rest.p;) {
                struct str part = str_cut(&rest, '/');
                if (part.n == 0 || str_eq_c(part, "."))
                        continue;
                if (str_eq_c(part, "..")) {
                        if (n > floor) {
                                while (n > floor && p[n - 1] != '/')
                                        n--;
                                n -= n > floor ? 1 : 0;
                                continue;
                        }
                        if (rooted)
                                continue;
                }
                if (n > (rooted ? 1u : 0u))
                        p[n++] = '/';
                memcpy(p + n, part.p, part.n);
                n += part.n;
                if (str_eq_c(part, ".."))
                        floor = n;
        }
        return n ? (struct str){p, n} : STR(".");
}

static bool path(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        struct str s = args[0].text;
        size_t slash = text_find_last(s, STR("/")), dot;
        int which = vm->function->flag;
        if (which == IS_ABS)
                *ret = x_bool(s.n && s.p[0] == '/');
        else if (which == CLEAN)
                *ret = x_text(clean(vm, s));
        else if (which == DIR)
                *ret = x_text(clean(vm, slash == SIZE_MAX ? STR("") : str_sub(s, 0, slash + 1)));
        else if (which == EXT) {
                dot = text_find_last(s, STR("."));
                *ret = x_text(dot == SIZE_MAX || (slash != SIZE_MAX && dot < slash) ? STR("") : str_sub(s, dot, s.n));
        } else {
                bool empty = s.n == 0;
                while (s.n && s.p[s.n - 1] == '/')
                        s.n--;
                slash = text_find_last(s, STR("/"));
                s = slash == SIZE_MAX ? s : str_sub(s, slash + 1, s.n);
                *ret = x_text(empty ? STR(".") : s.n ? s : STR("/"));
        }
        return !vm->failed;
}

/* --- addresses --- */

static bool scheme_end(struct str s, size_t *ret) {
        for (size_t i = 0; i < s.n; i++) {
                char c = s.p[i];
                bool letter = (c | 32) >= 'a' && (c | 32) <= 'z';
                if (c == ':' && i > 0) {
                        *ret = i;
                        return true;
                }
                if (!letter && (i == 0 || !((c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.')))
                        return false;
        }
        return false;
}

static int hex(char c) { return c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1; }

static bool unescape(struct vm *vm, struct str s, struct str *ret) {
        char *p = vm_alloc(vm, s.n + 1, 1);
        size_t n = 0;
        if (!p)
                return false;
        for (size_t i = 0; i < s.n; i++) {
                if (s.p[i] != '%') {
                        p[n++] = s.p[i];
                        continue;
                }
                if (i + 2 >= s.n || hex(s.p[i + 1]) < 0 || hex(s.p[i + 2]) < 0)
                        return vm_fail(vm, "unable to parse url: invalid URL escape \"%.*s\"", STR_FMT(str_sub(s, i, i + 3)));
                p[n++] = (char)(hex(s.p[i + 1]) * 16 + hex(s.p[i + 2]));
                i += 2;
        }
        *ret = (struct str){p, n};
        return true;
}

struct address { struct str scheme, opaque, userinfo, host, path, query, fragment; };

static bool read_address(struct vm *vm, struct str s, struct address *a) {
        size_t at;
        *a = (struct address){0};
        for (size_t i = 0; i < s.n; i++)
                if ((unsigned char)s.p[i] < ' ' || s.p[i] == 0x7F)
                        return vm_fail(vm, "unable to parse url: net/url: invalid control character in URL");
        if ((at = str_find_char(s, '#', 0)) != SIZE_MAX) {
                if (!unescape(vm, str_sub(s, at + 1, s.n), &a->fragment))
                        return false;
                s.n = at;
        }
        if (s.n && s.p[0] == ':')
                return vm_fail(vm, "unable to parse url: missing protocol scheme");
        if (scheme_end(s, &at)) {
                a->scheme = text_case(vm, str_sub(s, 0, at), false);
                s = str_sub(s, at + 1, s.n);
        }
        if ((at = str_find_char(s, '?', 0)) != SIZE_MAX) {
                a->query = str_sub(s, at + 1, s.n);
                s.n = at;
        }
        if (a->scheme.n && (s.n == 0 || s.p[0] != '/')) {
                a->opaque = s;
                return true;
        }
        if (str_starts(s, STR("//"))) {
                size_t slash = str_find_char(s, '/', 2);
                a->host = str_sub(s, 2, slash == SIZE_MAX ? s.n : slash);
                s = slash == SIZE_MAX ? STR("") : str_sub(s, slash, s.n);
                if (str_find_char(a->host, ' ', 0) != SIZE_MAX)
                        return vm_fail(vm, "unable to parse url: invalid character \" \" in host name");
                if ((at = text_find_last(a->host, STR("@"))) != SIZE_MAX) {
                        a->userinfo = str_sub(a->host, 0, at);
                        a->host = str_sub(a->host, at + 1, a->host.n);
                }
        }
        return unescape(vm, s, &a->path);
}

static bool url_parse(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        struct address a;
        struct xmember *m = VM_ARRAY(vm, struct xmember, 8);
        if (!m || !read_address(vm, args[0].text, &a))
                return false;
        struct str name = a.host;
        size_t colon = text_find_last(name, STR(":")), bracket = text_find_last(name, STR("]"));
        if (colon != SIZE_MAX && (bracket == SIZE_MAX || colon > bracket))
                name.n = colon;
        if (name.n > 1 && name.p[0] == '[' && name.p[name.n - 1] == ']')
                name = str_sub(name, 1, name.n - 1);
        struct { const char *key; struct str value; } parts[] = {{"fragment", a.fragment}, {"host", a.host}, {"hostname", name}, {"opaque", a.opaque}, {"path", a.path},
                                                                 {"query", a.query}, {"scheme", a.scheme}, {"userinfo", a.userinfo}};
        for (size_t i = 0; i < 8; i++)
                m[i] = (struct xmember){str_from(parts[i].key), x_text(parts[i].value.p ? parts[i].value : STR(""))};
        *ret = x_map(m, 8);
        return true;
}

static void add_escaped(struct buf *b, struct str s, const char *allowed) {
        for (size_t i = 0; i < s.n; i++) {
                char c = s.p[i];
                bool plain = (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z') || (c && strchr(allowed, c));
                plain ? buf_add_char(b, c) : buf_addf(b, "%%%02X", (unsigned char)c);
        }
}

static bool url_join(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        static const char *const keys[] = {"scheme", "host", "path", "query", "opaque", "fragment", "userinfo"};
        struct str v[7];
        struct buf b = vm_buf(vm);
        for (size_t i = 0; i < 7; i++) {
                const struct xvalue *x = x_get(&args[0], str_from(keys[i]));
                if (x && x->kind != X_STRING)
                        return vm_fail(vm, "unable to parse %s key, must be of type string, but %s found", keys[i], x_go_kind(x));
                v[i] = x ? x->text : STR("");
        }
        if (v[0].n)
                buf_addf(&b, "%.*s:", STR_FMT(v[0]));
        if (v[4].n)
                buf_add(&b, v[4]);
        else {
                if (v[0].n || v[1].n || v[6].n)
                        if (v[1].n || v[6].n || v[2].n)
                                buf_add_c(&b, "//");
                if (v[6].n)
                        buf_addf(&b, "%.*s@", STR_FMT(v[6]));
                add_escaped(&b, v[1], "-_.~!$&'()*+,;=:[]<>\"");
                if (v[2].n && v[2].p[0] != '/' && v[1].n)
                        buf_add_char(&b, '/');
                add_escaped(&b, v[2], "-_.~$&+,/:;=@!'()*");
        }
        if (v[3].n)
                buf_addf(&b, "?%.*s", STR_FMT(v[3]));
        if (v[5].n) {
                buf_add_char(&b, '#');
                add_escaped(&b, v[5], "-_.~$&+,/:;=@!()*?'");
        }
        return vm_text(vm, &b, ret);
}

/* --- the rest --- */

static bool semver(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        struct str s;
        bool yes;
        if (n == 1 ? !semver_normal(vm, args[0].text, &s) : !semver_holds(vm, args[0].text, args[1].text, &yes))
                return false;
        *ret = n == 1 ? x_text(s) : x_bool(yes);
        return true;
}

static bool fail(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) { return vm_fail(vm, "%.*s", STR_FMT(args[0].text)); }

static bool uuid(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        uint64_t a = random_next(&vm->random), b = random_next(&vm->random);
        *ret = x_text(arena_printf(vm->a, "%08x-%04x-4%03x-%04x-%012llx", (unsigned)(a >> 32), (unsigned)(a >> 16 & 0xFFFF), (unsigned)(a & 0xFFF),
                                   (unsigned)(0x8000 | (b >> 48 & 0x3FFF)), (unsigned long long)(b & 0xFFFFFFFFFFFF)));
        return true;
}

static bool random_bytes(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        if (args[0].integer < 0)
                return vm_fail(vm, "runtime error: makeslice: len out of range");
        char *p = vm_alloc(vm, (size_t)args[0].integer, 1);
        if (!p || !vm_step(vm, (uint64_t)args[0].integer))
                return false;
        for (int64_t i = 0; i < args[0].integer; i++)
                p[i] = (char)random_below(&vm->random, 256);
        return text_encode(vm, (struct str){p, (size_t)args[0].integer}, BASE64, ret);
}

static bool refused(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        const char *why = str_eq_c(str_from(vm->function->name), "getHostByName") ? "an expression cannot ask the network" : "its result would be stored in the open with the run; keep it in a Secret";
        return vm_fail(vm, "sprig.%s is not supported: %s", vm->function->name, why);
}

FUNCS(sprig_misc,
        SPRIG("ago", ago, 1, 1, ".", 0), SPRIG("base", path, 1, 1, "s", BASE), SPRIG("bcrypt", refused, 0, -1, ".", 0), SPRIG("buildCustomCert", refused, 0, -1, ".", 0),
        SPRIG("clean", path, 1, 1, "s", CLEAN), SPRIG("date", date, 2, 2, "s.", 0), SPRIG("dateInZone", date, 3, 3, "s.s", 0), SPRIG("dateModify", date_modify, 2, 2, "st", 0),
        SPRIG("date_in_zone", date, 3, 3, "s.s", 0), SPRIG("date_modify", date_modify, 2, 2, "st", 0), SPRIG("decryptAES", refused, 0, -1, ".", 0),
        SPRIG("deepEqual", deep_equal, 2, 2, ".", 0), SPRIG("derivePassword", refused, 0, -1, ".", 0), SPRIG("dir", path, 1, 1, "s", DIR),
        SPRIG("duration", duration, 1, 1, ".", 0), SPRIG("durationRound", duration_rounded, 1, 1, ".", 0), SPRIG("encryptAES", refused, 0, -1, ".", 0),
        SPRIG("ext", path, 1, 1, "s", EXT), SPRIG("fail", fail, 1, 1, "s", 0), SPRIG("genCA", refused, 0, -1, ".", 0), SPRIG("genCAWithKey", refused, 0, -1, ".", 0),
        SPRIG("genPrivateKey", refused, 0, -1, ".", 0), SPRIG("genSelfSignedCert", refused, 0, -1, ".", 0), SPRIG("genSelfSignedCertWithKey", refused, 0, -1, ".", 0),
        SPRIG("genSignedCert", refused, 0, -1, ".", 0), SPRIG("genSignedCertWithKey", refused, 0, -1, ".", 0), SPRIG("getHostByName", refused, 0, -1, ".", 0),
        SPRIG("htmlDate", html_date, 1, 1, ".", 0), SPRIG("htmlDateInZone", html_date, 2, 2, ".s", 0), SPRIG("htpasswd", refused, 0, -1, ".", 0),
        SPRIG("isAbs", path, 1, 1, "s", IS_ABS), SPRIG("kindIs", name_of, 2, 2, "s.", KIND), SPRIG("kindOf", name_of, 1, 1, ".", KIND),
        SPRIG("mustDateModify", date_modify, 2, 2, "st", 1), SPRIG("mustToDate", to_date, 2, 2, "s", 1), SPRIG("must_date_modify", date_modify, 2, 2, "st", 1),
        SPRIG("now", now, 0, 0, ".", 0), SPRIG("osBase", path, 1, 1, "s", BASE), SPRIG("osClean", path, 1, 1, "s", CLEAN), SPRIG("osDir", path, 1, 1, "s", DIR),
        SPRIG("osExt", path, 1, 1, "s", EXT), SPRIG("osIsAbs", path, 1, 1, "s", IS_ABS), SPRIG("randBytes", random_bytes, 1, 1, "I", 0),
        SPRIG("semver", semver, 1, 1, "s", 0), SPRIG("semverCompare", semver, 2, 2, "s", 0), SPRIG("toDate", to_date, 2, 2, "s", 0), SPRIG("typeIs", name_of, 2, 2, "s.", TYPE),
        SPRIG("typeIsLike", name_of, 2, 2, "s.", TYPE), SPRIG("typeOf", name_of, 1, 1, ".", TYPE), SPRIG("unixEpoch", unix_epoch, 1, 1, "t", 0),
        SPRIG("urlJoin", url_join, 1, 1, "m", 0), SPRIG("urlParse", url_parse, 1, 1, "s", 0), SPRIG("uuidv4", uuid, 0, 0, ".", 0),
);
