/*
 * otlp.h: spans and metrics as OTLP's JSON (ExportTraceServiceRequest, ExportMetricsServiceRequest)
 * with the names of OpenTelemetry's semantic conventions.
 *
 *     otlp_spans_begin(out, &resource);
 *     otlp_span(out, span) ...          and so for metrics
 *     otlp_spans_end(out);
 *
 * Pure: nothing here yields, but between two spans or series the caller may. What fails is kept in
 * out->failed. Specification: opentelemetry.io/docs/specs/otlp, /docs/specs/semconv (gen-ai, http).
 */
#ifndef TURN_OTLP_H
#define TURN_OTLP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/metric.h"
#include "conf/conf.h"
#include "turn/telemetry/span.h"

struct otlp_resource {
    struct str service_name, service_version, instance_id;
    const struct conf_str_map *more; /* further attributes; may be NULL */
};

/* A span is never longer, whatever clients and providers called things. */
#define OTLP_SPAN_BYTES_MAX 6000

void otlp_spans_begin(struct buf *out, const struct otlp_resource *resource);
void otlp_span(struct buf *out, const struct span *span);
void otlp_spans_end(struct buf *out);

/* One series after the other, as metric_next gives them. `began`: when counting began. */
struct otlp_metrics {
    struct buf *out;
    int64_t began_wall_us, now_wall_us;
    const struct metric_desc *open; /* the family that is being written */
    unsigned points;
};
void otlp_metrics_begin(struct otlp_metrics *m, const struct otlp_resource *resource);
void otlp_metric(struct otlp_metrics *m, const struct metric_view *view);
void otlp_metrics_end(struct otlp_metrics *m);

#endif
