/* tranche listen: receive callbacks while no run is up. */
#include "cli/option.h"
#include "run/listen.h"

static int listen_for(struct options *o, struct error *e)
{
    const struct listen_options options = {
        .address = o->settings.callback_listen,
        .spool = o->settings.spool,
        .key_file = o->settings.key_file,
    };

    if (!options.address)
        return error_set(e, ERR_USAGE,
                         "--callback-listen ADDR:PORT is missing: where vendors' calls come in");
    if (!options.spool)
        return error_set(e, ERR_USAGE, "--spool DIR is missing: where callbacks are kept");
    return run_listen(&options, e);
}

const struct command cmd_listen = {
    .id = COMMAND_LISTEN,
    .name = "listen",
    .usage = "--callback-listen ADDR:PORT --spool DIR [OPTION...]",
    .summary = "receive callbacks while no run is up",
    .details =
        "Receives the callbacks that runs of this user on this host wait for, and keeps them in "
        "the "
        "folder DIR, from where a run with the same --spool takes its own. A vendor is answered "
        "when "
        "its callback is on disk. Serves until SIGINT or SIGTERM.\n"
        "It speaks plain HTTP: a server that speaks TLS leads --callback-url of the runs to it. "
        "Callbacks of Wiza and ProspIQ are checked with WIZA_API_KEY and PROSPIQ_WEBHOOK_SECRET "
        "(or "
        "the files that these names with _FILE say); where one is not set, they are answered 503, "
        "so that they are sent again.\n",
    .run = listen_for,
};
