/* The fixed parts of the live page. Private to page.c. */
#ifndef TRANCHE_REPORT_PAGE_TEXT_H
#define TRANCHE_REPORT_PAGE_TEXT_H

extern const char page_style[], page_script[];

/* The body, with {marks}:
 *     {name}   the value of that member of status.json ("records.answered"), or one of page.c's own
 *     {?name}  the attributes of an element that is hidden while the member is null, false, 0 or ""
 *     {?!name}  of one that shows just then; {?state=name}: of one that shows in that state
 *     {!part}  a part that page.c makes */
extern const char page_body[];

#endif
