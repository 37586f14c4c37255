/* page -- the few pages that people see of us: sign-in, invitation, consent, account.  HTML that escapes by itself, in one frame.
 *
 *	struct page p;
 *	page_begin(&p, x, "Sign in");
 *	page_open(&p, "p", "class", "hint", NULL);  page_text(&p, who);  page_close(&p, "p");
 *	page_answer(&p, 200);
 *
 * A text or a value is always escaped; names of elements and attributes are constants.  Every page has the same head: one inline style with its hash in the
 * policy, no script at all, never in a frame, no referrer, never stored.  Forms go to this origin only; a form whose answer leads a browser
 * elsewhere (consent) says so, for browsers hold redirects behind a form to form-action.
 *
 * Ownership:  everything lives in the arena of the exchange.  Threads: none of its own.
 * Layer:      includes base, crypto, front. */
#ifndef PAGE_H
#define PAGE_H
#include "crypto/crypto.h"
#include "front/front.h"

struct page { struct buf b; struct exchange *x; const char *leads_to; };
void	page_begin(struct page *, struct exchange *, const char *title);
/* Attributes as pairs of name and value, ended by NULL; a value of PAGE_ON is one without a value. */
extern const char PAGE_ON[];
void	page_open(struct page *, const char *element, ...) __attribute__((sentinel));	/* also of what has no end: input */
void	page_close(struct page *, const char *element);
void	page_text(struct page *, str);
void	page_fmt(struct page *, const char *fmt, ...) PRINTF(2, 3);
/* Shorter forms of what is used most. */
void	page_p(struct page *, const char *class, const char *fmt, ...) PRINTF(3, 4);
/* A labelled field; the value is not shown again in a password.  autocomplete as HTML names it. */
struct page_field { const char *label, *name, *type, *autocomplete, *hint; str value; bool required, focus; };
void	page_input(struct page *, const struct page_field *);
void	page_hidden(struct page *, const char *name, str value);
void	page_form(struct page *, const char *action, str csrf);	/* POST; close "form" */
void	page_button(struct page *, const char *name, const char *value, const char *class, const char *label);
/* What went wrong, where a screen reader finds it first. */
void	page_alert(struct page *, const char *fmt, ...) PRINTF(2, 3);
/* The form's answer may lead to this origin, beside ours: "https://app.example.com", "http://127.0.0.1:*". */
void	page_leads_to(struct page *, const char *origin);
void	page_answer(struct page *, int status);
/* 303 to a path of ours or a URL that was checked, with the headers of a page. */
void	page_redirect(struct exchange *, const char *to);

/* The body of a form (application/x-www-form-urlencoded) or a query, decoded; at most PAGE_PAIRS. */
#define PAGE_PAIRS	40
struct page_pairs { struct front_param v[PAGE_PAIRS]; int n; bool bad; };	/* bad: an escape, a NUL, what is no UTF-8, or too many */
void	page_pairs(struct arena *, str body, struct page_pairs *ret);
str	page_pair(const struct page_pairs *, const char *name, bool *twice);	/* absent where there is none; twice may be NULL */
/* One cookie of the request; absent where there is none or several of that name. */
str	page_cookie(const struct exchange *, const char *name);
#endif
