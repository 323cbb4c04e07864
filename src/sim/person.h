/* What a vendor knows about people: a function of the seed, the vendor's salt and the hints that
 * tell the person, so that the same person has the same name, employer, addresses and numbers
 * however a question is put and whatever it asks for. All of it is obviously made up: domains of
 * example, phone numbers of +1 555.
 *
 * The domains of sim/truth.h force the outcome here too: as the domain hint, as the part of the email
 * hint behind its @, as the company, and as the beginning of a profile's name before a hyphen
 * (".../in/nobody-7"; nobody, everybody, risky, catch-all). */
#ifndef TRANCHE_SIM_PERSON_H
#define TRANCHE_SIM_PERSON_H

#include <stdbool.h>

#include "sim/truth.h"

/* All normal (see question_normalise), all optional; at least one is not empty. */
struct person_hints {
    struct slice first, last, full; /* names */
    struct slice domain, company;   /* the employer's */
    struct slice email, url;        /* url: the address of a profile */
};

#define PERSON_TEXT_MAX   256
#define PERSON_PHONES_MAX 3

struct person {
    XXH128_hash_t digest; /* bits for whatever else is to be decided */
    /* What is known. Each is decided apart by found_percent; company is true when the employer is
     * told by a hint or the profile is known. */
    bool profile, work, personal, phone, company_known;
    enum verdict_status work_status; /* VERDICT_VALID, VERDICT_RISKY, VERDICT_CATCH_ALL */
    /* Whole even where nothing is "known", so that every test can say what it would have been. */
    char first[PERSON_TEXT_MAX], last[PERSON_TEXT_MAX], full[2 * PERSON_TEXT_MAX];
    char title[PERSON_TEXT_MAX], location[PERSON_TEXT_MAX];
    char company[PERSON_TEXT_MAX], domain[PERSON_TEXT_MAX];
    char url[2 * PERSON_TEXT_MAX]; /* "https://www.linkedin.com/in/..." */
    char work_email[PERSON_TEXT_MAX], personal_email[PERSON_TEXT_MAX];
    unsigned phones;                          /* 1 to 3 when phone */
    char phone_number[PERSON_PHONES_MAX][16]; /* "+15550123456" */
    unsigned employees;                       /* of the company */
};

/* What is known alone, without making up the rest: for every item of a large list. */
struct person_known {
    XXH128_hash_t digest;
    bool profile, work, personal, phone;
    enum verdict_status work_status;
};
struct person_known person_decide(const struct truth *t, uint64_t salt,
                                  const struct person_hints *h);

/* salt: the service's. */
void person_know(const struct truth *t, uint64_t salt, const struct person_hints *h,
                 struct person *p);

/* A number as people write it: "+1 (555) 012-3456". */
void person_pretty_phone(const char *number, char text[24]);

/* The outcome that the hints force. */
enum truth_forced person_forced(const struct person_hints *h);
enum truth_refusal person_refuses(const struct person_hints *h);

#endif
