/* oauth -- the authorization server (contract 4, 12.4): OAuth 2.1 with the RFCs that agents' hosts rely on.
 *
 *	/.well-known/…			metadata (RFC 8414, 9728), at every path that clients probe
 *	/oauth/authorize, /authorize	code with PKCE S256 (RFC 7636), iss (RFC 9207), resource (RFC 8707); sign-in and consent are pages
 *	/oauth/token, /token		authorization_code, refresh_token
 *	/oauth/revoke			RFC 7009
 *	/oauth/introspect		RFC 7662, for the owner of the token
 *	/oauth/register, /register	RFC 7591; GET, PUT, DELETE of /oauth/register/{client} are RFC 7592
 *
 *	/oauth/jwks			no keys: nothing is signed; readers of the OpenID alias insist on the address
 *
 * A client_id is a registered cli_… or the https URL of a metadata document, which is fetched through the guard of dial and cached by its headers.
 * Tokens are made by arithmetic (auth/token.h); one row is a family of them.
 *
 * Where the RFCs leave a choice:
 *	scope		unknown ones are left out, none known is invalid_scope; without any, what was registered, else reading.  What is registered is a wish, no bound
 *	refresh tokens	for who asks for offline_access, or registered with the grant type refresh_token
 *	resource	this origin and its /mcp, /api/mcp, /v1, which are one; without any, the origin
 *	narrowing	a refresh may ask for less and is told what its token can do, which is all of it
 *	consent		remembered where the answer goes to https, the client has a secret, or the operator vouches for it; asked anew when name or addresses changed
 *	errors		where this person allowed the client nothing, one that no person saw leads to loopback, or to a page with a link: no open redirector by registration
 *	secrets		of clients and registrations are kept as hashes, so reading a registration does not tell the secret; replacing it makes another one
 *
 * Limits:     rate_register of a network, rate_documents of a network and a person, rate_codes of a person; oauth_clients_unused; forms of 64 KB, 40 parameters.
 *
 * Ownership:  oauth_free after the front is closed.
 * Threads:    faces run on the loops; documents are fetched by threads of its own, DOCUMENT_THREADS of them; a client of which there is no
 *             fresh document waits for them, parked.
 * Layer:      includes base to model, auth, api, page, people, dial. */
#ifndef OAUTH_H
#define OAUTH_H
#include "people/people.h"

struct oauth;
MUST_USE enum err oauth_new(struct api *, struct people *, const secret *, struct oauth **ret, struct error *);
void	oauth_drain(struct oauth *);	/* nobody waits for a document any more: the server is about to stop */
void	oauth_free(struct oauth *);
#define OAUTH_FACES	8
void	oauth_faces(struct oauth *, struct front_face ret[OAUTH_FACES]);
#endif
