#include "t.h"
#include "crypto/crypto.h"
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

static bool
is_hex(const void *p, size_t n, const char *hex)
{
	char out[129];

	crypto_hex(out, p, n);
	return strcmp(out, hex) == 0;
}

TEST(sha256_gives_the_vectors_of_fips_180)
{
	static const struct { str in; const char *hex; } row[] = {
		{ S_INIT(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
		{ S_INIT("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
		{ S_INIT("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
		  "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
	};
	CHECK(crypto_init());
	for (size_t i = 0; i < COUNT(row); i++) {
		digest d = crypto_sha256(row[i].in);
		CHECK(is_hex(d.b, 32, row[i].hex));
	}
	digest none = crypto_sha256(STR_NONE);
	CHECK(is_hex(none.b, 32, row[0].hex));
}

TEST(sha256_in_pieces_is_sha256)
{
	char million[1000];
	struct crypto_sha256 c;

	memset(million, 'a', sizeof(million));
	crypto_sha256_init(&c);
	for (int i = 0; i < 1000; i++)
		crypto_sha256_add(&c, (str){ million, sizeof(million) });
	crypto_sha256_add(&c, STR_NONE);
	digest d = crypto_sha256_end(&c);
	CHECK(is_hex(d.b, 32, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"));
}

/* RFC 4231; HMAC fills a short key with zeros, so that its keys of 20, 4 and 25 bytes fit into a secret. */
TEST(hmac_gives_the_vectors_of_rfc_4231)
{
	static const struct { const char *key; str in; const char *hex; } row[] = {
		{ "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", S_INIT("Hi There"),
		  "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7" },
		{ "4a656665", S_INIT("what do ya want for nothing?"),
		  "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843" },
		{ "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		  S_INIT("\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd"
			 "\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd"),
		  "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe" },
		{ "0102030405060708090a0b0c0d0e0f10111213141516171819",
		  S_INIT("\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd"
			 "\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd"),
		  "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b" },
	};
	for (size_t i = 0; i < COUNT(row); i++) {
		secret k = { { 0 } };
		str key = str_z(row[i].key);
		CHECK(crypto_unhex(key, k.b, key.n / 2));
		digest d = crypto_hmac(&k, row[i].in);
		CHECK(is_hex(d.b, 32, row[i].hex));
	}
}

/* Rows of vectors_sip128 of the reference implementation: key 00..0f, input 00, 01, … of the length given. */
TEST(siphash_gives_the_reference_vectors)
{
	static const struct { size_t n; const char *hex; } row[] = {
		{ 0, "a3817f04ba25a8e66df67214c7550293" }, { 1, "da87c1d86b99af44347659119b22fc45" },
		{ 2, "8177228da4a45dc7fca38bdef60affe4" }, { 3, "9c70b60c5267a94e5f33b6b02985ed51" },
		{ 4, "f88164c12d9c8faf7d0f6e7c7bcd5579" },
	};
	uint8_t key[16], in[16];

	for (uint8_t i = 0; i < 16; i++)
		key[i] = in[i] = i;
	for (size_t i = 0; i < COUNT(row); i++) {
		struct crypto_hash h = crypto_siphash(key, (str){ (char *)in, row[i].n });
		CHECK(is_hex(&h, 16, row[i].hex));
	}
}

TEST(digests_are_compared_whole)
{
	digest a = crypto_sha256(S("a")), b = a;

	CHECK(crypto_same(&a, &b));
	b.b[31] ^= 1;
	CHECK(!crypto_same(&a, &b));
}

TEST(hex_is_exact)
{
	uint8_t out[2];

	CHECK(crypto_unhex(S("00fF"), out, 2) && out[0] == 0 && out[1] == 255);
	CHECK(!crypto_unhex(S("00f"), out, 2) && !crypto_unhex(S("00fff"), out, 2) && !crypto_unhex(S("00f "), out, 2));
	CHECK(!crypto_unhex(S("00fg"), out, 2) && crypto_unhex(S(""), out, 0));
}

TEST(base64url_gives_the_vectors_of_rfc_4648)
{
	static const struct { str plain, text, padded; } row[] = {
		{ S_INIT(""), S_INIT(""), S_INIT("") }, { S_INIT("f"), S_INIT("Zg"), S_INIT("Zg==") },
		{ S_INIT("fo"), S_INIT("Zm8"), S_INIT("Zm8=") }, { S_INIT("foo"), S_INIT("Zm9v"), S_INIT("Zm9v") },
		{ S_INIT("foob"), S_INIT("Zm9vYg"), S_INIT("Zm9vYg==") }, { S_INIT("fooba"), S_INIT("Zm9vYmE"), S_INIT("Zm9vYmE=") },
		{ S_INIT("foobar"), S_INIT("Zm9vYmFy"), S_INIT("Zm9vYmFy") }, { S_INIT("\xff\xef\0"), S_INIT("_-8A"), S_INIT("_-8A") },
	};
	struct arena a;
	str got;

	arena_init(&a, 65536);
	for (size_t i = 0; i < COUNT(row); i++) {
		CHECK_STR(crypto_b64(&a, row[i].plain), row[i].text);
		CHECK(crypto_unb64(&a, row[i].text, &got));
		CHECK_STR(got, row[i].plain);
		CHECK(crypto_unb64(&a, row[i].padded, &got));
		CHECK_STR(got, row[i].plain);
	}
	arena_free(&a);
}

TEST(base64url_refuses_every_other_text)
{
	static const char *const row[] = {
		"Z", "Zm9vY", "Zm+v", "Zm/v", "Zm 9v", "Zm9v\n", " Zm9v", "Zg=", "Zg===", "Z===", "=", "==", "====", "Zm9v=", "Zm9v====",
		"Zm8==", "Zh", "Zh==", "Zm9", "Zm9=", "Zg==Zg==", "Zm\x80v",
	};
	struct arena a;
	str got = STR_NONE;

	arena_init(&a, 65536);
	for (size_t i = 0; i < COUNT(row); i++) {
		CHECK(!crypto_unb64(&a, str_z(row[i]), &got));
		CHECK(got.p == NULL);
	}
	CHECK(!crypto_unb64(&a, S("Zm9v\0"), &got));
	arena_free(&a);
}

TEST(wiped_bytes_are_zero_and_random_ones_are_not)
{
	uint8_t a[64] = { 0 }, zero[64] = { 0 };

	crypto_random(a, sizeof(a));
	CHECK(memcmp(a, zero, sizeof(a)) != 0);
	crypto_wipe(a, sizeof(a));
	CHECK(memcmp(a, zero, sizeof(a)) == 0);
}

/* The two of RFC 4231 whose keys are longer than a block. */
TEST(hmac_takes_a_key_of_any_length)
{
	char key[131];
	digest d;

	memset(key, 0xaa, sizeof(key));
	d = crypto_hmac_of((str){ key, sizeof(key) }, S("Test Using Larger Than Block-Size Key - Hash Key First"));
	CHECK(is_hex(d.b, 32, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"));
	d = crypto_hmac_of((str){ key, sizeof(key) }, S("This is a test using a larger than block-size key and a larger than block-size data. "
	    "The key needs to be hashed before being used by the HMAC algorithm."));
	CHECK(is_hex(d.b, 32, "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"));
	d = crypto_hmac_of(S("Jefe"), S("what do ya want for nothing?"));
	CHECK(is_hex(d.b, 32, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"));
}

TEST(a_password_is_known_by_its_hash_alone)
{
	char hash[CRYPTO_PASSWORD], again[CRYPTO_PASSWORD];
	str password = S("correct horse battery staple");

	CHECK(crypto_init());
	CHECK(crypto_password_hash(password, hash));
	CHECK(crypto_password_hash(password, again));
	CHECK(strncmp(hash, "$argon2id$v=19$m=65536,t=2,p=1$", 31) == 0);
	CHECK(strcmp(hash, again) != 0);			/* a salt each */
	CHECK(crypto_password_verify(str_z(hash), password));
	CHECK(!crypto_password_verify(str_z(hash), S("correct horse battery stapl")));
	CHECK(!crypto_password_verify(str_z(hash), STR_NONE));
	hash[40] = (char)(hash[40] == 'a' ? 'b' : 'a');
	CHECK(!crypto_password_verify(str_z(hash), password));
}

static int64_t
cpu_us(str hash)
{
	struct timespec a, b;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
	CHECK(!crypto_password_verify(hash, S("some password")));
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
	return (b.tv_sec - a.tv_sec) * 1000000 + (b.tv_nsec - a.tv_nsec) / 1000;
}

/* What is no hash must not be told from what is one by the time that it takes. */
TEST(a_password_of_nobody_takes_as_long)
{
	char hash[CRYPTO_PASSWORD];

	CHECK(crypto_init());
	CHECK(crypto_password_hash(S("another password"), hash));
	int64_t known = INT64_MAX, unknown = INT64_MAX, long_one = INT64_MAX;
	for (int i = 0; i < 3; i++) {
		known = MIN(known, cpu_us(str_z(hash)));
		unknown = MIN(unknown, cpu_us(STR_NONE));
		long_one = MIN(long_one, cpu_us((str){ memset((char[200]){ 0 }, 'x', 200), 200 }));
	}
	CHECK(unknown * 2 > known && known * 2 > unknown);
	CHECK(long_one * 2 > known);
}

static long
faults(void)
{
	struct rusage u;

	getrusage(RUSAGE_THREAD, &u);
	return u.ru_minflt;
}

TEST(a_thread_that_keeps_its_room_fills_it_once)
{
	char hash[CRYPTO_PASSWORD];
	str password = S("correct horse battery staple");
	long before;

	crypto_room_keep();
	CHECK(crypto_password_hash(password, hash));
	for (int i = 0; i < 2; i++) {
		before = faults();
		CHECK(crypto_password_verify(str_z(hash), password));
		CHECK_INT(faults() - before, <, 1000);		/* of 16,384 pages */
	}
	crypto_room_drop();
	CHECK(crypto_password_verify(str_z(hash), password));
	crypto_room_drop();
}
