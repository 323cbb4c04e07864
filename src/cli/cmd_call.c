/* tranche call: one raw request to a provider. */
#include "cli/option.h"
#include "cli/place.h"
#include "run/call.h"

#define TIMEOUT_MS INT64_C(300000)

static int call(struct options *o, struct error *e)
{
    const struct call_options options = {
        .provider = o->operands[0],
        .method = o->operands[1],
        .path = o->operands[2],
        .body = o->body,
        .paid = o->paid == 1,
        .quiet = o->settings.quiet == 1,
        .timeout_ms = o->settings.timeout == SETTING_ABSENT ? TIMEOUT_MS : o->settings.timeout,
        .place = place_of(o),
    };

    return run_call(&options, e);
}

const struct command cmd_call = {
    .id = COMMAND_CALL,
    .name = "call",
    .usage = "PROVIDER METHOD PATH [--paid] [--body FILE]",
    .summary = "one authenticated request to a vendor, as it is typed",
    .details =
        "Sends GET, POST or DELETE to PATH, which begins with a slash and may have a query, below "
        "the provider's base address and with its key. The body of the reply goes to standard "
        "output as it came, its status to standard error. Nothing is sent twice, and redirects are "
        "not followed.\n"
        "\n"
        "What may cost credits is sent with --paid only: every POST, since what else a vendor "
        "charges for only the vendor knows, and every GET by which one of the provider's "
        "operations asks.\n"
        "\n"
        "The exit status is 0 for 2xx, 77 for 401, 403 and 423, 75 for 402 and 429, 69 for 5xx and "
        "where no whole reply came, and 1 for everything else.\n",
    .operands = {"PROVIDER", "METHOD", "PATH"},
    .needed = 3,
    .run = call,
};
