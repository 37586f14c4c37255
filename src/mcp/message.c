#include "mcp/turn.h"

#define ID_MAX		256		/* bytes of an id that is a text */

/* A text or a whole number; null is none. */
const char *
message_id(const json_t *id, struct arena *a, str *ret)
{
	struct buf b;
	struct json j;

	if (!json_is_integer(id) && !(json_is_string(id) && json_string_length(id) <= ID_MAX))
		return "'id' must be a whole number or a text of at most 256 bytes.";
	buf_init(&b, a, ID_MAX * 6 + 2);
	jw_begin(&j, &b);
	if (json_is_integer(id))
		jw_i64(&j, json_integer_value(id));
	else
		jw_str(&j, (str){ json_string_value(id), json_string_length(id) });
	*ret = buf_str(&b);
	return NULL;
}

/* What is null is not there: some programs write all members that a message may have. */
static const char *
take_params(json_t *v, struct message *ret)
{
	const char *name;
	json_t *one;
	void *next;

	ret->params = json_object_get(v, "params");
	if (json_is_null(ret->params))
		ret->params = NULL;
	if (ret->params != NULL && !json_is_object(ret->params))
		return "'params' must be an object.";
	json_object_foreach_safe (ret->params, next, name, one)
		if (json_is_null(one))
			json_object_del(ret->params, name);
	ret->meta = ret->params != NULL ? json_object_get(ret->params, "_meta") : NULL;
	return ret->meta == NULL || json_is_object(ret->meta) ? NULL : "'_meta' must be an object.";
}

const char *
message_read(json_t *v, struct arena *a, struct message *ret)
{
	const json_t *id = json_object_get(v, "id"), *method = json_object_get(v, "method");
	const char *bad = NULL;

	*ret = (struct message){ .kind = MSG_NOTE, .whole = v };
	if (!json_is_object(v))
		return "A message must be a JSON object.";
	if (id != NULL)
		bad = message_id(id, a, &ret->id);
	if (bad != NULL)
		return bad;
	if (!str_eq(mcp_text(v, "jsonrpc"), S("2.0")))
		return "'jsonrpc' must be \"2.0\".";
	if (method == NULL && id != NULL && (json_object_get(v, "result") != NULL || json_object_get(v, "error") != NULL)) {
		ret->kind = MSG_RESPONSE;
		return NULL;
	}
	if (!json_is_string(method))
		return "'method' must be a text.";
	ret->method = (str){ json_string_value(method), json_string_length(method) };
	ret->kind = id != NULL ? MSG_REQUEST : MSG_NOTE;
	return take_params(v, ret);
}
