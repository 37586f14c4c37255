// walk.mjs -- the documentation as its readers meet it, in a real browser: node walk.mjs URL
//
// Every page that can be reached by links is opened once: its links and anchors, console, hosts, accessibility in both colours,
// width on a phone. Then a walk by keyboard, without script, and what the script adds. TAP lines; exit status 1 when one failed.
// SCRIPED_CHROMIUM names the browser; SCRIPED_SHOTS a folder for pictures of some pages.
import { mkdirSync } from 'node:fs';
import { CONTRAST, RULES, axe, base, end, focused, line, test, watched } from '../lib/chromium.mjs';

const PAGES_AT_ONCE = 3;

const seen = new Map();		// path: { status, ids, html }
const links = [];		// { from, path, id }
const rules = { light: [], dark: [] };
const narrow = [], noise = [], shape = [];

// Contrast is by far the dearest rule. What looks the same again is not judged again: the navigation of all pages but the first, and the
// tables, examples and entries of the contents behind the third.
const mark_again = first => {
	const again = first ? [] : [...document.querySelectorAll('.nav, .top, footer')];
	for (const kind of ['.code', '.scroll', '.toc li', '.op', 'article h3', 'article h3 ~ p'])
		again.push(...[...document.querySelectorAll(kind)].slice(3));
	again.forEach(e => e.setAttribute('data-again', ''));
};
const AGAIN = [['[data-again]']];

// Structure is the same in both colours.
async function judge(page, path) {
	await page.evaluate(mark_again, path === '/docs');
	for (const fault of [...await axe(page, RULES, { 'color-contrast': { enabled: false } }), ...await axe(page, CONTRAST, {}, AGAIN)])
		rules.light.push(`${path}: ${fault}`);
	await page.emulateMedia({ colorScheme: 'dark' });
	for (const fault of await axe(page, CONTRAST, {}, AGAIN))
		rules.dark.push(`${path}: ${fault}`);
	await page.setViewportSize({ width: 360, height: 740 });
	const wide = await page.evaluate(() => document.scrollingElement.scrollWidth);
	if (wide > 360)
		narrow.push(`${path} is ${wide} wide`);
	await page.setViewportSize({ width: 1280, height: 900 });
	await page.emulateMedia({ colorScheme: 'light' });
}

async function visit({ page, faults }, path) {
	const answer = await page.goto(base + path);
	const found = await page.evaluate(() => ({
		ids: [...document.querySelectorAll('[id]')].map(e => e.id),
		hrefs: [...document.querySelectorAll('[href]')].map(e => e.getAttribute('href')),
		h1: document.querySelectorAll('h1').length,
	}));
	seen.set(path, { status: answer.status(), ids: new Set(found.ids), html: true });
	if (found.h1 !== 1 || new Set(found.ids).size !== found.ids.length)
		shape.push(`${path}: ${found.h1} h1, or two elements with one id`);
	for (const href of found.hrefs) {
		const url = new URL(href, base + path);
		if (url.origin === base)
			links.push({ from: path, path: url.pathname, id: decodeURIComponent(url.hash.slice(1)) });
		else if (url.protocol !== 'https:')
			shape.push(`${path}: a link to ${href}`);
	}
	await judge(page, path);
	noise.push(...faults.splice(0).map(fault => `${path}: ${fault}`));
}

async function fetched(path) {
	const answer = await fetch(base + path, { redirect: 'manual' });
	const html = (answer.headers.get('content-type') ?? '').startsWith('text/html');
	if (!html)
		seen.set(path, { status: answer.status, ids: new Set(), html });
	return html;
}

async function crawl() {
	const waiting = ['/docs'], known = new Set(waiting), workers = [];
	const work = async () => {
		const tab = await watched();
		let idle = 0;
		while (idle < 100) {
			const path = waiting.shift();
			if (path === undefined) {
				idle++;
				await new Promise(resume => setTimeout(resume, 20));
				continue;
			}
			idle = 0;
			if (await fetched(path))
				await visit(tab, path);
			for (const link of links)
				if (!known.has(link.path)) {
					known.add(link.path);
					waiting.push(link.path);
				}
		}
		await tab.context.close();
	};
	for (let i = 0; i < PAGES_AT_ONCE; i++)
		workers.push(work());
	await Promise.all(workers);
}

// ------------------------------------------------------------------------------------------------------- the keyboard

async function tabs_through(check) {
	const { page, context } = await watched();
	await page.goto(base + '/docs/api/v1/idempotency');
	const order = [];
	for (let i = 0; i < 200; i++) {
		await page.keyboard.press('Tab');
		const at = await focused(page);
		if (at.body)
			break;
		order.push(at);
		check(at.shown, `${at.name} has the focus and is not seen`);
		check(at.ring, `${at.name} has the focus and does not show it`);
	}
	check(order[0]?.href === '#main', 'the first stop is not the skip link');
	check(order.length > 30, `only ${order.length} stops`);
	const place = name => order.findIndex(at => at.name.includes(name));
	check(place('scriped') < place('Search') && place('Search') < place('Quickstart') && place('Quickstart') < place('The rules'),
		`the order is ${order.map(at => at.name).join(' | ')}`);
	await context.close();
}

async function skips(check) {
	const { page, context } = await watched();
	await page.goto(base + '/docs/quickstart');
	await page.keyboard.press('Tab');
	await page.keyboard.press('Enter');
	check((await focused(page)).id === 'main', 'the skip link does not lead to the content');
	await page.keyboard.press('Tab');
	check(await page.evaluate(() => document.activeElement.closest('main') !== null), 'the stop after it is not in the content');
	await context.close();
}

async function searches(check) {
	const { page, context, faults } = await watched();
	await page.goto(base + '/docs');
	await page.keyboard.press('/');
	await page.keyboard.type('create a note');
	await page.locator('.search li a').first().waitFor();
	check((await page.locator('.search [role=status]').textContent()).endsWith(' found'), 'it does not say how many were found');
	for (const fault of await axe(page))
		check(false, fault);
	await page.keyboard.press('ArrowDown');
	await page.keyboard.press('Enter');
	await page.waitForURL(/create_note/);
	check(await page.evaluate(() => location.hash === '#create_note' && scrollY > 0), `it led to ${page.url()}`);
	await page.keyboard.press('/');
	await page.keyboard.type('zzzz');
	await page.getByText('Nothing found').waitFor({ state: 'attached' });
	check(faults.length === 0, faults.join(', '));
	await context.close();
}

// ------------------------------------------------------------------------------------------------------ what is added

async function remembers_colours(check) {
	const { page, context } = await watched({ colorScheme: 'dark' });
	const paper = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
	await page.goto(base + '/docs');
	const dark = await paper();
	await page.getByRole('button', { name: 'Light colours' }).click();
	const light = await paper();
	await page.goto(base + '/docs/quickstart');
	check(dark !== light && await paper() === light, `dark ${dark}, light ${light}, on the next page ${await paper()}`);
	await context.close();
}

async function copies(check) {
	const { page, context } = await watched({ permissions: ['clipboard-read', 'clipboard-write'] });
	await page.goto(base + '/docs/quickstart');
	await page.locator('.code').first().hover();
	await page.getByRole('button', { name: 'Copy' }).first().click();
	check(await page.evaluate(() => navigator.clipboard.readText()) === './dev run', 'not what stands in the block');
	await context.close();
}

async function opens_the_menu(check) {
	const { page, context } = await watched({ viewport: { width: 360, height: 740 }, javaScriptEnabled: false });
	await page.goto(base + '/docs/quickstart');
	check(!await page.locator('#nav').isVisible(), 'the navigation covers a phone');
	await page.getByRole('link', { name: 'Menu' }).click();
	check(await page.locator('#nav').isVisible(), 'the menu does not open');
	await page.getByRole('link', { name: 'Close' }).click();
	check(!await page.locator('#nav').isVisible(), 'the menu does not close');
	await page.getByRole('link', { name: 'Menu' }).click();
	await page.locator('#nav').getByRole('link', { name: 'Notes' }).click();
	check(page.url().endsWith('/docs/api/v1/notes') && await page.locator('h1').isVisible(), `it led to ${page.url()}`);
	await context.close();
}

async function reads_without_script(check) {
	const { page, context, faults } = await watched({ javaScriptEnabled: false });
	await page.goto(base + '/docs/api/v1/reference#create_post');
	check(await page.locator('#create_post').isVisible() && await page.locator('.toc').isVisible(), 'the place is not shown');
	check(faults.length === 0, faults.join(', '));
	await context.close();
}

async function tells_of_a_wrong_address(check) {
	const { page, context } = await watched();
	const answer = await page.goto(base + '/docs/nowhere');
	check(answer.status() === 404 && await page.getByRole('heading', { name: 'There is no such page' }).isVisible(), 'no page that says so');
	for (const fault of await axe(page))
		check(false, fault);
	await context.close();
}

async function pictures(folder) {
	const list = ['/docs', '/docs/quickstart', '/docs/api/v1/conventions', '/docs/api/v1/posts', '/docs/api/v1/errors/not_found', '/docs/api/v1/reference#create_post'];
	mkdirSync(folder, { recursive: true });
	for (const colorScheme of ['light', 'dark'])
		for (const width of [390, 1400]) {
			const { page, context } = await watched({ colorScheme, viewport: { width, height: 880 } });
			for (const path of list) {
				await page.goto(base + path);
				await page.screenshot({ path: `${folder}/${path.replace(/\W+/g, '-').slice(1)}-${width}-${colorScheme}.png` });
			}
			await context.close();
		}
}

// ---------------------------------------------------------------------------------------------------------------- all

if (process.env.SCRIPED_SHOTS)
	await pictures(process.env.SCRIPED_SHOTS);
await crawl();
const pages = [...seen].filter(([, page]) => page.html).map(([path]) => path);
line(`${seen.size} addresses are linked, and each is there`, [...seen].filter(([, page]) => page.status !== 200).map(([path, page]) => `${path}: ${page.status}`));
line(`${links.length} links lead to a page and to an anchor`, links.filter(link => link.id !== '' && !seen.get(link.path)?.ids.has(link.id))
	.map(link => `${link.from}: ${link.path}#${link.id}`));
line(`${pages.length} pages have one title each, and no id twice`, pages.length < 45 ? [`only ${pages.length} pages`, ...shape] : shape);
line('the console stays empty, and no other host is asked', noise);
line('axe has nothing to say in light colours', rules.light);
line('axe has nothing to say in dark colours', rules.dark);
line('no page is wider than a phone of 360 pixels', narrow);
await test('the keyboard reaches everything in order, and the focus is seen', tabs_through);
await test('the skip link leads to the content', skips);
await test('a search is made and followed by keyboard', searches);
await test('the colours that were chosen are remembered', remembers_colours);
await test('an example is copied as it stands', copies);
await test('the menu opens on a phone without script', opens_the_menu);
await test('the reference is read without script', reads_without_script);
await test('a wrong address is told to people', tells_of_a_wrong_address);
await end();
