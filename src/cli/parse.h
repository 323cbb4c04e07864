/* From argv, the environment and a configuration file to struct options. */
#ifndef TRANCHE_CLI_PARSE_H
#define TRANCHE_CLI_PARSE_H

#include "base/error.h"

struct options;

/* o: initialised for its command. args: what follows the command's name, ending at NULL. Options
 * and operands come in any order: --name=value, --name value, -x value, -xvalue, -xyz for flags;
 * `--` ends the options. What the command line leaves out is taken from TRANCHE_<NAME>, then from
 * the file that --config or TRANCHE_CONFIG names. With --help, nothing behind it is looked at.
 * ERR_USAGE for the command line; ERR_CONFIG for the environment, and for the file with its name
 * and line; a variable TRANCHE_* that sets nothing is one too. The message lacks the program's
 * name. */
int parse_options(struct options *o, char *const *args, struct error *e);

#endif
