// What an integration does first, with the client that @hey-api/openapi-ts makes of the document.
import { randomUUID } from 'node:crypto';
import { createClient } from './scripe/client/index.js';
import { createKnowledge, createNote, createSource, generatePost, getNote, getPost, getWorkspace, listNotes } from './scripe/sdk.gen.js';
import type { Note, NoteCreate, NoteList } from './scripe/types.gen.js';

const env = (name: string): string => {
	const value = process.env[name];
	if (!value) throw new Error(`${name} is not set`);
	return value;
};
const client = createClient({ baseUrl: env('API_URL'), auth: env('API_KEY') });
const projectId = env('API_PROJECT');

let failed = 0;
const check = (what: string, ok: boolean): void => {
	if (!ok) failed++;
	console.log(`${ok ? 'ok' : 'not ok'} - typescript: ${what}`);
};

async function whoAmI(): Promise<void> {
	const { data } = await getWorkspace({ client, throwOnError: true });
	check('who am I', data.principal.type === 'api_key' && data.workspace.features.apiAccess);
}

async function writeOnce(): Promise<void> {
	const body: NoteCreate = { projectId, content: 'Written once.', contentType: 'EDUCATIONAL' };
	const headers = { 'Idempotency-Key': randomUUID() };
	const first = await createNote({ client, throwOnError: true, body, headers });
	const again = await createNote({ client, throwOnError: true, body, headers });
	check('a retry with the same key is a replay', again.data.data.id === first.data.data.id &&
		first.response.headers.get('Idempotent-Replayed') === 'false' && again.response.headers.get('Idempotent-Replayed') === 'true');
	check('what may be null is null or there', first.data.data.updatedAt === null && first.data.data.slot?.contentType === 'EDUCATIONAL');
}

async function* pages(): AsyncGenerator<Note[]> {
	let cursor: string | undefined;
	for (;;) {
		const { data }: { data: NoteList } = await listNotes({ client, throwOnError: true, query: { projectId, limit: 3, ...(cursor && { cursor }) } });
		yield data.data;
		if (!data.pagination.has_more || data.pagination.next_cursor === null) return;
		cursor = data.pagination.next_cursor;
	}
}

async function listAll(): Promise<void> {
	for (let i = 0; i < 7; i++) await createNote({ client, throwOnError: true, body: { projectId, content: `Note ${i}` } });
	const ids: string[] = [];
	let n = 0;
	for await (const page of pages()) {
		n++;
		ids.push(...page.map((note) => note.id));
	}
	check('a list is walked to its end', n === 3 && ids.length === 8 && new Set(ids).size === 8);
}

// Its id. The operation answers with a source or, of a file, with the job that makes one.
async function keepSource(): Promise<string> {
	const { data } = await createSource({ client, throwOnError: true,
		body: { type: 'text', projectId, text: 'We changed one form. Support calls fell by half.' } });
	const made = data.data;
	check('an answer that is one of two is what it is', 'hasFullText' in made && made.hasFullText === true);
	return made.id;
}

async function generate(sourceId: string): Promise<void> {
	const { data } = await generatePost({ client, throwOnError: true,
		body: { projectId, source: { sourceId }, wait_for_completion_ms: 20000 } });
	const postId = data.data.result?.postId;
	check('a generation is waited for', data.data.status === 'DONE' && postId !== undefined);
	const post = await getPost({ client, throwOnError: true, path: { postId: postId ?? '' } });
	check('the job names its post', post.data.data.status === 'draft' && post.data.data.content.includes('Support calls'));
}

async function indexed(): Promise<void> {
	const text = await createKnowledge({ client, throwOnError: true, body: { type: 'text', name: 'Prices', text: 'The team plan is 29 euros a month.' } });
	const page = await createKnowledge({ client, throwOnError: true, body: { type: 'url', url: 'http://localhost.invalid/prices' } });
	check('each kind of knowledge has a type of its own', text.data.data.type === 'KB_INGEST_TEXT' && page.data.data.type === 'KB_INGEST_URL');
}

async function refused(): Promise<void> {
	const { data, error, response } = await getNote({ client, path: { noteId: 'note_01J9ZAB12CD34E56F7G8H9JKMN' } });
	check('a refusal is an error with code, message and request id', data === undefined && response?.status === 404 &&
		error !== undefined && 'error' in error && error.error.code === 'not_found' && error.error.request_id === response.headers.get('X-Request-Id'));
}

await whoAmI();
await writeOnce();
await listAll();
await generate(await keepSource());
await indexed();
await refused();
process.exit(failed ? 1 : 0);
