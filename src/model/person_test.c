#include "model/person.h"
#include "t.h"

TEST(an_address_needs_both_sides_of_its_at)
{
	static const struct { str email; bool ok; } row[] = {
		{ S_INIT("a@b"), true }, { S_INIT("@bc"), false }, { S_INIT("abc@"), false }, { S_INIT("abc"), false },
		{ S_INIT("a b@c"), false }, { S_INIT("a@b\r\nBcc: c@d"), false }, { S_INIT("Ada <a@b>"), false }, { S_INIT("\"a@b"), false }, { S_INIT("ä@b"), true },
	};
	struct error e;

	for (size_t i = 0; i < COUNT(row); i++) {
		struct person_create c = { .email = row[i].email };
		CHECK_INT(person_create_rec.check(&c, &e) == OK, ==, row[i].ok);
	}
}
