// What every walk of test/lib/walk.py has: packages, steps, and questions to the world.
import { createRequire } from 'node:module';
import readline from 'node:readline';

export const npm = createRequire(process.env.NPM);
const lines = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();

export function step(words, holds) {
	console.log(`${holds ? 'ok' : 'not ok'} - ${words}`);
}

export async function ask(word, argument = '') {
	console.log(`? ${word} ${argument}`);
	return (await lines.next()).value;
}

export async function refused(promise) {
	try {
		await promise;
		return null;
	} catch (e) {
		return e;
	}
}

export function done() {
	process.exit(0);
}

process.on('unhandledRejection', (e) => {
	console.log(e);
	process.exit(1);
});
