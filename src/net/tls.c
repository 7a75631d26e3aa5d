/*
 * tls.c: OpenSSL over any stream.
 *
 * OpenSSL sees a BIO of our own: its reads take what the lower stream has now, its writes collect
 * in `out`. Every SSL_ call therefore returns without waiting, on the loop's stack (they go deep
 * and a task's stack stays small), and the functions here do the waiting between the calls:
 *
 *     SSL_read  -> BIO read  -> stream_read_now(lower)  -> nothing there: wait, again
 *     SSL_write -> BIO write -> out -> tls_flush -> stream_writev(lower), may wait
 *
 * Of a client's stream the lower one is only borrowed: the listener made it and closes it.
 *
 * A task that reads may make OpenSSL write (an answer to a key update) while another task flushes:
 * whoever flushes first also sends what the other one adds, in order.
 */
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

#include "net/tls_internal.h"
#include "rt/loop.h"

/* ---- the BIO under OpenSSL */

static int bio_read(BIO *bio, char *bytes, size_t n, size_t *ret_n)
{
    struct tls *t = BIO_get_data(bio);
    int err = stream_read_now(t->lower, bytes, n, ret_n);

    BIO_clear_retry_flags(bio);
    t->lower_short = err == 0 && *ret_n < n;
    if (err == 0)
        return 1;
    *ret_n = 0;
    if (err == E_AGAIN)
        BIO_set_retry_read(bio);
    else
        t->lower_err = err;
    return 0;
}

static int bio_write(BIO *bio, const char *bytes, size_t n, size_t *ret_n)
{
    struct tls *t = BIO_get_data(bio);
    int err = buf_add(&t->out, bytes, n);

    BIO_clear_retry_flags(bio);
    *ret_n = 0;
    if (err != 0) {
        t->write_err = err;
        return 0;
    }
    *ret_n = n;
    return 1;
}

static long bio_ctrl(BIO *bio, int command, long number, void *pointer)
{
    const struct tls *t = BIO_get_data(bio);

    (void)number;
    (void)pointer;
    switch (command) {
    case BIO_CTRL_FLUSH:
        return 1;
    case BIO_CTRL_EOF:
        return t != NULL && t->lower_err == E_EOF;
    default:
        return 0;
    }
}

BIO_METHOD *tls_bio_method_new(void)
{
    BIO_METHOD *m = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "stream");

    if (m == NULL)
        return NULL;
    BIO_meth_set_read_ex(m, bio_read);
    BIO_meth_set_write_ex(m, bio_write);
    BIO_meth_set_ctrl(m, bio_ctrl);
    return m;
}

/* ---- calls into OpenSSL, on the loop's stack */

static void call_on_loop_stack(void *arg)
{
    struct tls_call *c = arg;
    SSL *ssl = c->t->ssl;
    int ok = 0;

    if (ERR_peek_error() != 0) /* SSL_get_error looks at it; clearing it is not cheap */
        ERR_clear_error();
    switch (c->what) {
    case HANDSHAKE:
        ok = SSL_do_handshake(ssl);
        break;
    case READ:
        ok = SSL_read_ex(ssl, c->bytes, c->n, &c->done);
        break;
    case PEEK:
        ok = SSL_peek_ex(ssl, c->bytes, c->n, &c->done);
        break;
    case WRITE:
        ok = SSL_write_ex(ssl, c->bytes, c->n, &c->done);
        break;
    }
    if (ok == 1) {
        c->error = SSL_ERROR_NONE;
        return;
    }
    c->error = SSL_get_error(ssl, ok);
    c->reason = ERR_peek_error();
    /* A wait may be long, and OpenSSL keeps 17 KB for writing after each session ticket. Only
     * between records ("RH"): with just a record's header read, older releases would free the
     * buffer that it is in (CVE-2024-4741). */
    if (c->error == SSL_ERROR_WANT_READ && strcmp(SSL_rstate_string(ssl), "RH") == 0)
        SSL_free_buffers(ssl);
}

void tls_call(struct tls *t, struct tls_call *c)
{
    c->t = t;
    loop_stack_call(call_on_loop_stack, c);
}

int tls_flush(struct tls *t)
{
    while (t->flushing) {
        int err = waitq_wait(&t->flushed);
        if (err != 0)
            return err;
    }
    t->flushing = true;
    while (t->write_err == 0 && t->out.n > 0) {
        struct iovec iov = {.iov_len = t->out.n};
        char *bytes = buf_steal(&t->out, &iov.iov_len);
        iov.iov_base = bytes;
        t->write_err = stream_writev(t->lower, &iov, 1);
        free(bytes);
    }
    t->flushing = false;
    waitq_wake_all(&t->flushed);
    return t->write_err;
}

/* ---- reading */

/* READ or PEEK of what is there now; E_AGAIN, E_EOF and the like otherwise. */
static int take_now(struct tls *t, enum tls_what what, void *bytes, size_t n, size_t *ret_n)
{
    struct tls_call c = {.what = what, .bytes = bytes, .n = n};

    if (t->read_err != 0)
        return t->read_err;
    /* After a request that came whole, OpenSSL would take a buffer just to find nothing there. */
    t->drained = t->lower_short && !SSL_has_pending(t->ssl);
    if (t->drained)
        return E_AGAIN;
    tls_call(t, &c);
    t->drained = c.error == SSL_ERROR_WANT_READ;
    switch (c.error) {
    case SSL_ERROR_NONE:
        *ret_n = c.done;
        return 0;
    case SSL_ERROR_WANT_READ:
        return E_AGAIN;
    default:
        break;
    }
    if (t->lower_err !=
        0) /* its end without close_notify may be an attacker's cut: no orderly one */
        t->read_err = t->lower_err == E_EOF ? E_RESET : t->lower_err;
    else
        t->read_err = c.error == SSL_ERROR_ZERO_RETURN ? E_EOF : E_TLS;
    return t->read_err;
}

static int tls_read_now(struct stream *s, void *bytes, size_t n, size_t *ret_n)
{
    return take_now(CONTAINER_OF(s, struct tls, stream), READ, bytes, n, ret_n);
}

/* Until the lower stream has something. First goes what OpenSSL may have answered by itself. */
static int wait_lower(struct tls *t)
{
    int err = t->out.n > 0 && !t->flushing ? tls_flush(t) : 0;

    if (err == 0)
        err = stream_wait_readable(t->lower);
    t->lower_short = false;
    return err;
}

static int take(struct tls *t, enum tls_what what, void *bytes, size_t n, size_t *ret_n)
{
    int err;

    while ((err = take_now(t, what, bytes, n, ret_n)) == E_AGAIN) {
        err = wait_lower(t);
        if (err != 0)
            break;
    }
    return err;
}

static int tls_read(struct stream *s, void *bytes, size_t n, size_t *ret_n)
{
    return take(CONTAINER_OF(s, struct tls, stream), READ, bytes, n, ret_n);
}

static int tls_wait_readable(struct stream *s)
{
    struct tls *t = CONTAINER_OF(s, struct tls, stream);
    char byte;
    size_t n;

    /* A record that turns out to hold nothing to read is for the reader to find. */
    if (t->drained)
        return wait_lower(t);
    int err = take(t, PEEK, &byte, 1, &n);

    /* How the stream ended is for the next read to say. */
    return err != 0 && err == t->read_err ? 0 : err;
}

/* ---- writing */

static size_t at_most_a_record(const struct iovec *iov, int count)
{
    size_t n = 0;

    while (count-- > 0 && n < RECORD_BYTES)
        n += iov++->iov_len;
    return n < RECORD_BYTES ? n : RECORD_BYTES;
}

/* The next record's plain text: a piece that is large enough as it is, small ones put together. */
static struct str next_record(struct iovec **iov, int *count, char **together)
{
    while (*count > 0 && (*iov)->iov_len == 0) {
        (*iov)++;
        (*count)--;
    }
    if (*count == 0)
        return STR_NONE;
    struct iovec *v = *iov;
    size_t n = v->iov_len < RECORD_BYTES ? v->iov_len : RECORD_BYTES;
    if (*count > 1 && n < RECORD_BYTES && *together == NULL)
        *together = malloc(at_most_a_record(*iov, *count)); /* later ones are no larger */
    if (*count == 1 || n == RECORD_BYTES || *together == NULL) {
        struct str record = {v->iov_base, n};
        v->iov_base = (char *)v->iov_base + n;
        v->iov_len -= n;
        return record;
    }
    n = 0;
    while (*count > 0 && n < RECORD_BYTES) {
        v = *iov;
        size_t more = v->iov_len < RECORD_BYTES - n ? v->iov_len : RECORD_BYTES - n;
        if (more > 0)
            memcpy(*together + n, v->iov_base, more);
        n += more;
        v->iov_base = (char *)v->iov_base + more;
        v->iov_len -= more;
        if (v->iov_len == 0) {
            (*iov)++;
            (*count)--;
        }
    }
    return (struct str){*together, n};
}

static int encrypt(struct tls *t, struct str record)
{
    struct tls_call c = {.what = WRITE, .bytes = (void *)record.p, .n = record.n};

    tls_call(t, &c);
    if (c.error == SSL_ERROR_NONE && c.done == record.n)
        return 0;
    if (t->write_err == 0)
        t->write_err = t->lower_err == E_EOF ? E_CLOSED : t->lower_err != 0 ? t->lower_err : E_TLS;
    return t->write_err;
}

static int tls_writev(struct stream *s, struct iovec *iov, int count)
{
    struct tls *t = CONTAINER_OF(s, struct tls, stream);
    char *together = NULL;
    int err = t->write_err;

    while (err == 0) {
        struct str record = next_record(&iov, &count, &together);
        if (record.n == 0)
            break;
        err = encrypt(t, record);
        if (err == 0 && t->out.n >= FLUSH_BYTES)
            err = tls_flush(t);
    }
    free(together);
    return err != 0 ? err : tls_flush(t);
}

void tls_flush_now(struct tls *t)
{
    size_t n;

    while (t->write_err == 0 && !t->flushing && t->out.n > 0) {
        t->write_err = stream_write_now(t->lower, t->out.p, t->out.n, &n);
        if (t->write_err == 0)
            buf_drop(&t->out, n);
    }
}

static int tls_write_now(struct stream *s, const void *bytes, size_t n, size_t *ret_n)
{
    struct tls *t = CONTAINER_OF(s, struct tls, stream);

    if (t->write_err != 0)
        return t->write_err;
    if (t->flushing || t->out.n > 0)
        return E_AGAIN;
    n = n < RECORD_BYTES ? n : RECORD_BYTES;
    int err = encrypt(t, str_of(bytes, n));
    if (err != 0)
        return err;
    tls_flush_now(t);
    if (t->write_err == E_AGAIN)
        t->write_err = 0; /* the rest of the record stays in `out` for the next flush */
    *ret_n = n;
    return t->write_err;
}

/* ---- the rest of a stream */

static void tls_watch_hangup(struct stream *s, void (*fn)(void *arg), void *arg)
{
    stream_watch_hangup(CONTAINER_OF(s, struct tls, stream)->lower, fn, arg);
}

/*
 * TLS 1.3 sends session tickets when it likes. They make the lower stream readable without being
 * anything that the user of this one would read: take them in, then look.
 */
static bool tls_is_quiet(struct stream *s)
{
    struct tls *t = CONTAINER_OF(s, struct tls, stream);
    char byte;
    size_t n;

    if (t->read_err != 0 || t->write_err != 0)
        return false;
    if (stream_is_quiet(t->lower) && !SSL_has_pending(t->ssl))
        return true;
    t->lower_short = false; /* it has more now */
    return take_now(t, PEEK, &byte, 1, &n) == E_AGAIN && !SSL_has_pending(t->ssl) &&
           stream_is_quiet(t->lower);
}

static void shutdown_on_loop_stack(void *arg)
{
    ERR_clear_error();
    SSL_shutdown(arg);
    ERR_clear_error();
}

static void say_goodbye(struct tls *t)
{
    bool fatal = t->read_err == E_TLS || t->write_err == E_TLS;

    if (!t->established || fatal || (SSL_get_shutdown(t->ssl) & SSL_SENT_SHUTDOWN) != 0)
        return;
    loop_stack_call(shutdown_on_loop_stack, t->ssl);
    tls_flush_now(t);
}

static void tls_shut_write(struct stream *s)
{
    struct tls *t = CONTAINER_OF(s, struct tls, stream);

    say_goodbye(t);
    if (t->write_err == 0)
        t->write_err = E_CLOSED;
    stream_shut_write(t->lower);
}

static void free_on_loop_stack(void *arg)
{
    SSL_free(arg);
}

static void tls_close(struct stream *s)
{
    struct tls *t = CONTAINER_OF(s, struct tls, stream);

    if (t->ssl != NULL) {
        /* OpenSSL spoils the session of a connection that is freed without a farewell. */
        say_goodbye(t);
        loop_stack_call(free_on_loop_stack, t->ssl);
    }
    if (!t->borrowed)
        stream_close(t->lower);
    buf_fini(&t->out);
    free(t->host);
    tls_context_unref(t->ctx);
    free(t);
}

const struct stream_ops tls_stream_ops = {
    .kind = "tls",
    .read = tls_read,
    .read_now = tls_read_now,
    .wait_readable = tls_wait_readable,
    .writev = tls_writev,
    .watch_hangup = tls_watch_hangup,
    .is_quiet = tls_is_quiet,
    .shut_write = tls_shut_write,
    .close = tls_close,
    .write_now = tls_write_now,
};

bool tls_was_resumed(const struct stream *s)
{
    return s->ops == &tls_stream_ops &&
           SSL_session_reused(CONTAINER_OF(s, struct tls, stream)->ssl) == 1;
}

struct str tls_protocol(const struct stream *s)
{
    const unsigned char *name = NULL;
    unsigned n = 0;

    if (s->ops == &tls_stream_ops)
        SSL_get0_alpn_selected(CONTAINER_OF(s, struct tls, stream)->ssl, &name, &n);
    return name != NULL ? str_of((const char *)name, n) : STR_NONE;
}
