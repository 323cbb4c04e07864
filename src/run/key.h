/* API keys: from a file of our own (0600) or the environment, never from the command line; wiped
 * after use. */
#ifndef TRANCHE_RUN_KEY_H
#define TRANCHE_RUN_KEY_H

#include "base/error.h"
#include "provider/provider.h"

#define KEY_MAX 4096

/* file: --key-file, or NULL: the variable the provider names, or that name with _FILE for a path.
 * *key is malloc'ed. ERR_CONFIG says what to set; a file that others may read is refused. The key
 * itself is in no message. */
int key_load(const struct provider *p, const char *file, char **key, struct error *e);
/* What the provider's callbacks are proved with: its key (`file` as above), or the secret in the
 * variable secret_env or in the file that secret_env with _FILE names. *secret is NULL where
 * PROOF_TOKEN needs none, and where none is given. ERR_CONFIG for one that may not be used. */
int key_load_proof(const struct provider *p, const char *file, char **secret, struct error *e);
/* A secret of another kind, by the same rules: from the file, or else from the variable, or else
 * from the file that the variable with _FILE names. *key is NULL where nothing is given. */
int key_find(const char *variable, const char *file, char **key, struct error *e);
/* Overwrite and free. */
void key_free(char *key);

#endif
