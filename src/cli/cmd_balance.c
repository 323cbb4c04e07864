/* tranche balance: credits left with the providers. */
#include "cli/option.h"
#include "cli/place.h"
#include "run/balance.h"

static int balance(struct options *o, struct error *e)
{
    const struct balance_options options = {
        .providers = o->operands,
        .provider_count = o->operand_count,
        .json = o->json == 1,
        .place = place_of(o),
    };

    return run_balance(&options, e);
}

const struct command cmd_balance = {
    .id = COMMAND_BALANCE,
    .name = "balance",
    .usage = "[PROVIDER...] [--json]",
    .summary = "credits left with the vendors",
    .details =
        "Asks the named providers, or all that have a key, how many credits are left, which plan "
        "the account has, and how many requests it made today, as far as each of them says so. It "
        "costs nothing.\n"
        "\n"
        "The exit status is 69 when a provider could not be asked, 77 when one refused the key, 78 "
        "when a key or an address is missing.\n",
    .operands = {"PROVIDER", "PROVIDER", "PROVIDER", "PROVIDER", "PROVIDER", "PROVIDER", "PROVIDER",
                 "PROVIDER"},
    .run = balance,
};
