/* password -- Argon2id (RFC 9106), by its reference library: it takes the room for a password from who calls it.
 *
 * libsodium has Argon2id too, but maps 64 MB, filled, for each password and unmaps them.  While the kernel fills them it holds the memory of the whole process; a
 * loop that maps the pool of a new connection meanwhile waits, and whoever faults a page in waits behind it: beside 14 sign-ins a second the p99 of
 * reads was 30 to 80 ms.  So a thread that hashes keeps its room for the next password; the library wipes it each time. */
#include "crypto/crypto.h"
#include <argon2.h>
#include <sodium.h>
#include <stdio.h>
#include <sys/mman.h>

#define PASSES		2
#define ROOM_KB		65536

struct phc { unsigned kb, passes; uint8_t salt[16], hash[32]; };	/* a hash in its textual form, read */

static _Thread_local struct { uint8_t *p; size_t n; bool keeps; } room;

/* --- the room --- */

static int
take_room(uint8_t **ret, size_t n)
{
	if (room.p != NULL && room.n == n) {
		*ret = room.p;
		room.p = NULL;
		return ARGON2_OK;
	}
	void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	*ret = p != MAP_FAILED ? p : NULL;
	return p != MAP_FAILED ? ARGON2_OK : ARGON2_MEMORY_ALLOCATION_ERROR;
}

static void
give_room(uint8_t *p, size_t n)
{
	if (!room.keeps || room.p != NULL) {
		munmap(p, n);
		return;
	}
	room.p = p;
	room.n = n;
}

void crypto_room_keep(void) { room.keeps = true; }

void
crypto_room_drop(void)
{
	if (room.p != NULL)
		munmap(room.p, room.n);
	room.p = NULL;
	room.keeps = false;
}

/* --- hashes --- */

static bool
argon(const struct phc *f, str password, uint8_t ret[32])
{
	argon2_context c = {
		.out = ret, .outlen = 32, .pwd = (uint8_t *)(uintptr_t)password.p, .pwdlen = (uint32_t)password.n,
		.salt = (uint8_t *)(uintptr_t)f->salt, .saltlen = sizeof(f->salt), .t_cost = f->passes, .m_cost = f->kb, .lanes = 1, .threads = 1,
		.version = ARGON2_VERSION_13, .allocate_cbk = take_room, .free_cbk = give_room,
	};

	return password.n <= UINT32_MAX && argon2_ctx(&c, Argon2_id) == ARGON2_OK;
}

static bool
unbase64(str s, uint8_t *to, size_t n)
{
	size_t got;

	return sodium_base642bin(to, n, s.p, s.n, NULL, &got, NULL, sodium_base64_VARIANT_ORIGINAL_NO_PADDING) == 0 && got == n;
}

/* Whether s goes on with this word, which is then behind it. */
static bool
take_word(str *s, str word)
{
	bool there = str_starts(*s, word);

	if (there)
		*s = str_cut(*s, word.n, s->n);
	return there;
}

static bool
take_number(str *s, unsigned most, unsigned *ret)
{
	size_t n = 0;
	int64_t v;

	while (n < s->n && n < 9 && s->p[n] >= '0' && s->p[n] <= '9')
		n++;
	if (!str_int(str_cut(*s, 0, n), &v) || v > most)
		return false;
	*ret = (unsigned)v;
	*s = str_cut(*s, n, s->n);
	return true;
}

/* $argon2id$v=19$m=65536,t=2,p=1$SALT$HASH.  No more room and passes than we ask for ourselves: a row decides nothing about what a sign-in costs. */
static bool
phc_read(str s, struct phc *ret)
{
	if (!take_word(&s, S("$argon2id$v=19$m=")) || !take_number(&s, ROOM_KB, &ret->kb) || !take_word(&s, S(",t=")) ||
	    !take_number(&s, PASSES, &ret->passes) || !take_word(&s, S(",p=1$")))
		return false;
	str salt = str_split(&s, '$');
	return s.p != NULL && unbase64(salt, ret->salt, sizeof(ret->salt)) && unbase64(s, ret->hash, sizeof(ret->hash));
}

bool
crypto_password_hash(str password, char ret[CRYPTO_PASSWORD])
{
	struct phc f = { .kb = ROOM_KB, .passes = PASSES };
	char salt[32], hash[48];

	crypto_random(f.salt, sizeof(f.salt));
	if (!argon(&f, password, f.hash))
		return false;
	sodium_bin2base64(salt, sizeof(salt), f.salt, sizeof(f.salt), sodium_base64_VARIANT_ORIGINAL_NO_PADDING);
	sodium_bin2base64(hash, sizeof(hash), f.hash, sizeof(f.hash), sodium_base64_VARIANT_ORIGINAL_NO_PADDING);
	return snprintf(ret, CRYPTO_PASSWORD, "$argon2id$v=19$m=%u,t=%u,p=1$%s$%s", f.kb, f.passes, salt, hash) < CRYPTO_PASSWORD;
}

bool
crypto_password_verify(str text, str password)
{
	struct phc f;
	uint8_t got[32];
	bool known = phc_read(text, &f);

	if (!known)
		f = (struct phc){ .kb = ROOM_KB, .passes = PASSES };
	return argon(&f, password, got) && sodium_memcmp(got, f.hash, sizeof(got)) == 0 && known;
}
