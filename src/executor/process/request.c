/* Reading what order.c writes. */
#include "executor/process/shepherd.h"

struct texts { char **p; size_t n; };

static void push(struct texts *to, struct str text) { to->p[to->n++] = (char *)text.p; }

void request_read(struct str frame, struct arena *a, struct request *r)
{
        size_t fields = 0;
        struct str rest = frame, text;
        char f;
        *r = (struct request){.log_max = 64 << 20, .scratch = -1, .grace_us = 10 * US_PER_S, .spawn = {.in = -1, .out = -1, .err = -1}};
        while (field_next(&rest, &f, &text))
                fields++;
        struct texts args = {arena_alloc_array(a, sizeof(char *), fields + 1), 0}, env = {arena_alloc_array(a, sizeof(char *), fields + 2), 0};
        struct texts keep = {NULL, 0}, writable = {NULL, 0}, show = {NULL, 0}, entries = {NULL, 0};
        struct spawn *x = &r->spawn;
        for (rest = frame; field_next(&rest, &f, &text);)
                switch (f) {
                case FIELD_DO: r->what = text; break;
                case FIELD_KEY: r->key = text; break;
                case FIELD_FOLDER: r->folder = text; break;
                case FIELD_PROGRAM: x->path = text.p; break;
                case FIELD_CWD: x->cwd = text.p; break;
                case FIELD_ARG: push(&args, text); break;
                case FIELD_ENV: push(&env, text); break;
                case FIELD_RESULT: r->wants_result = field_number(text); break;
                case FIELD_LOG_MAX: r->log_max = field_number(text); break;
                case FIELD_GRACE: r->grace_us = field_number(text); break;
                case FIELD_SCRATCH: r->scratch = field_number(text); break;
                case FIELD_MEMORY: x->memory_bytes = field_number(text); break;
                case FIELD_CPU: r->cpu_milli = field_number(text); break;
                case FIELD_SANDBOX: x->sandbox = true; break;
                case FIELD_TMP:
                        x->tmp = text.p;
                        x->private = true;
                        break;
                case FIELD_KEEP:
                        if (!keep.p)
                                keep.p = arena_alloc_array(a, sizeof(char *), fields + 1);
                        push(&keep, text);
                        break;
                case FIELD_HIDE: x->hide = text.p; break;
                case FIELD_SHOW:
                        if (!show.p)
                                show.p = arena_alloc_array(a, sizeof(char *), fields + 1);
                        push(&show, text);
                        break;
                case FIELD_WRITABLE:
                        if (!writable.p)
                                writable.p = arena_alloc_array(a, sizeof(char *), fields + 1);
                        push(&writable, text);
                        break;
                case FIELD_OVER:
                        if (!x->mounts)
                                x->mounts = arena_alloc_array(a, sizeof *x->mounts, fields);
                        x->mounts[x->mounts_n++].to = text.p;
                        entries = (struct texts){arena_alloc_array(a, sizeof(char *), fields + 1), 0};
                        x->mounts[x->mounts_n - 1].entries = entries.p;
                        break;
                case FIELD_UPPER:
                        if (x->mounts_n)
                                x->mounts[x->mounts_n - 1].upper = text.p;
                        break;
                case FIELD_WORK:
                        if (x->mounts_n)
                                x->mounts[x->mounts_n - 1].work = text.p;
                        break;
                case FIELD_ENTRY:
                        if (entries.p)
                                push(&entries, text);
                        break;
                default: /* of another version */
                        break;
                }
        x->argv = args.p;
        x->envp = env.p;
        x->keep = keep.p;
        x->writable = writable.p;
        x->show = show.p;
        if (r->key.n)
                env.p[env.n] = (char *)arena_printf(a, "WEFT_ATTEMPT=%.*s", STR_FMT(r->key)).p;
}
