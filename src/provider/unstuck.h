/* What the two files of Unstuck Engine share: the channels there are, and the parsers of its replies.
 */
#ifndef TRANCHE_PROVIDER_UNSTUCK_H
#define TRANCHE_PROVIDER_UNSTUCK_H

#include "provider/provider.h"

struct unstuck_channel {
    const char *name;
    int64_t price;
    field_set gives;
    const char *email_type; /* NULL: it is no address */
};
#define UNSTUCK_CHANNELS 4
/* In the order in which the vendor names them: the first one found gives the confidence, and a work
 * address comes before a personal one. */
extern const struct unstuck_channel unstuck_channels[UNSTUCK_CHANNELS];

#define UNSTUCK_DISCOVER_FACTOR 2 /* of the channels' prices */
#define UNSTUCK_ACCOUNT_PRICE   5

/* Whether the operation asks for the channel. A discovery has no choice: it looks for all. */
bool unstuck_asked(const struct operation *op, const struct unstuck_channel *c);

/* A company domain that only repeats that of the address. */
bool unstuck_repeats(struct slice email, struct slice domain);

/* struct operation's parse_page. */
#define UNSTUCK_PARSER(name)                                                                       \
    int name(const struct operation *op, struct json_value root, bool raw, struct arena *a,        \
             page_item_fn *fn, void *arg, struct page_reply *out, struct error *e)
UNSTUCK_PARSER(unstuck_parse_bulk);
UNSTUCK_PARSER(unstuck_parse_single);
UNSTUCK_PARSER(unstuck_parse_discover);
UNSTUCK_PARSER(unstuck_parse_account);

#endif
