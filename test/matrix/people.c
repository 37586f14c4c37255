/* people -- scriped in which every key is a person, an Admin of its workspace: what is for people alone can then be asked over
 * HTTP by a test that has nothing but keys.  Linked with --wrap=auth_check; never installed. */
#include "auth/auth.h"
#include "model/words.h"

enum err __real_auth_check(struct auth *, const struct conf *, const struct auth_ask *, struct db *, struct principal *, enum auth_known *, bool *, struct error *);
enum err __wrap_auth_check(struct auth *, const struct conf *, const struct auth_ask *, struct db *, struct principal *, enum auth_known *, bool *, struct error *);

enum err
__wrap_auth_check(struct auth *u, const struct conf *conf, const struct auth_ask *ask, struct db *db, struct principal *ret,
    enum auth_known *known, bool *touch, struct error *e)
{
	enum err code = __real_auth_check(u, conf, ask, db, ret, known, touch, e);

	if (*known == AUTH_KNOWN) {
		ret->type = PRINCIPAL_USER;
		ret->role = ROLE_ADMIN;
		ret->person = (person_id){ ret->key.u };
	}
	return code;
}
