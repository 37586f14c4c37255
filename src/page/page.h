/* page -- the few pages that people see of us: sign-in, invitation, consent, account.  HTML that escapes by itself, in one frame.
 *
 *	struct html p;
 *	page_begin(&p, x, "Sign in");
 *	page_open(&p, "p", "class", "hint", NULL);  page_text(&p, who);  page_close(&p, "p");
 *	page_answer(&p, 200);
 *
 * A text or a value is always escaped; names of elements and attributes are constants.  Every page has the same head: one inline style (page.css) with its
 * hash in the policy, no script at all, never in a frame, never stored.  Forms go to this origin only; a form whose answer leads a browser elsewhere
 * (consent) says so, for browsers hold redirects behind a form to form-action.  Such a page also keeps the window that opened it, for
 * programs that ask in a window of their own wait there for the answer.
 *
 * The referrer stays in this origin and is not forbidden: with no-referrer, browsers send `Origin: null` with our own forms, and who sent one could not be told.
 *
 * Texts may come from strangers (names of programs): control characters, what is no UTF-8, and characters that turn the direction of what stands
 * beside them do not pass.
 *
 * Ownership:  everything lives in the arena of the exchange.  Threads: none of its own.
 * Limits:     a page is at most PAGE_MAX bytes, elements nest PAGE_DEPTH deep; what is beyond becomes a 500.
 * Layer:      includes base, crypto, front. */
#ifndef PAGE_H
#define PAGE_H
#include "crypto/crypto.h"
#include "front/front.h"

#define PAGE_MAX	((size_t)1 << 20)
#define PAGE_DEPTH	24
struct html {
	struct buf b;
	struct exchange *x;
	const char *leads_to;
	const char *inside[PAGE_DEPTH];
	int depth;
	bool alert, popup;
};
void	page_begin(struct html *, struct exchange *, const char *title);	/* the title is the heading, too */
/* Attributes as pairs of name and value, ended by NULL; a value of PAGE_ON is one without a value, one of PAGE_OFF leaves the attribute out. */
extern const char PAGE_ON[], PAGE_OFF[];
void	page_open(struct html *, const char *element, ...) __attribute__((sentinel));	/* also of what has no end: input */
void	page_close(struct html *, const char *element);
void	page_text(struct html *, str);
bool	page_shows(str);				/* whether anything would be seen of a text */
void	page_fmt(struct html *, const char *fmt, ...) PRINTF(2, 3);
/* Shorter forms of what is used most.  class may be NULL. */
void	page_p(struct html *, const char *class, const char *fmt, ...) PRINTF(3, 4);
void	page_h2(struct html *, const char *fmt, ...) PRINTF(2, 3);
void	page_bold(struct html *, str);
void	page_link(struct html *, const char *href, const char *label);
/* A moment as "22 November 2026, 12:10 UTC", with its exact form for machines. */
void	page_time(struct html *, int64_t ms);
void	page_date(struct html *, int64_t ms);		/* the day alone */
/* A labelled field; the value is not shown again in a password.  autocomplete as HTML names it.  focus: the cursor begins here. */
struct page_field { const char *label, *name, *type, *autocomplete, *hint; str value; bool required, focus; };
void	page_input(struct html *, const struct page_field *);
/* A row to choose, of type "radio" or "checkbox", with what it means in small letters below; hint may be absent. */
struct page_choice { const char *type, *name; str value, label, hint; bool on, off; };	/* off: cannot be chosen */
void	page_choose(struct html *, const struct page_choice *);
void	page_hidden(struct html *, const char *name, str value);
void	page_form(struct html *, const char *action, str csrf);	/* POST; close "form" */
/* name NULL: nothing is sent with it.  class NULL: the main one; "plain", "danger". */
void	page_button(struct html *, const char *name, const char *value, const char *class, const char *label);
/* What went wrong, or what was done, at the top of the page; a field with focus is described by it, so that a screen reader says it at once. */
void	page_alert(struct html *, const char *fmt, ...) PRINTF(2, 3);
void	page_done(struct html *, const char *fmt, ...) PRINTF(2, 3);
/* A warning inside the page. */
void	page_warn(struct html *, const char *fmt, ...) PRINTF(2, 3);
/* The form's answer may lead to this origin, beside ours: "https://app.example.com", "http://127.0.0.1:*", "cursor:".  What is none is not taken. */
void	page_leads_to(struct html *, const char *origin);
/* Not where it leads, but that it may stand in a window that a program opened, and waits behind. */
void	page_popup(struct html *);
/* The origin of a URL in that form; NULL where it has none.  A loopback port is any. */
const char *page_origin(struct arena *, str url);
void	page_answer(struct html *, int status);
/* 303 to a path of ours or a URL that was checked, with the headers of a page. */
void	page_redirect(struct exchange *, const char *to);

/* The body of a form (application/x-www-form-urlencoded) or a query, decoded; at most PAGE_PAIRS. */
#define PAGE_PAIRS	40
struct page_pairs { struct front_param v[PAGE_PAIRS]; int n; bool bad; };	/* bad: an escape, a NUL, what is no UTF-8, or too many; then n is 0 */
void	page_pairs(struct arena *, str body, struct page_pairs *ret);
str	page_pair(const struct page_pairs *, const char *name, bool *twice);	/* the first one, absent where there is none; twice may be NULL */
bool	page_is_form(const struct exchange *);	/* what its Content-Type says */
/* One cookie of the request; absent where there is none or several of that name. */
str	page_cookie(const struct exchange *, const char *name);
#endif
