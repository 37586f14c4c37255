// chromium.mjs -- what walks in a real browser share: TAP, pages that tell what they should not do, what axe says, and where the focus is.
//
// process.argv[2] is the URL of the server. SCRIPED_CHROMIUM names the browser.
import { createRequire } from 'node:module';
import { existsSync, readFileSync } from 'node:fs';

const require = createRequire(new URL('../../build/npm/package.json', import.meta.url));
const { chromium } = require('playwright-core');
const axeSource = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

export const base = process.argv[2];
const executablePath = process.env.SCRIPED_CHROMIUM ?? ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync);

// ---------------------------------------------------------------------------------------------------------------- TAP

let n = 0, bad = 0;
export function line(title, faults) {
	n++;
	bad += faults.length > 0;
	console.log(`${faults.length > 0 ? 'not ok' : 'ok'} ${n} - ${title}`);
	for (const fault of faults.slice(0, 20))
		console.log(`  # ${fault}`);
}
export async function test(title, run) {
	const faults = [];
	try {
		await run((holds, fault) => { if (!holds) faults.push(fault); });
	} catch (e) {
		faults.push(e.stack);
	}
	line(title, faults);
}

// -------------------------------------------------------------------------------------------------------------- pages

export const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
	'--disable-background-networking', '--disable-component-update', '--disable-sync'] });

// A page that tells what it should not do: { page, faults }.
export async function watched(options = {}) {
	const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, reducedMotion: 'reduce', colorScheme: 'light', ...options });
	const page = await context.newPage(), faults = [];
	page.setDefaultTimeout(60000);
	page.on('console', message => { if (['error', 'warning'].includes(message.type())) faults.push(`console: ${message.text()}`); });
	page.on('pageerror', error => faults.push(`script: ${error.message}`));
	page.on('request', request => { if (!request.url().startsWith(base + '/')) faults.push(`asks another host: ${request.url()}`); });
	page.on('requestfailed', request => faults.push(`failed: ${request.url()} ${request.failure()?.errorText}`));
	page.on('response', answer => { if (answer.status() >= 400) faults.push(`${answer.status()}: ${answer.url()}`); });
	return { context, page, faults };
}

export const CONTRAST = { type: 'rule', values: ['color-contrast'] };
export const RULES = { type: 'tag', values: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] };

// What axe says, put into the page as it stands: several times as fast as its own wrapper, which judges the page in another one.
export async function axe(page, runOnly = RULES, rules = {}, exclude = []) {
	if (!await page.evaluate(() => 'axe' in window))
		await page.evaluate(axeSource);
	const violations = await page.evaluate(([only, some, out]) => axe.run({ include: [['html']], exclude: out },
		{ runOnly: only, rules: some, resultTypes: ['violations'] }).then(found => found.violations
		.map(v => ({ rule: `${v.id}: ${v.help}`, at: v.nodes.slice(0, 3).map(node => node.target.join(' ')) }))), [runOnly, rules, exclude]);
	return violations.map(v => `${v.rule}: ${v.at.join(', ')}`);
}

// The element that has the focus.
export const focused = page => page.evaluate(() => {
	const e = document.activeElement, box = e.getBoundingClientRect(), style = getComputedStyle(e);
	return { name: `${e.tagName} ${(e.getAttribute('aria-label') ?? e.textContent).trim().slice(0, 30)}`, body: e === document.body, id: e.id,
		shown: box.width > 0 && box.height > 0 && box.bottom > 0 && box.top < innerHeight,
		ring: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2, href: e.getAttribute('href') };
});

export async function end() {
	await browser.close();
	console.log(`1..${n}`);
	process.exitCode = bad > 0 ? 1 : 0;
}
