#include "guard/doors.h"

/* "localhost:8080" without its port; "[::1]:8080" gives "::1". */
static struct str host_name(struct str host)
{
    if (str_starts(host, STR("["))) {
        ptrdiff_t end = str_find(host, STR("]"));
        return end < 0 ? host : str_of(host.p + 1, (size_t)end - 1);
    }
    ptrdiff_t colon = str_find(host, STR(":"));
    return colon < 0 ? host : str_head(host, (size_t)colon);
}

/* 127.anything, as numbers: "127.evil.com" is a name that anybody can register. */
static bool is_loopback_number(struct str name)
{
    unsigned parts = 0;
    struct str rest = name;
    for (; rest.p && parts < 5; parts++) {
        uint64_t number = 0;
        struct str part = str_cut(&rest, '.');
        if (!str_to_u64(part, 255, &number) || (parts == 0 && number != 127))
            return false;
    }
    return parts == 4;
}

static bool is_ours(struct str name, const struct str *hosts, unsigned hosts_n)
{
    if (str_eq_nocase(name, STR("localhost")) || str_eq(name, STR("::1")) ||
        is_loopback_number(name))
        return true;
    for (unsigned i = 0; i < hosts_n; i++)
        if (str_eq_nocase(name, hosts[i]))
            return true;
    return false;
}

int door_check_local(struct str host, struct str origin, const struct str *hosts, unsigned hosts_n,
                     struct fault *f)
{
    if (host.n > 0 && !is_ours(host_name(host), hosts, hosts_n))
        return fault_set(f, E_BAD_ORIGIN,
                         "Host '%.*s' is not this machine; without keys sluice answers to "
                         "localhost and to the names under 'hosts' only",
                         STR_ARGS(str_head(host, 80)));
    if (!origin.p)
        return 0;
    struct str scheme_end = STR("://");
    ptrdiff_t at = str_find(origin, scheme_end);
    struct str name = at < 0 ? origin : host_name(str_tail(origin, (size_t)at + scheme_end.n));
    if (at < 0 || !is_ours(name, hosts, hosts_n))
        return fault_set(f, E_BAD_ORIGIN, "a web page of '%.*s' may not call sluice without a key",
                         STR_ARGS(str_head(origin, 80)));
    return 0;
}
