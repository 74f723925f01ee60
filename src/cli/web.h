/* A client of a server's native API. libcurl is loaded when the first request is made. */
#pragma once
#include "cli/cli.h"
#include "text/value.h"

struct web { struct arena *arena; struct str server, token; void *curl; };

/* The server that the command line, or $WEFT_SERVER, names; empty: this machine's data folder is meant. */
struct str web_server(const struct args *a);
/* The token is $WEFT_TOKEN, else what `weft login` keeps for this server. */
bool web_open(struct web *w, const struct args *a, struct error *e);
void web_close(struct web *w);
/* `path` is below /api/weft/v1; the answer's JSON lives in the arena. An answer that is an error becomes one, with its kind. */
bool web_call(struct web *w, const char *method, struct str path, const struct value *body, struct value *ret, struct error *e);
/* The body as it comes; false from `piece` ends it, and is no error. */
typedef bool web_piece(void *user, struct str piece);
bool web_stream(struct web *w, struct str path, web_piece *piece, void *user, struct error *e);
struct str web_escape(struct str s, struct arena *a);
bool web_login_save(const struct args *a, struct str server, struct str token, struct error *e);

/* remote.c: commands against a server */
int remote_run(struct args *a);
int remote_list(struct args *a);
int remote_get(struct args *a);
int remote_logs(struct args *a);
int remote_change(struct args *a, const char *action);
int remote_approve(struct args *a);
int remote_delete(struct args *a);
