/* The commands: each a value in a file of its own, all in one table. */
#ifndef TRANCHE_CLI_COMMAND_H
#define TRANCHE_CLI_COMMAND_H

#include "base/error.h"

struct options;

/* In the order in which people meet them; the order of the table and of the overview. */
#define COMMAND_LIST(X)                                                                            \
    X(PLAN, cmd_plan)                                                                              \
    X(RUN, cmd_run)                                                                                \
    X(RESUME, cmd_resume)                                                                          \
    X(STATUS, cmd_status)                                                                          \
    X(RESOLVE, cmd_resolve)                                                                        \
    X(EXPORT, cmd_export)                                                                          \
    X(VERIFY, cmd_verify)                                                                          \
    X(LISTEN, cmd_listen)                                                                          \
    X(BALANCE, cmd_balance)                                                                        \
    X(CALL, cmd_call)                                                                              \
    X(SERVE, cmd_serve_verification)                                                               \
    X(SIM, cmd_sim)                                                                                \
    X(PROVIDERS, cmd_providers)

enum command_id {
#define X(id, value) COMMAND_##id,
    COMMAND_LIST(X)
#undef X
        COMMANDS
};

#define COMMAND_BIT(id) (1u << (COMMAND_##id))

#define OPERANDS_MAX 8

struct command {
    enum command_id id;
    const char *name;
    const char *usage;                  /* what follows the name: "LIST -p OP -o OUT [OPTION...]" */
    const char *summary;                /* one line for the overview */
    const char *details;                /* paragraphs for its --help, each ended by a newline */
    const char *operands[OPERANDS_MAX]; /* what they are called; NULL: no such one */
    unsigned needed;                    /* how many must be there */
    const char *(*more)(void);          /* further text at the end of its --help; NULL: none */

    /* Do it. Returns the exit status; when something was wrong, it is in *e for the caller to
     * print. */
    int (*run)(struct options *o, struct error *e);
};

extern const struct command *const command_table[COMMANDS];

/* NULL when there is none. */
const struct command *command_find(const char *name);
/* The name that was probably meant; NULL when none is near. */
const char *command_nearest(const char *name);

#endif
