/* What --help says: for all commands, and for one. */
#ifndef TRANCHE_CLI_HELP_H
#define TRANCHE_CLI_HELP_H

#include <stdio.h>

struct command;

#define HELP_COLUMNS 80

void help_overview(FILE *out);
void help_command(FILE *out, const struct command *c);

#endif
