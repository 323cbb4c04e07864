/* One request on its way through the simulator. */
#ifndef TRANCHE_SIM_CALL_H
#define TRANCHE_SIM_CALL_H

#include <stdbool.h>

#include "base/buf.h"
#include "net/server.h"
#include "sim/account.h"
#include "sim/faults.h"

/* The longest reply: a page of 1,000 rows is some 200 KB, the identities of a batch are up to its
 * body's size. */
#define CALL_REPLY_MAX ((size_t)2 << 30)

enum call_delivery { DELIVER_WHOLE, DELIVER_CUT, DELIVER_NOTHING };

struct call {
    struct call *next;
    struct server_request *request;
    enum fault_class class;
    bool paid;                /* a request that can cost credits */
    bool accepted;            /* and did */
    struct account_post post; /* what the account will remember of it, if paid */
    struct fault fault;
    int64_t hold_ms; /* the vendor took so long over it: real milliseconds until the reply goes */
    bool held;       /* it goes when the vendor says so: shop_release */
    int64_t due_ms;  /* when a reply that is held back goes */
    /* The reply. */
    enum call_delivery delivery;
    int status;
    struct buf headers; /* "Name: value\n" each */
    struct buf body;
};

#endif
