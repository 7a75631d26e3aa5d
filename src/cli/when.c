#include "cli/when.h"

#include "base/clock.h"

#define DAY_US INT64_C(86400000000)

bool when_digits(struct str s, unsigned least, unsigned most, unsigned *ret_n)
{
    uint64_t n = 0;
    if (!str_to_u64(s, most, &n) || n < least)
        return false;
    *ret_n = (unsigned)n;
    return true;
}

bool when_is_day(struct str s)
{
    static const unsigned char days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    unsigned year, month, day;
    if (s.n != 10 || s.p[4] != '-' || s.p[7] != '-')
        return false;
    if (!when_digits(str_of(s.p, 4), 1970, 9999, &year) ||
        !when_digits(str_of(s.p + 5, 2), 1, 12, &month) ||
        !when_digits(str_of(s.p + 8, 2), 1, 31, &day))
        return false;
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return day <= days[month - 1] && (month != 2 || day < 29 || leap);
}

struct str when_day_back(struct arena *a, unsigned back)
{
    char iso[25];
    clock_iso(clock_wall_us() - (int64_t)back * DAY_US, iso);
    return arena_str(a, str_of(iso, 10));
}

bool when_read(struct arena *a, const char *text, struct str *ret_day)
{
    struct str s = str_from(text);
    unsigned n;
    if (when_is_day(s)) {
        *ret_day = s;
        return true;
    }
    if (s.n < 2 || !when_digits(str_head(s, s.n - 1), 1, 36500, &n))
        return false;
    char unit = s.p[s.n - 1];
    if (unit != 'd' && unit != 'w')
        return false;
    *ret_day = when_day_back(a, (unit == 'w' ? n * 7 : n) - 1);
    return ret_day->p != NULL;
}
