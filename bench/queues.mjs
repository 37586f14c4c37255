// queues.mjs -- jobs a second, from the first that is put in to the last that is done: pg-boss and Graphile Worker at their best.
//	node queues.mjs pg-boss|graphile-worker URI COUNT		prints one number
import { createRequire } from 'node:module';

const require = createRequire(process.env.QUEUES + '/');
const [, , which, uri, text] = process.argv;
const count = Number(text), BATCH = 1000, SIDE_BY_SIDE = 8;

async function withBoss() {
	const PgBoss = require('pg-boss');
	const boss = new PgBoss({ connectionString: uri, max: SIDE_BY_SIDE, supervise: false });
	await boss.start();
	await boss.createQueue('noop');
	const began = process.hrtime.bigint();
	let left = count;
	const done = new Promise((resolve) => {
		for (let i = 0; i < SIDE_BY_SIDE; i++)
			boss.work('noop', { batchSize: 100, pollingIntervalSeconds: 0.5 }, async (jobs) => {
				if ((left -= jobs.length) <= 0)
					resolve();
			});
	});
	for (let i = 0; i < count; i += BATCH)
		await boss.insert(Array.from({ length: BATCH }, () => ({ name: 'noop', data: {} })));
	await done;
	const ns = Number(process.hrtime.bigint() - began);
	await boss.stop({ graceful: false });
	return count / (ns / 1e9);
}

async function withGraphile() {
	const { run, makeWorkerUtils, Logger } = require('graphile-worker');
	const logger = new Logger(() => () => {});
	const utils = await makeWorkerUtils({ connectionString: uri, logger });
	await utils.migrate();
	const began = process.hrtime.bigint();
	let left = count, resolve;
	const done = new Promise((r) => { resolve = r; });
	const runner = await run({
		connectionString: uri, logger, concurrency: 24, maxPoolSize: SIDE_BY_SIDE, noHandleSignals: true, pollInterval: 500,
		preset: { worker: { localQueue: { size: 500 }, completeJobBatchDelay: 0, failJobBatchDelay: 0 } },
		taskList: { noop: async () => { if (--left === 0) resolve(); } },
	});
	for (let i = 0; i < count; i += BATCH)
		await utils.addJobs(Array.from({ length: BATCH }, () => ({ identifier: 'noop', payload: {} })));
	await done;
	const ns = Number(process.hrtime.bigint() - began);
	await runner.stop();
	await utils.release();
	return count / (ns / 1e9);
}

console.log(await (which === 'pg-boss' ? withBoss() : withGraphile()));
process.exit(0);
