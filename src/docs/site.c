/* site -- the block that tools/mkdocs wrote, linked in as it is (SITE_PACK: where make put it). */
#include "docs/docs_priv.h"

__asm__(".section .rodata\n.balign 8\n.global site_pack\nsite_pack:\n.incbin \"" SITE_PACK "\"\n.byte 0\n.previous\n");
extern const char site_pack[];

static const struct pack_head *head(void) { return (const void *)site_pack; }
static const struct pack_row *row(int i) { return (const struct pack_row *)(const void *)(site_pack + sizeof(struct pack_head)) + i; }

bool site_ok(void) { return head()->magic == PACK_MAGIC && head()->n > 0; }
int site_count(void) { return (int)head()->n; }

struct asset
site_asset(int i)
{
	const struct pack_row *r = row(i);
	const char *etag = site_pack + r->etag;

	return (struct asset){
		.path = site_pack + r->path, .type = site_pack + r->type, .cache = site_pack + r->cache,
		.etag = etag, .etag_gzip = etag + strlen(etag) + 1,
		.body = r->body != 0 ? (str){ site_pack + r->body, r->size } : STR_NONE, .gzip = { site_pack + r->gzip, r->gzip_n },
		.size = r->size,
	};
}

bool
site_find(str path, struct asset *ret)
{
	int from = 0, to = site_count();

	while (from < to) {
		int mid = from + (to - from) / 2;
		int c = str_cmp(path, str_z(site_pack + row(mid)->path));
		if (c == 0) {
			*ret = site_asset(mid);
			return true;
		}
		if (c < 0)
			to = mid;
		else
			from = mid + 1;
	}
	return false;
}
