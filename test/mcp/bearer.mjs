// Adds a token to every request that goes to one origin: the conformance suite knows no option for it.
//	BEARER=scripe_sk_… BEARER_FOR=http://127.0.0.1:8080 NODE_OPTIONS='--import …/bearer.mjs' node …/conformance/dist/index.js server …
import http from 'node:http';
import { createRequire } from 'node:module';

const { Agent, setGlobalDispatcher } = createRequire(process.argv[1])('undici');

// Headers are a list of names and values in turn, an object, or pairs.
function named(headers) {
	if (Array.isArray(headers) && !Array.isArray(headers[0])) return headers.filter((_, i) => i % 2 === 0);
	return headers?.[Symbol.iterator] ? [...headers].map(([name]) => name) : Object.keys(headers ?? {});
}

function withToken(headers) {
	const pair = ['authorization', `Bearer ${process.env.BEARER}`];
	if (Array.isArray(headers) && !Array.isArray(headers[0])) return [...headers, ...pair];
	return headers?.[Symbol.iterator] ? [...headers, pair] : { ...headers, [pair[0]]: pair[1] };
}

setGlobalDispatcher(new Agent().compose((dispatch) => (options, handler) => {
	const ours = String(options.origin) === process.env.BEARER_FOR;
	const mute = ours && !named(options.headers).some((name) => String(name).toLowerCase() === 'authorization');
	return dispatch(mute ? { ...options, headers: withToken(options.headers) } : options, handler);
}));

// What looks at headers alone sends its requests by node:http.
const request = http.request;
createRequire(import.meta.url)('node:http').request = (options, ...rest) => {
	const ours = `http://${options.hostname}:${options.port}` === process.env.BEARER_FOR;
	return request(ours ? { ...options, headers: { authorization: `Bearer ${process.env.BEARER}`, ...options.headers } } : options, ...rest);
};
