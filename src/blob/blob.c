#include "blob/blob.h"
#include <stdio.h>

void
blobs_init(struct blobs *b, const secret *server, struct disk *disk)
{
	digest d = crypto_hmac(server, S("uploads of the embedded store"));

	b->disk = disk;
	crypto_hex(b->secret, d.b, sizeof(d.b));
}

static str given(const char *s) { return s[0] != '\0' ? str_z(s) : STR_NONE; }

struct s3_place
blobs_place(struct arena *a, const struct blobs *b, const struct conf *c, const char *url)
{
	str base = c->public_url[0] != '\0' ? str_z(c->public_url) : url != NULL ? str_z(url) : str_fmt(a, "http://%s", c->listen);

	if (blobs_external(c))
		return (struct s3_place){ given(c->blob_endpoint), str_z(c->blob_region), str_z(c->blob_bucket), c->blob_path_style,
			str_z(c->blob_key_id), str_z(c->blob_key_secret), given(c->blob_token) };
	return (struct s3_place){ base, S("local"), str_cut(S(UPLOADS_PATH), 1, SIZE_MAX), true, S("scriped"), str_z(b->secret), STR_NONE };
}

str
blobs_key(struct arena *a, const workspace_id *w, const upload_id *u)
{
	return str_fmt(a, "%.*s%s/%.*s%s", STR(id_prefix(ID_workspace)), w->u.s, STR(id_prefix(ID_upload)), u->u.s);
}

struct blob_name
blobs_file(const workspace_id *w, const upload_id *u)
{
	struct blob_name n;

	snprintf(n.s, sizeof(n.s), "%s-%s", w->u.s, u->u.s);
	return n;
}
