/* Times and durations: expr-lang's built-ins, and the methods that Go's types have. A time zone is a function value that carries its
 * offset: UTC and fixed offsets only, as a database of zones would be a file. */
#include "expr/internal.h"
#include <math.h>

static bool zone_call(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) { return vm_fail(vm, "a time zone is not callable"); }

bool zone_value(struct vm *vm, struct str name, struct xvalue *ret) {
        int32_t offset;
        if (!zone_find(name, &offset))
                return vm_fail(vm, "unknown time zone %.*s", STR_FMT(name));
        struct func *f = VM_ARRAY(vm, struct func, 1);
        if (!f)
                return false;
        *f = (struct func){.name = arena_cstr(vm->a, name.n ? name : STR("UTC")), .run = zone_call, .flag = offset};
        *ret = (struct xvalue){.kind = X_FUNCTION, .function = f};
        return true;
}

static const struct func *zone_of(const struct xvalue *v) {
        const struct func *f = v->kind == X_FUNCTION ? v->function : NULL;
        return f && f->run == zone_call ? f : NULL;
}

static bool now(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        const struct func *zone = n ? zone_of(&args[0]) : NULL;
        if (n && !zone)
                return vm_fail(vm, "invalid number of arguments (expected 0, got 1)");
        *ret = x_time(vm->env->now.us, zone ? zone->flag : 0);
        return true;
}

static bool duration(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        int64_t ns;
        if (!duration_ns(args[0].text, &ns))
                return vm_fail(vm, "time: invalid duration \"%.*s\"", STR_FMT(args[0].text));
        *ret = x_duration(ns);
        return true;
}

static bool timezone(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) { return zone_value(vm, args[0].text, ret); }

/* date([zone,] text [, layout [, zone]]) */
static bool date(struct vm *vm, const struct xvalue *args, size_t n, struct xvalue *ret) {
        const struct func *zone = zone_of(&args[0]);
        int64_t us;
        int32_t offset, zone_s = zone ? zone->flag : 0;
        bool placed = zone != NULL;
        if (zone) {
                args++;
                n--;
        }
        for (size_t i = 0; i < (n ? n : 1); i++)
                if (n == 0 || args[i].kind != X_STRING)
                        return vm_fail(vm, n == 0 ? "invalid number of arguments (expected at least 1, got 0)" : "interface conversion: interface {} is %s, not string",
                                       n && args[i].kind != X_NIL ? x_go_type(&args[i]) : "nil");
        if (n == 3) {
                if (!zone_find(args[2].text, &zone_s))
                        return vm_fail(vm, "unknown time zone %.*s", STR_FMT(args[2].text));
                placed = true;
        }
        if (n == 1 && !time_parse_any(args[0].text, &us, &offset))
                return vm_fail(vm, "invalid date %.*s", STR_FMT(args[0].text));
        if (n > 1 && !time_parse(args[1].text, args[0].text, &us, &offset))
                return vm_fail(vm, "parsing time \"%.*s\" as \"%.*s\": cannot parse it", STR_FMT(args[0].text), STR_FMT(args[1].text));
        bool moved = placed && offset == 0 && zone_s != 0; /* a text without an offset is in the given zone */
        *ret = x_time(moved ? us - zone_s * US_PER_S : us, moved ? zone_s : offset);
        return true;
}

FUNCS(builtins_time,
        {"date", date, 1, 4, S_TIME, "."},
        {"duration", duration, 1, 1, S_DURATION, "s"},
        {"now", now, 0, 1, S_TIME, "."},
        {"timezone", timezone, 1, 1, S_UNKNOWN, "s"},
);

/* --- methods --- */

int64_t duration_round(int64_t ns, int64_t unit, bool nearest) {
        if (unit <= 0)
                return ns;
        int64_t rest = ns % unit, down = ns - rest, up;
        int64_t size = rest < 0 ? -rest : rest;
        if (!nearest || size < unit - size)
                return down;
        if (__builtin_add_overflow(down, ns < 0 ? -unit : unit, &up))
                return ns < 0 ? INT64_MIN : INT64_MAX;
        return up;
}

/* Go's rounding of times counts from the year 1. */
static int64_t time_round(int64_t us, int64_t unit_ns, bool nearest) {
        if (unit_ns < 1000)
                return us;
        int64_t unit = unit_ns / 1000, epoch = INT64_C(62135596800) * US_PER_S, since;
        if (__builtin_add_overflow(us, epoch, &since))
                return us;
        int64_t rest = (since % unit + unit) % unit;
        return nearest && rest >= unit - rest ? us - rest + unit : us - rest;
}

struct method { const char *name; uint8_t id, least; const char *takes; };
enum { M_FORMAT, M_YEAR, M_MONTH, M_DAY, M_HOUR, M_MINUTE, M_SECOND, M_NANOSECOND, M_WEEKDAY, M_YEAR_DAY, M_UNIX, M_UNIX_MILLI, M_UNIX_MICRO, M_UNIX_NANO, M_ADD, M_ADD_DATE,
       M_SUB, M_AFTER, M_BEFORE, M_EQUAL, M_COMPARE, M_IS_ZERO, M_UTC, M_IN, M_TRUNCATE, M_ROUND, M_STRING, M_HOURS, M_MINUTES, M_SECONDS, M_MILLI, M_MICRO, M_NANO, M_ABS };

/* t time, d duration, s text, i int, z zone */
static const struct method time_methods[] = {
        {"Add", M_ADD, 1, "d"}, {"AddDate", M_ADD_DATE, 3, "iii"}, {"After", M_AFTER, 1, "t"}, {"Before", M_BEFORE, 1, "t"}, {"Compare", M_COMPARE, 1, "t"}, {"Day", M_DAY, 0, ""},
        {"Equal", M_EQUAL, 1, "t"}, {"Format", M_FORMAT, 1, "s"}, {"Hour", M_HOUR, 0, ""}, {"In", M_IN, 1, "z"}, {"IsZero", M_IS_ZERO, 0, ""}, {"Local", M_UTC, 0, ""},
        {"Minute", M_MINUTE, 0, ""}, {"Month", M_MONTH, 0, ""}, {"Nanosecond", M_NANOSECOND, 0, ""}, {"Round", M_ROUND, 1, "d"}, {"Second", M_SECOND, 0, ""},
        {"String", M_STRING, 0, ""}, {"Sub", M_SUB, 1, "t"}, {"Truncate", M_TRUNCATE, 1, "d"}, {"UTC", M_UTC, 0, ""}, {"Unix", M_UNIX, 0, ""}, {"UnixMicro", M_UNIX_MICRO, 0, ""},
        {"UnixMilli", M_UNIX_MILLI, 0, ""}, {"UnixNano", M_UNIX_NANO, 0, ""}, {"Weekday", M_WEEKDAY, 0, ""}, {"Year", M_YEAR, 0, ""}, {"YearDay", M_YEAR_DAY, 0, ""},
};
static const struct method duration_methods[] = {
        {"Abs", M_ABS, 0, ""}, {"Hours", M_HOURS, 0, ""}, {"Microseconds", M_MICRO, 0, ""}, {"Milliseconds", M_MILLI, 0, ""}, {"Minutes", M_MINUTES, 0, ""},
        {"Nanoseconds", M_NANO, 0, ""}, {"Round", M_ROUND, 1, "d"}, {"Seconds", M_SECONDS, 0, ""}, {"String", M_STRING, 0, ""}, {"Truncate", M_TRUNCATE, 1, "d"},
};

static struct civil civil_of(const struct xvalue *t) { return wall_civil((struct wall){t->integer + t->zone_s * US_PER_S}); }

static struct xvalue calendar(const struct xvalue *t, int id) {
        struct civil c = civil_of(t);
        switch (id) {
        case M_YEAR: return x_int(c.year);
        case M_MONTH: return x_int(c.month);
        case M_DAY: return x_int(c.day);
        case M_HOUR: return x_int(c.hour);
        case M_MINUTE: return x_int(c.minute);
        case M_SECOND: return x_int(c.second);
        case M_NANOSECOND: return x_int(c.microsecond * INT64_C(1000));
        case M_WEEKDAY: return x_int(c.weekday);
        default: return x_int(c.yearday + 1);
        }
}

static int64_t floor_div(int64_t a, int64_t b) { return a / b - (a % b < 0); }

static struct xvalue add_date(const struct xvalue *t, const struct xvalue *args) {
        struct civil c = civil_of(t);
        int64_t months, years, days = args[2].integer;
        if (__builtin_add_overflow(c.month - 1, args[1].integer, &months))
                months = 0;
        years = args[0].integer + floor_div(months, 12);
        int64_t most = 4000000;
        if (days > most * 300 || days < -most * 300 || years > most || years < -most)
                return *t;
        int day = c.day;
        c.year += years;
        c.month = (int)(months - floor_div(months, 12) * 12) + 1;
        c.day = 1;
        return x_time(civil_wall(c).us + (day - 1 + days) * 86400 * US_PER_S - t->zone_s * US_PER_S, t->zone_s);
}

static bool time_method(struct vm *vm, const struct xvalue *t, const struct method *m, const struct xvalue *args, struct xvalue *ret) {
        int64_t us = t->integer;
        switch (m->id) {
        case M_FORMAT: *ret = x_text(time_format(us, t->zone_s, args[0].text, vm->a)); return vm_step(vm, args[0].text.n);
        case M_STRING: *ret = x_text(x_print(t, vm->a)); break;
        case M_UNIX: *ret = x_int(floor_div(us, US_PER_S)); break;
        case M_UNIX_MILLI: *ret = x_int(floor_div(us, US_PER_MS)); break;
        case M_UNIX_MICRO: *ret = x_int(us); break;
        case M_UNIX_NANO: *ret = x_int((int64_t)((uint64_t)us * 1000)); break;
        case M_ADD: case M_SUB: return vm_binary(vm, m->id == M_ADD ? B_ADD : B_SUB, t, &args[0], ret);
        case M_ADD_DATE: *ret = add_date(t, args); break;
        case M_AFTER: *ret = x_bool(us > args[0].integer); break;
        case M_BEFORE: *ret = x_bool(us < args[0].integer); break;
        case M_EQUAL: *ret = x_bool(us == args[0].integer); break;
        case M_COMPARE: *ret = x_int(us < args[0].integer ? -1 : us > args[0].integer); break;
        case M_IS_ZERO: *ret = x_bool(us == -INT64_C(62135596800) * US_PER_S); break;
        case M_UTC: *ret = x_time(us, 0); break;
        case M_IN: *ret = x_time(us, zone_of(&args[0])->flag); break;
        case M_TRUNCATE: case M_ROUND: *ret = x_time(time_round(us, args[0].integer, m->id == M_ROUND), t->zone_s); break;
        default: *ret = calendar(t, m->id); break;
        }
        return true;
}

static bool duration_method(struct vm *vm, const struct xvalue *d, const struct method *m, const struct xvalue *args, struct xvalue *ret) {
        int64_t ns = d->integer;
        switch (m->id) {
        case M_HOURS: *ret = x_float((double)(ns / 3600000000000) + (double)(ns % 3600000000000) / 3.6e12); break;
        case M_MINUTES: *ret = x_float((double)(ns / 60000000000) + (double)(ns % 60000000000) / 6e10); break;
        case M_SECONDS: *ret = x_float((double)(ns / 1000000000) + (double)(ns % 1000000000) / 1e9); break;
        case M_MILLI: *ret = x_int(ns / 1000000); break;
        case M_MICRO: *ret = x_int(ns / 1000); break;
        case M_NANO: *ret = x_int(ns); break;
        case M_ABS: *ret = x_duration(ns == INT64_MIN ? INT64_MAX : ns < 0 ? -ns : ns); break;
        case M_STRING: *ret = x_text(duration_text(ns, vm->a)); break;
        default: *ret = x_duration(duration_round(ns, args[0].integer, m->id == M_ROUND)); break;
        }
        return true;
}

bool vm_method(struct vm *vm, const struct xvalue *of, struct str name, const struct xvalue *args, size_t n, struct xvalue *ret) {
        bool time = of->kind == X_TIME;
        const struct method *methods = time ? time_methods : duration_methods, *m = NULL;
        size_t count = time ? sizeof time_methods / sizeof *time_methods : of->kind == X_DURATION ? sizeof duration_methods / sizeof *duration_methods : 0;
        for (size_t i = 0; i < count && !m; i++)
                if (str_eq_c(name, methods[i].name))
                        m = &methods[i];
        if (!m)
                return vm_fail(vm, "type %s has no method %.*s", x_go_type(of), STR_FMT(name));
        if (n != m->least)
                return vm_fail(vm, "reflect: Call with too %s input arguments", n < m->least ? "few" : "many");
        static const struct { char take; enum xkind kind; } kinds[] = {{'t', X_TIME}, {'d', X_DURATION}, {'s', X_STRING}, {'i', X_INT}, {'z', X_FUNCTION}};
        for (size_t i = 0; i < n; i++)
                for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
                        if (m->takes[i] == kinds[k].take && (args[i].kind != kinds[k].kind || (kinds[k].kind == X_FUNCTION && !zone_of(&args[i]))))
                                return vm_fail(vm, "%s does not take %s", m->name, x_go_type(&args[i]));
        return time ? time_method(vm, of, m, args, ret) : duration_method(vm, of, m, args, ret);
}
