/* Webhooks as prospiq has them: subscriptions to events, the events, and what becomes of each on
 * its way to each subscriber. Everything is in the account's notes, so that a simulator started
 * again knows its subscribers, answers polls, and delivers what was not delivered (at least
 * once). */
#ifndef TRANCHE_SIM_HOOKS_H
#define TRANCHE_SIM_HOOKS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"
#include "sim/vendor.h"
#include "wire/json.h"

enum hook_event { HOOK_VERIFIED, HOOK_LOW, HOOK_EXHAUSTED, HOOK_BULK, HOOK_LISTED, HOOK_EVENTS };

struct hooks;

struct hooks *hooks_create(struct shop *shop);
void hooks_destroy(struct hooks *h);

const char *hooks_name(enum hook_event event);
bool hooks_find(struct slice name, enum hook_event *event);
/* Whether an address may be one of a webhook: https, or plain HTTP on this machine, which is the
 * only one that is really called. */
bool hooks_url_valid(struct slice url);

/* Subscribing: the reply's members in out and 200, else 409 or 422. url: a valid one. */
int hooks_subscribe(struct hooks *h, enum hook_event event, struct slice url, struct buf *out);
/* False when there is none of that id. */
bool hooks_unsubscribe(struct hooks *h, const char *id);
/* The elements of "subscriptions". */
void hooks_print(const struct hooks *h, struct buf *out);
/* Post a sample to that subscriber: the reply of c is held, and made when it has answered. The
 * status of the problem otherwise: 404, or 429 when too many are under way. */
int hooks_test(struct hooks *h, struct slice id, struct call *c);

/* It happens at at_ms (wall clock, now or later): stored from then on, and posted to those who have
 * subscribed by now, and to url unless it is empty. data: a JSON object. */
void hooks_add(struct hooks *h, enum hook_event event, int64_t at_ms, struct slice data,
               struct slice url);
/* How many of them there are, those to come included. */
uint64_t hooks_count(const struct hooks *h, enum hook_event event);
/* The elements of "events": the last 25 of the past day (by the vendor's clock), the oldest first;
 * those after since_ms only. */
void hooks_print_events(const struct hooks *h, enum hook_event event, int64_t since_ms,
                        struct buf *out);

/* "2026-05-13T18:30:00.000Z" */
void hooks_print_time(int64_t wall_ms, char text[32]);

/* One of its notes; false when it is somebody else's or cannot be. */
bool hooks_recall(struct hooks *h, struct json_value note);

/* The vendor's functions of these names, with cookies and alarms that are all its own. */
void hooks_alarm(struct hooks *h);
bool hooks_callback(struct hooks *h, uint64_t cookie, enum callback_forgery forgery,
                    struct callback_draft *draft);
void hooks_heard(struct hooks *h, uint64_t cookie, int status);
void hooks_called(struct hooks *h, uint64_t cookie);

#endif
