// Two libraries of OAuth clients that know nothing of MCP: a strict one and a lenient one walk code, refresh and revoke.
import { ask, done, npm, refused, step } from '../lib/walk.mjs';

const { LIBRARY, URL: base, ID: id, SECRET: secret } = process.env;
const redirect = 'http://127.0.0.1:33418/callback';
const scope = 'notes:read offline_access';
const reads = async (token) => (await fetch(`${base}/v1/projects`, { headers: { authorization: `Bearer ${token}` } })).status;

async function strict() {
	const o = npm('oauth4webapi');
	const plain = { [o.allowInsecureRequests]: true };
	const issuer = new URL(base);
	const as = await o.processDiscoveryResponse(issuer, await o.discoveryRequest(issuer, { algorithm: 'oauth2', ...plain }));
	step('the metadata is believed', as.issuer === base);
	const resource = new URL(`${base}/mcp`);
	const rs = await o.processResourceDiscoveryResponse(resource, await o.resourceDiscoveryRequest(resource, plain));
	step('the metadata of the resource leads to it', rs.authorization_servers[0] === as.issuer);
	const registered = await o.processDynamicClientRegistrationResponse(await o.dynamicClientRegistrationRequest(as,
		{ client_name: 'Strict', redirect_uris: [redirect], token_endpoint_auth_method: 'client_secret_basic', scope }, plain));
	step('it registers', registered.client_id.startsWith('cli_') && typeof registered.client_secret === 'string');
	const client = { client_id: registered.client_id };
	const auth = o.ClientSecretBasic(registered.client_secret);
	const verifier = o.generateRandomCodeVerifier();
	const state = o.generateRandomState();
	const to = new URL(as.authorization_endpoint);
	to.search = new URLSearchParams({ client_id: client.client_id, redirect_uri: redirect, response_type: 'code', scope, state, resource: resource.href,
		code_challenge: await o.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256' });
	const params = o.validateAuthResponse(as, client, new URL(await ask('allow', to.href)), state);
	step('it is led back by the issuer that it asked', params.get('iss') === base);
	const got = await o.processAuthorizationCodeResponse(as, client,
		await o.authorizationCodeGrantRequest(as, client, auth, params, redirect, verifier, { ...plain, additionalParameters: { resource: resource.href } }));
	step('it gets tokens that work', (await reads(got.access_token)) === 200);
	const known = await o.processIntrospectionResponse(as, client, await o.introspectionRequest(as, client, auth, got.access_token, plain));
	step('it introspects its own', known.active === true && known.client_id === client.client_id);
	const next = await o.processRefreshTokenResponse(as, client, await o.refreshTokenGrantRequest(as, client, auth, got.refresh_token, plain));
	step('it refreshes', next.refresh_token !== got.refresh_token && (await reads(next.access_token)) === 200);
	await o.processRevocationResponse(await o.revocationRequest(as, client, auth, next.refresh_token, plain));
	step('it revokes', (await reads(next.access_token)) === 401);
	const gone = await refused(o.refreshTokenGrantRequest(as, client, auth, next.refresh_token, plain).then((r) => o.processRefreshTokenResponse(as, client, r)));
	step('what it revoked is refused in its words', gone?.error === 'invalid_grant');
}

async function lenient() {
	const { AuthorizationCode } = npm('simple-oauth2');
	const client = new AuthorizationCode({ client: { id, secret }, options: { authorizationMethod: 'body' },
		auth: { tokenHost: base, tokenPath: '/oauth/token', authorizePath: '/oauth/authorize', revokePath: '/oauth/revoke' } });
	const { randomBytes, createHash } = await import('node:crypto');
	const verifier = randomBytes(32).toString('base64url');
	const to = client.authorizeURL({ redirect_uri: redirect, scope, state: 'lenient', code_challenge_method: 'S256',
		code_challenge: createHash('sha256').update(verifier).digest('base64url') });
	const back = new URL(await ask('allow', to)).searchParams;
	step('it is led back', back.get('state') === 'lenient');
	let token = await client.getToken({ code: back.get('code'), redirect_uri: redirect, code_verifier: verifier });
	step('it gets tokens that work', (await reads(token.token.access_token)) === 200 && token.expired() === false);
	const before = token.token;
	token = await token.refresh();
	step('it refreshes', token.token.refresh_token !== before.refresh_token && (await reads(token.token.access_token)) === 200);
	await token.revoke('refresh_token');
	step('it revokes', (await reads(token.token.access_token)) === 401);
	const gone = await refused(token.refresh());
	step('what it revoked is refused in its words', gone?.data?.payload?.error === 'invalid_grant');
}

await (LIBRARY === 'oauth4webapi' ? strict() : lenient());
done();
