#include "crypto/crypto.h"
#include <sodium.h>

bool crypto_init(void) { return sodium_init() >= 0; }
void crypto_random(void *p, size_t n) { randombytes_buf(p, n); }
void crypto_wipe(void *p, size_t n) { sodium_memzero(p, n); }

static inline const uint8_t *bytes(str s) { return (const uint8_t *)s.p; }

digest
crypto_sha256(str s)
{
	digest d;

	crypto_hash_sha256(d.b, bytes(s), s.n);
	return d;
}

_Static_assert(sizeof(crypto_hash_sha256_state) <= sizeof(struct crypto_sha256), "the state has no room");

static crypto_hash_sha256_state *state_of(struct crypto_sha256 *c) { return (void *)c->state; }

void crypto_sha256_init(struct crypto_sha256 *c) { crypto_hash_sha256_init(state_of(c)); }
void crypto_sha256_add(struct crypto_sha256 *c, str s) { crypto_hash_sha256_update(state_of(c), bytes(s), s.n); }

digest
crypto_sha256_end(struct crypto_sha256 *c)
{
	digest d;

	crypto_hash_sha256_final(state_of(c), d.b);
	return d;
}

_Static_assert(crypto_auth_hmacsha256_KEYBYTES == sizeof(secret), "a secret is an HMAC key");

digest
crypto_hmac(const secret *key, str s)
{
	digest d;

	crypto_auth_hmacsha256(d.b, bytes(s), s.n, key->b);
	return d;
}

digest
crypto_hmac_of(str key, str s)
{
	crypto_auth_hmacsha256_state h;
	digest d;

	crypto_auth_hmacsha256_init(&h, bytes(key), key.n);
	crypto_auth_hmacsha256_update(&h, bytes(s), s.n);
	crypto_auth_hmacsha256_final(&h, d.b);
	sodium_memzero(&h, sizeof(h));
	return d;
}

bool crypto_same(const digest *a, const digest *b) { return sodium_memcmp(a->b, b->b, sizeof(a->b)) == 0; }

void crypto_hex(char *out, const void *p, size_t n) { sodium_bin2hex(out, 2 * n + 1, p, n); }

bool
crypto_unhex(str s, uint8_t *out, size_t n)
{
	size_t got;

	return s.n == 2 * n && sodium_hex2bin(out, n, s.p, s.n, NULL, &got, NULL) == 0 && got == n;
}

struct crypto_hash
crypto_siphash(const uint8_t key[16], str s)
{
	uint8_t out[crypto_shorthash_siphashx24_BYTES];
	struct crypto_hash h;

	crypto_shorthash_siphashx24(out, bytes(s), s.n, key);
	memcpy(&h.lo, out, 8);
	memcpy(&h.hi, out + 8, 8);
	return h;
}

/* --- base64url --- */

#define B64	sodium_base64_VARIANT_URLSAFE_NO_PADDING

str
crypto_b64(struct arena *a, str s)
{
	size_t room = sodium_base64_ENCODED_LEN(s.n, B64);	/* with the NUL */
	char *p = arena_raw(a, room);

	sodium_bin2base64(p, room, bytes(s), s.n, B64);
	return (str){ p, room - 1 };
}

/* libsodium 1.0.18 takes bytes above 127 for '_' where char is signed. */
static bool
ascii(str s)
{
	unsigned char seen = 0;

	for (size_t i = 0; i < s.n; i++)
		seen |= (unsigned char)s.p[i];
	return seen < 0x80;
}

bool
crypto_unb64(struct arena *a, str s, str *ret)
{
	if (s.n % 4 == 0 && str_ends(s, S("=")))
		s.n -= str_ends(s, S("==")) ? 2 : 1;
	size_t room = s.n / 4 * 3 + 3, got;
	char *p = arena_raw(a, room + 1);
	if (!ascii(s) || sodium_base642bin((uint8_t *)p, room, s.p, s.n, NULL, &got, NULL, B64) != 0)
		return false;
	p[got] = '\0';
	*ret = (str){ p, got };
	return true;
}
