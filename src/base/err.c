#include "base/err.h"

#include <errno.h>
#include <stdio.h>

static const struct {
    const char *code;
    const char *text;
    int status;
    bool retry;
} rows[] = {
#define ERR_ROW(symbol, code, status, retry, text) {code, text, status, retry},
    ERR_TABLE(ERR_ROW)
#undef ERR_ROW
};

#define FIRST (E_FIRST__ + 1)

/* The table's index; what is no error of ours counts as a mistake of ours. */
static int row_of(int err)
{
    return err > E_FIRST__ && err < E_LAST__ ? err - FIRST : E_INTERNAL - FIRST;
}

const char *err_code(int err)
{
    return err ? rows[row_of(err)].code : "ok";
}

const char *err_text(int err)
{
    return err ? rows[row_of(err)].text : "ok";
}

int err_status(int err)
{
    return err ? rows[row_of(err)].status : 200;
}

bool err_retryable(int err)
{
    return err && rows[row_of(err)].retry;
}

int err_from_errno(int error)
{
    switch (error) {
    case 0:
        return 0;
    case ECONNRESET:
    case ENETRESET:
        return E_RESET;
    case EPIPE:
    case ENOTCONN:
    case ESHUTDOWN:
    case ECONNABORTED:
        return E_CLOSED;
    case ECONNREFUSED:
    case EHOSTUNREACH:
    case ENETUNREACH:
    case EADDRNOTAVAIL:
        return E_REFUSED;
    case ETIMEDOUT:
        return E_TIMEOUT;
    case ENOMEM:
    case ENOBUFS:
        return E_MEMORY;
    case EAGAIN:
        return E_AGAIN;
    case ECANCELED:
        return E_CANCELED;
    case EMFILE:
    case ENFILE:
        return E_OVERLOADED;
    default:
        return E_IO;
    }
}

int fault_set(struct fault *f, int err, const char *fmt, ...)
{
    if (!f || f->err)
        return err;
    f->err = err;
    va_list args;
    va_start(args, fmt);
    vsnprintf(f->text, sizeof(f->text), fmt, args);
    va_end(args);
    return err;
}

void fault_clear(struct fault *f)
{
    if (f) {
        f->err = 0;
        f->text[0] = f->param[0] = '\0';
    }
}

const char *fault_text(const struct fault *f)
{
    return f->text[0] ? f->text : err_text(f->err);
}

const char *why_text(const struct fault *f, int err)
{
    return f->err ? fault_text(f) : err_text(err);
}
