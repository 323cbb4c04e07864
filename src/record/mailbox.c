/* Domains that say nothing about where somebody works: webmail, and the mailboxes that access
 * providers give their customers. A domain that is missing here costs a question with no chance;
 * one that is here by mistake would keep a company out: so access providers are here only by the
 * domains of their customers.
 *
 * Invariant: `exact` and `families` are sorted by byte value (the test looks each one up). Any
 * thread. */
#include "record/mailbox.h"

#include <stdlib.h>

static const char *const exact[] = {
    "126.com",         "139.com",        "163.com",
    "189.cn",          "21cn.com",       "abv.bg",
    "alice.it",        "aol.co.uk",      "aol.com",
    "aol.de",          "aol.fr",         "arcor.de",
    "att.net",         "bellsouth.net",  "bigpond.com",
    "bigpond.net.au",  "bk.ru",          "blueyonder.co.uk",
    "bluewin.ch",      "bol.com.br",     "btinternet.com",
    "caramail.com",    "centrum.cz",     "charter.net",
    "chello.nl",       "comcast.net",    "cox.net",
    "daum.net",        "docomo.ne.jp",   "duck.com",
    "earthlink.net",   "email.com",      "email.cz",
    "email.de",        "ezweb.ne.jp",    "fastmail.com",
    "fastmail.fm",     "foxmail.com",    "free.fr",
    "freemail.hu",     "freenet.de",     "fsmail.net",
    "gmail.com",       "googlemail.com", "hanmail.net",
    "hetnet.nl",       "hey.com",        "home.nl",
    "hushmail.com",    "icloud.com",     "inbox.com",
    "inbox.lv",        "inbox.ru",       "interia.pl",
    "juno.com",        "kpnmail.nl",     "laposte.net",
    "libero.it",       "list.ru",        "mac.com",
    "mail.com",        "mail.de",        "mail.ru",
    "mailbox.org",     "me.com",         "msn.com",
    "naver.com",       "neuf.fr",        "ntlworld.com",
    "o2.pl",           "onet.pl",        "online.de",
    "optonline.net",   "orange.fr",      "pm.me",
    "posteo.de",       "proton.me",      "protonmail.ch",
    "protonmail.com",  "qq.com",         "rambler.ru",
    "rediffmail.com",  "rocketmail.com", "rogers.com",
    "sapo.pt",         "sbcglobal.net",  "seznam.cz",
    "sfr.fr",          "shaw.ca",        "sina.com",
    "skynet.be",       "sohu.com",       "sympatico.ca",
    "t-online.de",     "telenet.be",     "terra.com.br",
    "tin.it",          "tiscali.it",     "tuta.com",
    "tuta.io",         "tutanota.com",   "tutanota.de",
    "uol.com.br",      "verizon.net",    "virgilio.it",
    "virginmedia.com", "vodafone.it",    "vodafonemail.de",
    "walla.co.il",     "wanadoo.fr",     "web.de",
    "windowslive.com", "wp.pl",          "xs4all.nl",
    "ya.ru",           "yeah.net",       "ymail.com",
    "ziggo.nl",        "zoho.com",       "zonnet.nl",
};

/* Names that are a provider's under whatever top-level domain: hotmail.com, hotmail.co.uk,
 * hotmail.fr. */
static const char *const families[] = {
    "gmx", "googlemail", "hotmail", "live", "outlook", "yahoo", "yandex",
};

static int compare(const void *key, const void *element)
{
    const struct slice *a = key;
    struct slice b = slice_of(*(const char *const *)element);
    size_t len = a->len < b.len ? a->len : b.len;
    int order = memcmp(a->data, b.data, len);
    return order ? order : (a->len > b.len) - (a->len < b.len);
}

static bool in_table(struct slice name, const char *const *table, size_t count)
{
    return bsearch(&name, table, count, sizeof *table, compare) != NULL;
}

bool mailbox_provider(struct slice domain)
{
    const char *dot = domain.len > 0 ? memchr(domain.data, '.', domain.len) : NULL;
    if (!dot)
        return false;
    if (in_table(domain, exact, sizeof exact / sizeof exact[0]))
        return true;
    struct slice name = {domain.data, (size_t)(dot - domain.data)};
    if (!in_table(name, families, sizeof families / sizeof families[0]))
        return false;
    /* "yahoo.co.jp" is one, "live.nation.example.com" is not. */
    struct slice rest = {dot + 1, domain.len - name.len - 1};
    const char *second = memchr(rest.data, '.', rest.len);
    return !second || !memchr(second + 1, '.', rest.len - (size_t)(second + 1 - rest.data));
}
