/* scope -- scopes in texts and in plain words, and who may use them. */
#include "oauth/oauth_priv.h"

/* What the consent page says; a row per word of grant_scope_words. */
static const char *const plain[GRANT_COUNT] = {
	[SCOPE_NOTES_READ] = "Read notes",
	[SCOPE_NOTES_WRITE] = "Write notes",
	[SCOPE_POSTS_READ] = "Read posts and drafts",
	[SCOPE_POSTS_WRITE] = "Write, change, generate and schedule posts",
	[SCOPE_SOURCES_WRITE] = "Add sources and upload files",
	[SCOPE_KNOWLEDGE_READ] = "Read and search the knowledge base",
	[SCOPE_KNOWLEDGE_WRITE] = "Add to the knowledge base and delete from it",
	[SCOPE_WEBHOOKS_MANAGE] = "Have changes sent to addresses of its own",
	[SCOPE_OFFLINE_ACCESS] = "Keep this access while you are away, until you take it back",
};

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

const char *scope_words_of(int scope) { return plain[scope]; }

unsigned
scopes_of_role(int role)
{
	unsigned set = SCOPE_OFFLINE;

	for (int i = 0; i < nops; i++)
		if (op_roles(&ops[i]) & 1u << role)
			set |= ops[i].scopes;
	return set;
}
