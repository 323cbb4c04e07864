/* Carries out one command and ends with its exit status.
 *
 * What holds for the whole process is set here before anything else: files are private, a reader
 * that went away is an error of write and not a signal, and memory, which holds keys, is never
 * dumped. */
#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/log.h"
#include "cli/help.h"
#include "cli/option.h"
#include "cli/parse.h"

static void harden(void)
{
    struct rlimit none = {0, 0};

    umask(077);
    signal(SIGPIPE, SIG_IGN);
    setrlimit(RLIMIT_CORE, &none); /* lowering it is always allowed */
    /* Large buffers come and go with pages and pieces. Left to itself the C library soon keeps them
     * all in its heaps, and the peak grows with the length of the run. */
    mallopt(M_MMAP_THRESHOLD, 128 << 10);
    mallopt(M_TRIM_THRESHOLD, 256 << 10);
    mallopt(M_ARENA_MAX, 2);
}

static bool is_any(const char *word, const char *a, const char *b)
{
    return strcmp(word, a) == 0 || strcmp(word, b) == 0;
}

static int unknown_command(const char *name)
{
    const char *near = command_nearest(name);

    if (name[0] == '-')
        fprintf(stderr, "tranche: the command comes before its options");
    else
        fprintf(stderr, "tranche: there is no command '%s'", name);
    if (near)
        fprintf(stderr, ", but %s", near);
    fprintf(stderr, "; see tranche --help\n");
    return error_exit_status(ERR_USAGE);
}

static int help(const char *name)
{
    const struct command *c = name ? command_find(name) : NULL;

    if (name && !c)
        return unknown_command(name);
    if (c)
        help_command(stdout, c);
    else
        help_overview(stdout);
    return 0;
}

static int open_log(const struct options *o, struct error *e)
{
    enum log_level level = o->verbose == 1          ? LOG_DEBUG
                           : o->settings.quiet == 1 ? LOG_WARN
                                                    : LOG_INFO;

    return log_open(o->log, o->log_format && strcmp(o->log_format, "json") == 0, level, e);
}

static int carry_out(const struct command *c, char *const *args)
{
    struct options o;
    struct error e = {0};
    int status = 0;

    option_init(&o, c);
    if (parse_options(&o, args, &e) == 0) {
        if (o.help == 1)
            help_command(stdout, c);
        else if (open_log(&o, &e) == 0)
            status = c->run(&o, &e);
    }
    if (e.code != 0) {
        /* What is on its way to standard output was said before this. */
        fflush(stdout);
        if (e.message[0])
            fprintf(stderr, "tranche %s: %s\n", c->name, e.message);
        status = error_exit_status(e.code);
    }
    log_close();
    option_deinit(&o);
    return status;
}

/* Output that did not arrive is a failure, even where everything else went well. */
static int end(int status)
{
    bool failed = ferror(stdout) != 0;

    if (fflush(stdout) != 0 || failed) {
        if (errno != EPIPE)
            fprintf(stderr, "tranche: cannot write to standard output\n");
        return status != 0 ? status : error_exit_status(ERR_IO);
    }
    return status;
}

int main(int argc, char **argv)
{
    harden();
    if (argc < 2) {
        help_overview(stderr);
        return error_exit_status(ERR_USAGE);
    }
    if (is_any(argv[1], "--version", "-V")) {
        printf("tranche %s\n", TRANCHE_VERSION);
        return end(0);
    }
    if (is_any(argv[1], "--help", "-h"))
        return end(help(NULL));
    if (strcmp(argv[1], "help") == 0)
        return end(help(argv[2]));
    const struct command *c = command_find(argv[1]);
    return end(c ? carry_out(c, argv + 2) : unknown_command(argv[1]));
}
