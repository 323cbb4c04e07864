/* tranche sim: the vendors on loopback, in a process of their own.
 *
 * The signals that end it are blocked before the simulator's thread starts, so that they reach
 * sigwait and nobody else. State without a folder of its own lives in a temporary one, which goes
 * with the process. */
#include <errno.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/option.h"
#include "sim/sim.h"

#define PATH_SIZE  4096
#define FTW_OPENED 8

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *place)
{
    (void)st;
    (void)type;
    (void)place;
    return remove(path);
}

static int make_folder(char *path, size_t size, struct error *e)
{
    const char *base = getenv("TMPDIR");

    snprintf(path, size, "%s/tranche-sim-XXXXXX", base && *base ? base : "/tmp");
    if (!mkdtemp(path))
        return error_errno(e, ERR_CANTCREATE, errno, "cannot make a folder %s", path);
    return 0;
}

static void wait_for_signal(const sigset_t *signals)
{
    int signal;

    while (sigwait(signals, &signal) != 0)
        continue;
}

static void announce(unsigned port, const struct options *o, const char *folder)
{
    printf("listening on http://127.0.0.1:%u\n", port);
    fflush(stdout);
    fprintf(
        stderr,
        "Its API key is '%s'; its state is in %s. Each vendor is below a path of its own. To use "
        "one:\n"
        "  ENRICHSO_API_KEY='%s' tranche run LIST -p enrichso/email-finder -o OUT \\\n"
        "      --base-url http://127.0.0.1:%u/enrichso\n",
        o->sim.key, folder, o->sim.key, port);
}

static int serve(const struct options *o, const char *folder, struct error *e)
{
    const struct sim_options options = {
        .address = "127.0.0.1",
        .port = o->sim.port == SETTING_ABSENT ? 0 : (uint16_t)o->sim.port,
        .key = o->sim.key,
        .seed = (uint64_t)o->sim.seed,
        .folder = folder,
        .tier = o->sim.tier,
        .balance = o->sim.balance,
        .found_percent = (unsigned)o->sim.found_percent,
        .queue_ms = o->sim.queue,
        .items_per_s = (uint64_t)o->sim.items_per_s,
        .shuffle = o->sim.shuffle == 1,
        .openapi = o->sim.openapi == 1,
        .form = o->sim.form,
        .faults = o->sim.faults,
        .speed = (uint64_t)o->sim.speed,
        .scenario = o->sim.scenario,
    };
    struct sim *sim = NULL;
    sigset_t signals;

    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    if (sim_start(&sim, &options, e) != 0)
        return error_exit_status(e->code);
    announce(sim_port(sim), o, folder);
    wait_for_signal(&signals);
    sim_stop(sim);
    return 0;
}

static int sim(struct options *o, struct error *e)
{
    char temporary[PATH_SIZE];

    if (o->sim.state)
        return serve(o, o->sim.state, e);
    if (make_folder(temporary, sizeof temporary, e) != 0)
        return error_exit_status(e->code);
    int status = serve(o, temporary, e);
    nftw(temporary, remove_one, FTW_OPENED, FTW_DEPTH | FTW_PHYS);
    return status;
}

static const char *help(void)
{
    static char text[8192];

    snprintf(text, sizeof text, "%s\n%s", sim_faults_help(), sim_scenario_help());
    return text;
}

const struct command cmd_sim = {
    .id = COMMAND_SIM,
    .name = "sim",
    .usage = "[OPTION...]",
    .summary = "serve the vendors on loopback, for trying things out and for tests",
    .details = "Serves a simulator of the vendors on 127.0.0.1 until SIGINT or SIGTERM. Prints "
               "`listening on http://127.0.0.1:PORT` on standard output; each vendor is below a "
               "path of its own (/enrichso, /wiza, ...), and GET /sim/vendors lists them. "
               "GET /sim/VENDOR/account is what it charged. The answer to a question "
               "depends on the seed and the question alone. Nothing of it is real.\n",
    .more = help,
    .run = sim,
};
