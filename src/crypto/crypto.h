/* crypto -- libsodium, and libargon2 for passwords, behind the few words that scriped needs.
 *
 * Secrets are a type of their own: log and json take a str and so cannot be given one by mistake.
 * Threads:  any, after crypto_init.  Layer: includes base. */
#ifndef CRYPTO_H
#define CRYPTO_H
#include "base/base.h"

typedef struct { uint8_t b[32]; } secret;	/* the server secret; crypto_wipe when done */
typedef struct { uint8_t b[32]; } digest;

MUST_USE bool crypto_init(void);		/* once, before anything else */
void	crypto_random(void *p, size_t n);
void	crypto_wipe(void *p, size_t n);
digest	crypto_sha256(str);
struct crypto_sha256 { _Alignas(16) uint8_t state[128]; };	/* for what comes in pieces */
void	crypto_sha256_init(struct crypto_sha256 *);
void	crypto_sha256_add(struct crypto_sha256 *, str);
digest	crypto_sha256_end(struct crypto_sha256 *);
digest	crypto_hmac(const secret *, str);	/* HMAC-SHA-256 */
digest	crypto_hmac_of(str key, str);		/* the same under a key of any length, where a protocol gives one */
bool	crypto_same(const digest *, const digest *);	/* constant time */
void	crypto_hex(char *out, const void *p, size_t n);	/* 2n lower-case digits and a NUL */
bool	crypto_unhex(str, uint8_t *out, size_t n);	/* exactly n bytes, digits of either case */
/* Passwords: Argon2id with two passes over 64 MB (some 80 ms each: never on a loop), as text in PHC form.  False: no memory. */
#define CRYPTO_PASSWORD	128
MUST_USE bool crypto_password_hash(str password, char ret[CRYPTO_PASSWORD]);
/* Whether it is the one.  An absent hash is that of a password nobody has, so that who has no account takes the same time. */
MUST_USE bool crypto_password_verify(str hash, str password);
/* From here on this thread keeps the 64 MB of one password for the next one (password.c says why), until it drops them: when there is none for a while, and at its end. */
void	crypto_room_keep(void);
void	crypto_room_drop(void);
/* A keyed 128-bit hash (SipHash-2-4-128) for tables keyed by what strangers send. */
struct crypto_hash { uint64_t lo, hi; };
struct crypto_hash crypto_siphash(const uint8_t key[16], str);
/* base64url without padding (RFC 4648 section 5) */
str	crypto_b64(struct arena *, str);		/* followed by a NUL, as what unb64 returns */
bool	crypto_unb64(struct arena *, str, str *ret);	/* strict; padding is accepted */
#endif
