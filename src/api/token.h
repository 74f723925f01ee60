/* Making tokens: for the server's requests, and for who owns the data folder. */
#pragma once
#include "model/records.h"
#include "text/value.h"

struct token_wish { struct str user, description, role /* empty: what its user may */; struct value groups; struct wall expires_at; };
struct str token_new(struct arena *a);                     /* "weft_" and 64 hexadecimal digits of 256 random bits */
struct str token_hash(struct str token, struct arena *a);  /* what is stored: hexadecimal digits */
/* Without an id. Texts are borrowed or the arena's. */
struct record token_record(struct str token, const struct token_wish *, struct arena *a);
