/* Puts a provider's own variable before the configuration file, as the order of sources is for
 * every option: the command line, the environment, the file. No state; any thread. */
#include "cli/place.h"

struct caller_place place_of(const struct options *o)
{
    const struct option *url = option_find(o->command, SLICE_LIT("base-url"));
    const struct settings *s = &o->settings;
    bool last = option_source(o, url) == SOURCE_FILE;

    return (struct caller_place){
        .base_url = last ? NULL : s->base_url,
        .base_url_last = last ? s->base_url : NULL,
        .key_file = s->key_file,
    };
}
