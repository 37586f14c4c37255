// A host that is given nothing but the URL of the server: it finds the authorization server, registers, sends its user through sign-in and consent,
// lists and calls tools, follows a generation, refreshes, and is refused when the user took it back.
//	LINE	1: @modelcontextprotocol/sdk, 2: @modelcontextprotocol/client		CLIENT	the URL of its metadata document, if it has one
import { ask, done, npm, refused, step } from '../lib/walk.mjs';

const { LINE, URL: url, PROJECT: project, CLIENT } = process.env;
const { Client, StreamableHTTPClientTransport, UnauthorizedError } = LINE === '1'
	? { ...npm('@modelcontextprotocol/sdk/client/index.js'), ...npm('@modelcontextprotocol/sdk/client/streamableHttp.js'), ...npm('@modelcontextprotocol/sdk/client/auth.js') }
	: npm('@modelcontextprotocol/client');
const redirectUrl = 'http://127.0.0.1:7777/callback';

class Person {
	redirectUrl = redirectUrl;
	clientMetadata = { client_name: 'A host', redirect_uris: [redirectUrl], token_endpoint_auth_method: 'none', grant_types: ['authorization_code', 'refresh_token'], response_types: ['code'] };
	client = CLIENT && { client_id: CLIENT };	// the libraries themselves look for a document behind https only
	sent = 0;

	state() { return 'state of a host'; }
	clientInformation() { return this.client; }
	saveClientInformation(client) { this.client = client; }
	tokens() { return this.saved; }
	saveTokens(tokens) { this.saved = tokens; }
	codeVerifier() { return this.verifier; }
	saveCodeVerifier(verifier) { this.verifier = verifier; }
	invalidateCredentials(what) { if (what === 'all' || what === 'tokens') this.saved = undefined; }
	redirectToAuthorization(to) { this.to = to; this.sent++; }
}

const person = new Person();
const transport = () => new StreamableHTTPClientTransport(new URL(url), { authProvider: person });
const client = () => new Client({ name: 'walk', version: '1' }, LINE === '1' ? {} : { versionNegotiation: { mode: 'auto' } });
const call = (c, params, options) => (LINE === '1' ? c.callTool(params, undefined, options) : c.callTool(params, options));

let line = transport();
step('a host without a token is sent to its user', (await refused(client().connect(line))) instanceof UnauthorizedError && person.sent === 1);
step(CLIENT ? 'its document is its registration' : 'it registers itself', CLIENT ? person.client.client_id === CLIENT : person.client?.client_id?.startsWith('cli_'));
const back = new URL(await ask('allow', person.to)).searchParams;
step('its user leads it back, with its state', back.get('state') === 'state of a host' && back.has('code') && back.has('iss'));
await (LINE === '1' ? line.finishAuth(back.get('code')) : line.finishAuth(back));
step('it gets tokens that can be refreshed', person.saved.access_token.startsWith('scripe_at_') && person.saved.refresh_token.startsWith('scripe_rt_'));

let c = client();
line = transport();
await c.connect(line);
const version = LINE === '1' ? line.protocolVersion : c.getNegotiatedProtocolVersion();
step(`it speaks ${LINE === '1' ? '2025-11-25' : '2026-07-28'}`, version === (LINE === '1' ? '2025-11-25' : '2026-07-28'));
const names = (await c.listTools()).tools.map((tool) => tool.name);
step('it lists the tools', ['list_notes', 'get_note', 'create_note', 'generate_post'].every((name) => names.includes(name)));

const made = await call(c, { name: 'create_note', arguments: { projectId: project, content: 'From a host' } });
const note = made.structuredContent?.data;
const read = await call(c, { name: 'get_note', arguments: { noteId: note?.id } });
step('it writes a note and reads it', !made.isError && read.structuredContent?.data?.content === 'From a host');

const told = [];
const text = 'We moved the release from Friday to Tuesday. Nobody works at the weekend since then. Support answers faster, and customers notice.';
const job = await call(c, { name: 'generate_post', arguments: { projectId: project, source: { text }, wait_for_completion_ms: 20000 } }, { onprogress: (p) => told.push(p) });
step('it follows a generation to its end', job.structuredContent?.data?.status === 'DONE' && told.length > 0 && told.every((p, i) => i === 0 || p.progress > told[i - 1].progress));
const wrong = await call(c, { name: 'get_note', arguments: { noteId: 'note_01J9ZAB12CD34E56F7G8H9JKMN' } });
step('what is not there is an error that a model can read', wrong.isError === true && wrong.content[0].text.includes('not'));

const before = { ...person.saved };
await ask('forward', '3700');
const later = await call(c, { name: 'get_note', arguments: { noteId: note?.id } });
step('behind an hour it refreshes and goes on', !later.isError && person.saved.refresh_token !== before.refresh_token && person.sent === 1);

await ask('revoke');
const end = await refused(call(c, { name: 'get_note', arguments: { noteId: note?.id } }));
step('when its user took it back it is refused, and sent to its user again', end instanceof UnauthorizedError && person.sent === 2 && person.saved === undefined);
done();
