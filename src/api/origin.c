/* Browsers send what any page wants them to. So a changing request that a browser marks with the page it comes from must come from a page of this server; and
 * where nobody is asked who they are, the name asked for must be this machine's, because a page whose name its owner lets point to 127.0.0.1 counts as
 * of the same origin, and could read answers too. */
#include "api/internal.h"

static struct str without_port(struct str host)
{
        size_t at = host.n;
        while (at && host.p[at - 1] >= '0' && host.p[at - 1] <= '9')
                at--;
        return at && host.p[at - 1] == ':' ? str_sub(host, 0, at - 1) : host;
}

static bool is_loopback_number(struct str host)
{
        bool good = str_starts(host, STR("127."));
        for (size_t i = 0; i < host.n; i++)
                good &= host.p[i] == '.' || (host.p[i] >= '0' && host.p[i] <= '9');
        return good;
}

static bool host_good(const struct exchange *x, struct error *e)
{
        struct str host = without_port(request_header(&x->r, "Host")), rest = x->api->o.settings->text[SET_API_HOSTS];
        if (!x->api->loopback || !x->r.who.everything || !host.n || str_eq_c(host, "localhost") || str_ends(host, STR(".localhost")) || is_loopback_number(host) || str_eq_c(host, "[::1]"))
                return true;
        while (rest.n) {
                struct str name = str_trim(str_cut(&rest, ','));
                if (str_eq(name, host) || str_eq_c(name, "*"))
                        return true;
        }
        return error_set(e, ERROR_DENIED, "this server is not known as %.*s; names beside localhost are in the setting api.hosts", STR_FMT(str_sub(host, 0, 200)));
}

static bool page_good(const struct exchange *x, struct error *e)
{
        struct str origin = request_header(&x->r, "Origin"), host = request_header(&x->r, "Host");
        if (!origin.n || str_eq_c(x->r.method, "GET") || str_eq_c(x->r.method, "HEAD"))
                return true;
        size_t at = str_find(origin, STR("://"), 0);
        return (at != SIZE_MAX && str_eq(str_sub(origin, at + 3, origin.n), host)) ||
               error_set(e, ERROR_DENIED, "a page of %.*s may not change anything here", STR_FMT(str_sub(origin, 0, 200)));
}

bool origin_check(const struct exchange *x, struct error *e) { return host_good(x, e) && page_good(x, e); }
