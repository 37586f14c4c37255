/* scope -- scopes in texts, and who may use them. */
#include "oauth/oauth_priv.h"

unsigned
scope_read(str text, bool *unknown)
{
	unsigned set = 0;

	*unknown = false;
	while (text.n != 0) {
		str word = str_split(&text, ' ');
		int i = words_find(&grant_scope_words, word);
		if (i >= 0)
			set |= 1u << i;
		else
			*unknown |= word.n != 0;
	}
	return set;
}

str
scope_text(struct arena *a, unsigned set)
{
	struct buf b;

	buf_init(&b, a, 1024);
	for (int i = 0; i < GRANT_COUNT; i++)
		if (set & 1u << i)
			buf_fmt(&b, "%s%s", b.n != 0 ? " " : "", grant_scope_words.v[i]);
	return buf_str(&b);
}

unsigned
scopes_of_role(int role)
{
	unsigned open = 0, any = 0;

	for (int i = 0; i < nops; i++) {
		any |= ops[i].scopes;
		if (op_roles(&ops[i]) & 1u << role)
			open |= ops[i].scopes;
	}
	return open | ~any;		/* what opens nothing yet is no question of roles */
}
