/* tranche serve-verification: answers a vendor's question whether an email address is good. */
#include "cli/option.h"
#include "run/verification.h"

static int serve(struct options *o, struct error *e)
{
    const struct verification_options options = {
        .settings = &o->settings,
        .listen = o->verification.listen,
        .path_file = o->verification.path_file,
        .cache = o->verification.cache,
        .cache_age_ms = o->verification.cache_age,
        .request_field = o->verification.request_field,
        .reply_field = o->verification.reply_field,
        .accept = o->verification.accept,
    };

    return run_verification(&options, e);
}

const struct command cmd_serve_verification = {
    .id = COMMAND_SERVE,
    .name = "serve-verification",
    .usage = "--listen ADDR:PORT --max-credits N [OPTION...]",
    .summary = "answer Unstuck's verification webhook by another vendor",
    .details =
        "Serves until SIGINT or SIGTERM. A POST of {\"email\": \"...\"} to the secret path is "
        "answered with {\"valid\": true} or {\"valid\": false}, which another vendor was asked "
        "for, or is known from before. Whatever cannot be decided is answered with an error (400 "
        "and 422: not an address; 502 and 503: not now), never with a guess.\n"
        "\n"
        "The price of a question is counted in the --cache file before it leaves, so that neither "
        "a crash nor a restart forgets what was spent. Once --max-credits are, only addresses that "
        "are known are answered.\n",
    .run = serve,
};
