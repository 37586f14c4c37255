// A host that has a key: what it finds beside the tools, by libraries that we did not write.
//	LINE	1: @modelcontextprotocol/sdk, 2: @modelcontextprotocol/client
import { done, npm, refused, step } from '../lib/walk.mjs';

const { LINE, URL: url, KEY: key, PROJECT: project } = process.env;
const one = LINE === '1';
const { Client, StreamableHTTPClientTransport } = one
	? { ...npm('@modelcontextprotocol/sdk/client/index.js'), ...npm('@modelcontextprotocol/sdk/client/streamableHttp.js') } : npm('@modelcontextprotocol/client');
const types = one ? npm('@modelcontextprotocol/sdk/types.js') : {};

const client = new Client({ name: 'beside', version: '1' }, one ? { capabilities: { tasks: {} } } : { versionNegotiation: { mode: 'auto' } });
const told = [];
if (one) client.setNotificationHandler(types.ResourceUpdatedNotificationSchema, (n) => { told.push(n.params.uri); });
await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers: { Authorization: `Bearer ${key}` } } }));

const { resources } = await client.listResources();
step('it lists resources: projects, and the documentation', resources.some((r) => r.uri === `scripe://projects/${project}`) && resources.some((r) => r.uri === 'scripe://docs/posts'));
const { resourceTemplates } = await client.listResourceTemplates();
step('it lists templates', resourceTemplates.some((t) => t.uriTemplate === 'scripe://posts/{id}'));
const read = await Promise.all(resources.map((r) => client.readResource({ uri: r.uri })));
step('it reads each resource that is listed', read.every((r, i) => r.contents[0].uri === resources[i].uri && r.contents[0].text.length > 0 && r.contents[0].mimeType === resources[i].mimeType));
const gone = await refused(client.readResource({ uri: 'scripe://posts/post_01J9ZAB12CD34E56F7G8H9JKMN' }));
step('what is not there is not found', gone?.code === (one ? -32002 : -32602) && gone.data.uri.startsWith('scripe://posts/'));

const { prompts } = await client.listPrompts();
step('it lists prompts', prompts.map((p) => p.name).join() === 'draft_post,plan_week,repurpose_source');
const { messages } = await client.getPrompt({ name: 'draft_post', arguments: { topic: 'Rye' } });
step('a prompt holds what the work needs', messages[0].content.resource.uri === `scripe://projects/${project}` && messages.at(-1).content.text.includes('Rye'));
const complete = async (ref, name, value) => (await client.complete({ ref, argument: { name, value } })).completion.values;
step('arguments are completed', (await complete({ type: 'ref/prompt', name: 'draft_post' }, 'length', 'l')).join() === 'long');
step('variables are completed', (await complete({ type: 'ref/resource', uri: 'scripe://projects/{id}' }, 'id', '')).includes(project));

if (one) {
	await client.subscribeResource({ uri: `scripe://projects/${project}/posts` });
	await client.listTools();
	const states = [];
	let result;
	const call = { name: 'generate_post', arguments: { projectId: project, source: { text: 'We moved our support. It was good. Nobody misses the old way.' } } };
	for await (const m of client.experimental.tasks.callToolStream(call, types.CallToolResultSchema, { task: { ttl: 60000 } })) {
		if (m.task) states.push(m.task.status);
		result ??= m.result;
	}
	step('a call is a task, followed to its end', states[0] === 'working' && states.at(-1) === 'completed' && result.structuredContent.data.status === 'DONE');
	step('tasks are listed', (await client.experimental.tasks.listTasks()).tasks.some((t) => t.taskId === result.structuredContent.data.id));
	for (let i = 0; i < 600 && told.length === 0; i++) await new Promise((later) => setTimeout(later, 100));
	step('it is told of the post that was made', told[0] === `scripe://projects/${project}/posts`);
}
await client.close();
done();
