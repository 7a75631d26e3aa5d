/*
 * meters.h: the metrics of turns and of the calls made for them; names and labels in meters.c.
 */
#ifndef TURN_METERS_H
#define TURN_METERS_H

#include "base/macros.h"
#include "base/metric.h"

struct turn;
struct llm_call;
struct ledger_turn;
struct turn_metrics;

MUSTCHECK int turn_metrics_new(struct metric_set *set, struct turn_metrics **ret_meters);
void turn_metrics_free(struct turn_metrics *meters);
void turn_meter_call(const struct turn *t, const struct llm_call *c, int err);
void turn_meter_end(const struct turn *t, const struct ledger_turn *row);

#endif
