/* player -- what a watch page says about its video: the object that its script gives to the player.
 *
 * It has megabytes of things in it that may nest as deep as they like; of its members three are cut out, and only these are read. */
#include "json/json.h"
#include "web/web_priv.h"

/* --- cutting --- */

/* Behind the string that begins at `at`; s.n when it does not end. */
static size_t
skip_string(str s, size_t at)
{
	for (at++; at < s.n && s.p[at] != '"'; at++)
		if (s.p[at] == '\\')
			at++;
	return MIN(at + 1, s.n);
}

/* Behind the value that begins at `at`: brackets outside of strings are counted, of whatever kind. */
static size_t
skip_value(str s, size_t at)
{
	size_t depth = 0;

	while (at < s.n) {
		char c = s.p[at];
		if (depth == 0 && (c == ',' || c == '}' || c == ']'))
			return at;
		depth += c == '{' || c == '[';
		depth -= depth > 0 && (c == '}' || c == ']');
		at = c == '"' ? skip_string(s, at) : at + 1;
		if (depth == 0 && (c == '}' || c == ']'))
			return at;
	}
	return at;
}

static size_t
skip_blanks(str s, size_t at)
{
	while (at < s.n && (s.p[at] == ' ' || s.p[at] == '\n' || s.p[at] == '\t' || s.p[at] == '\r'))
		at++;
	return at;
}

/* The value of a member of the object that begins at s.p; absent when there is none. */
static str
member(str s, str name)
{
	for (size_t at = 1; at < s.n; at++) {
		at = skip_blanks(s, at);
		if (at >= s.n || s.p[at] != '"')
			break;
		size_t from = at + 1;
		at = skip_string(s, at);
		str key = str_cut(s, from, at - 1);
		at = skip_blanks(s, at);
		if (at >= s.n || s.p[at] != ':')
			break;
		size_t value = skip_blanks(s, at + 1);
		at = skip_value(s, value);
		if (str_eq(key, name))
			return str_cut(s, value, at);
		at = skip_blanks(s, at);
		if (at >= s.n || s.p[at] != ',')
			break;
	}
	return STR_NONE;
}

/* The object behind "ytInitialPlayerResponse =", from its brace to the end of the page. */
static str
response_of(str page)
{
	static const char name[] = "ytInitialPlayerResponse";
	const char *p = page.p, *end = p + page.n;

	while (p < end && (p = memmem(p, (size_t)(end - p), name, sizeof(name) - 1)) != NULL) {
		p += sizeof(name) - 1;
		str rest = { p, (size_t)(end - p) };
		size_t at = skip_blanks(rest, 0);
		if (at < rest.n && rest.p[at] == '=') {
			at = skip_blanks(rest, at + 1);
			if (at < rest.n && rest.p[at] == '{')
				return str_cut(rest, at, rest.n);
		}
	}
	return STR_NONE;
}

/* --- reading --- */

static json_t *
read_member(str response, str name)
{
	struct error e;
	json_t *v = NULL;
	str text = member(response, name);

	return text.p != NULL && json_read(text, &v, &e) == OK ? v : NULL;
}

static str
text_of(const json_t *v, const char *name)
{
	const json_t *s = json_object_get(v, name);

	return json_is_string(s) ? (str){ json_string_value(s), json_string_length(s) } : STR_NONE;
}

static bool
mentions(str text, const char *word)
{
	return text.n > 0 && memmem(text.p, text.n, word, strlen(word)) != NULL;
}

/* Of a video that may not be played. */
static enum web_fault
refusal_of(const json_t *status)
{
	static const struct { const char *word; enum web_fault fault; } words[] = {
		{ "AGE_VERIFICATION_REQUIRED", WEB_V_AGE }, { "AGE_CHECK_REQUIRED", WEB_V_AGE }, { "CONTENT_CHECK_REQUIRED", WEB_V_AGE },
		{ "LIVE_STREAM_OFFLINE", WEB_V_UPCOMING }, { "ERROR", WEB_V_GONE }, { "UNPLAYABLE", WEB_V_CLOSED },
	};
	str word = text_of(status, "status"), reason = text_of(status, "reason");

	for (size_t i = 0; i < COUNT(words); i++)
		if (str_eq(word, str_z(words[i].word)))
			return words[i].fault;
	if (!str_eq(word, S("LOGIN_REQUIRED")))
		return WEB_V_STRANGE;
	if (json_object_get(status, "desktopLegacyAgeGateReason") != NULL || mentions(reason, "your age"))
		return WEB_V_AGE;
	return mentions(reason, " bot") ? WEB_V_WALL : WEB_V_PRIVATE;
}

static bool
same_language(str a, str b)
{
	str x = str_split(&a, '-'), y = str_split(&b, '-');

	return x.n > 0 && str_ieq(x, y);
}

/* The language that is spoken is that of the captions which a machine made. */
static int
rank_of(const struct captions *c, str spoken)
{
	bool right = spoken.p == NULL || same_language(c->language, spoken);

	return right ? (c->by_machine ? 2 : 3) : 1;
}

/* Path and query of the URL that a track names: its host is not ours to call. */
static str
path_of(str url)
{
	const char *p = url.n > 0 ? memmem(url.p, url.n, "://", 3) : NULL;
	str rest = p != NULL ? (str){ p + 3, url.n - (size_t)(p + 3 - url.p) } : url;
	const char *slash = rest.n > 0 ? memchr(rest.p, '/', rest.n) : NULL;

	return slash != NULL ? (str){ slash, rest.n - (size_t)(slash - rest.p) } : STR_NONE;
}

static bool
read_track(const json_t *v, struct captions *ret)
{
	*ret = (struct captions){ path_of(text_of(v, "baseUrl")), text_of(v, "languageCode"), str_eq(text_of(v, "kind"), S("asr")) };
	return ret->url.n > 0;
}

static bool
best_track(struct arena *a, const json_t *captions, struct captions *best)
{
	const json_t *tracks = json_object_get(json_object_get(captions, "playerCaptionsTracklistRenderer"), "captionTracks");
	str spoken = STR_NONE;
	struct captions c;
	int rank = 0;

	for (size_t i = 0; i < json_array_size(tracks); i++)
		if (read_track(json_array_get(tracks, i), &c) && c.by_machine && spoken.p == NULL)
			spoken = c.language;
	for (size_t i = 0; i < json_array_size(tracks); i++)
		if (read_track(json_array_get(tracks, i), &c) && rank_of(&c, spoken) > rank) {
			rank = rank_of(&c, spoken);
			*best = (struct captions){ str_dup(a, c.url), str_dup(a, c.language), c.by_machine };
		}
	return rank > 0;
}

static enum web_fault
judge(struct arena *a, const json_t *status, const json_t *details, const json_t *captions, struct player *ret, str *why)
{
	if (!str_eq(text_of(status, "status"), S("OK"))) {
		*why = marked_line(a, text_of(status, "reason"), 100);
		return refusal_of(status);
	}
	if (json_is_true(json_object_get(details, "isLive")))
		return WEB_V_LIVE;
	return best_track(a, captions, &ret->best) ? WEB_OK : WEB_NO_CAPTIONS;
}

enum web_fault
player_read(struct arena *a, str page, struct player *ret, str *why)
{
	str response = response_of(page);

	*ret = (struct player){ .title = STR_NONE };
	*why = STR_NONE;
	if (response.p == NULL)
		return WEB_V_STRANGE;
	json_t *status = read_member(response, S("playabilityStatus")), *details = read_member(response, S("videoDetails"));
	json_t *captions = read_member(response, S("captions"));
	str title = text_of(details, "title");
	if (title.n > 0)
		ret->title = marked_line(a, title, 500);
	enum web_fault f = status != NULL ? judge(a, status, details, captions, ret, why) : WEB_V_STRANGE;
	json_decref(status);
	json_decref(details);
	json_decref(captions);
	return f;
}
