/* telemetry.c: does the collector take what it is sent? */
#include "cli/doctor/doctor.h"
#include "rt/loop.h"
#include "rt/task.h"

struct trial {
    const struct exporter *exporter;
    int err, status;
    struct fault fault;
};

static void try_it(void *arg)
{
    struct trial *t = arg;
    t->err = exporter_try(t->exporter, &t->status, &t->fault);
    loop_stop();
}

static void status_tell(struct doctor *d, struct str endpoint, int status)
{
    if (status >= 200 && status <= 299) {
        doctor_find(d, DOCTOR_OK, endpoint, "takes spans");
        return;
    }
    doctor_find(d, DOCTOR_WARNING, endpoint, "answers with status %d", status);
    if (status == 401 || status == 403)
        doctor_advise(d, "telemetry.headers has to have the token that the collector asks for");
    else if (status == 404 || status == 405 || status == 415)
        doctor_advise(d, "does it take OTLP over HTTP as JSON there? sluice adds /v1/traces");
    else
        doctor_advise(d, "the collector's own log says why");
}

/* Requests do not suffer from it, so that nothing here is a problem. */
void doctor_telemetry(struct doctor *d)
{
    struct trial t = {.exporter = d->snapshot->exporter};
    struct str endpoint = d->snapshot->config->telemetry.endpoint;
    if (!t.exporter) {
        doctor_find(d, DOCTOR_OK, STR_NONE, "is off");
        return;
    }
    d->err = task_spawn("trial", try_it, &t, NULL);
    if (!d->err)
        d->err = loop_run();
    if (d->err)
        return;
    if (!t.err) {
        status_tell(d, endpoint, t.status);
        return;
    }
    doctor_find(d, DOCTOR_WARNING, endpoint, "%s", fault_text(&t.fault));
    doctor_advise(d,
                  "does the collector run there, and take OTLP over HTTP (port 4318 by default)?");
}
