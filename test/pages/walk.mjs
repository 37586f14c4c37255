// walk.mjs -- the pages that people see, as they meet them, in a real browser: node walk.mjs URL WORLD
//
// WORLD (JSON) is what run.py made. JavaScript is off wherever a page is used, and on where axe judges it. TAP lines; exit status 1 when one failed.
// SCRIPED_SHOTS names a folder for pictures.
import { mkdirSync } from 'node:fs';
import { CONTRAST, RULES, axe, base, end, focused, line, test, watched } from '../lib/chromium.mjs';

const world = JSON.parse(process.argv[3]);
const shots = process.env.SCRIPED_SHOTS;
if (shots)
	mkdirSync(shots, { recursive: true });

const rules = [], narrow = [], small = [];

// What axe says in both colours, and whether it fits a phone and a finger.
async function judge(page, name) {
	await page.setViewportSize({ width: 360, height: 740 });
	const wide = await page.evaluate(() => document.scrollingElement.scrollWidth);
	if (wide > 360)
		narrow.push(`${name} is ${wide} wide`);
	small.push(...(await page.evaluate(() => [...document.querySelectorAll('button, a.button, .field input')].filter(e => e.getBoundingClientRect().height < 40)
		.map(e => e.textContent || e.name))).map(what => `${name}: ${what}`));
	if (shots)
		await page.screenshot({ path: `${shots}/${name}-phone.png`, fullPage: true });
	await page.setViewportSize({ width: 1000, height: 760 });
	rules.push(...(await axe(page, RULES)).map(fault => `${name}: ${fault}`));
	if (shots)
		await page.screenshot({ path: `${shots}/${name}-light.png`, fullPage: true });
	await page.emulateMedia({ colorScheme: 'dark' });
	rules.push(...(await axe(page, CONTRAST)).map(fault => `${name}, dark: ${fault}`));
	if (shots)
		await page.screenshot({ path: `${shots}/${name}-dark.png`, fullPage: true });
	await page.emulateMedia({ colorScheme: 'light' });
}

// A tab without script; where a program waits is answered by us, for nobody is there.
async function tab(options = {}) {
	const { page, context, faults } = await watched({ javaScriptEnabled: false, ...options });
	const arrived = [];
	await context.route(url => !url.href.startsWith(base + '/'), route => {
		arrived.push(route.request().url());
		return route.fulfill({ status: 200, contentType: 'text/html', body: '<title>there</title>' });
	});
	return { page, context, faults, arrived };
}

async function sign_in(page, [email, password]) {
	await page.getByLabel('E-mail address').fill(email);
	await page.getByLabel('Password').fill(password);
	await page.keyboard.press('Enter');
	await page.waitForURL(url => url.pathname !== '/signin');
}

// ------------------------------------------------------------------------------------------------------------- how they look

async function looks(check) {
	const { page, context } = await tab({ javaScriptEnabled: true });
	const at = async (name, path) => {
		await page.goto(path.startsWith('http') ? path : base + path);
		await judge(page, name);
	};
	await at('sign-in', '/signin');
	await page.getByLabel('E-mail address').fill('nobody@example.com');
	await page.getByLabel('Password').fill('not the password');
	await page.keyboard.press('Enter');
	await page.getByRole('alert').waitFor();
	check((await focused(page)).id === 'f-password', 'the cursor is not in the password');
	await judge(page, 'wrong');
	await at('invitation', world.new);
	await at('invitation-known', world.known);
	await at('invitation-over', '/invite/nonsense');
	await page.goto(base + '/signin');
	await sign_in(page, world.ada);
	await at('consent', world.web);
	await at('consent-local', world.local);
	await page.goto(world.web);
	await page.getByRole('button', { name: 'Allow', exact: true }).click();
	await page.waitForURL(world.there + '**');
	await at('account', '/account?done=joined');
	await at('invitation-join', world.known);
	await at('invitation-member', world.late);
	check(await page.evaluate(() => document.querySelectorAll('script').length) === 0, 'there is a script');
	await context.close();
}

// ---------------------------------------------------------------------------------------------------------- what they do

async function by_keyboard(check) {
	const { page, context, faults } = await tab({ javaScriptEnabled: true });
	await page.goto(base + '/account');
	const order = [(await focused(page)).id];
	await page.keyboard.type(world.eve[0]);
	await page.keyboard.press('Tab');
	order.push((await focused(page)).id);
	await page.keyboard.type(world.eve[1]);
	await page.keyboard.press('Tab');
	const button = await focused(page);
	check(order.join() === 'f-email,f-password' && button.name.startsWith('BUTTON Sign in') && button.ring && button.shown, `the order is ${order}, ${button.name}`);
	await page.keyboard.press('Enter');
	await page.waitForURL(url => url.pathname === '/account');
	for (let i = 0; i < 10; i++) {
		await page.keyboard.press('Tab');
		const at = await focused(page);
		if (at.body)
			break;
		order.push(at.name);
		check(at.ring && at.shown, `${at.name} has the focus and does not show it`);
	}
	check(order.some(name => name.startsWith('BUTTON Sign out')) && order.some(name => name.startsWith('BUTTON Change password')), `only ${order.join(' | ')}`);
	check(faults.length === 0, faults.join(', '));
	await context.close();
}

async function joins(check) {
	const { page, context, faults } = await tab();
	await page.goto(world.new);
	await page.getByLabel('Your name').fill('Grace Hopper');
	await page.getByLabel('Password').fill('nine brave ravens');
	await page.getByRole('button', { name: 'Create account and join' }).click();
	await page.waitForURL('**/account?done=joined');
	check(await page.getByText('Grace Hopper').isVisible() && await page.getByText('Welcome').isVisible(), 'nobody is welcome');
	check(faults.length === 0, faults.join(', '));
	await context.close();
}

// The whole way of a program: sign-in, consent, and back to it; a form may lead there, and nowhere else.
async function allows(check) {
	const { page, context, arrived } = await tab();
	await page.goto(world.web);
	check(page.url().includes('/signin?next='), `it is ${page.url()}`);
	await sign_in(page, world.eve);
	check(await page.getByRole('heading', { name: 'Acme Notion Sync' }).isVisible(), 'no consent is asked for');
	await page.getByRole('button', { name: 'Allow', exact: true }).click();
	await page.waitForURL(world.there + '**');
	const back = new URL(page.url());
	check(back.searchParams.get('code') && back.searchParams.get('iss') === base, `it came back with ${back}`);
	check(back.searchParams.get('state') === 'a b&c'.repeat(100), 'the state is another one');
	check(arrived.length === 1, `${arrived.length} arrived`);
	await context.close();
}

// Somebody who allowed it before signs in, and the form of the sign-in page leads all the way to the program.
async function remembers(check) {
	for (const url of [world.web, world.silent]) {
		const { page, context } = await tab();
		await page.goto(url);
		await page.getByLabel('E-mail address').fill(world.eve[0]);
		await page.getByLabel('Password').fill(world.eve[1]);
		const [asked] = await Promise.all([page.waitForRequest(request => request.url().startsWith(world.there), { timeout: 60000 }),
			page.getByRole('button', { name: 'Sign in' }).click()]);
		check(new URL(asked.url()).searchParams.get('code'), `it is ${asked.url()}`);
		await context.close();		// the way to the program goes on meanwhile, and would be in the way of another one
	}
	const { page, context } = await tab();
	await page.goto(base + '/signin');
	await sign_in(page, world.eve);
	await page.goto(`${base}/signin?next=${encodeURIComponent(world.login.slice(base.length))}`);
	check(page.url().includes('/signin?next=') && await page.getByLabel('Password').isVisible(), `prompt=login leads to ${page.url()}`);
	await context.close();
}

// The link of a program stands on a page of another site, and who is signed in is known there.
async function is_known(check) {
	const { page, context } = await tab();
	await page.goto(base + '/signin');
	await sign_in(page, world.eve);
	const other = 'https://elsewhere.example/';
	await context.route(other, route => route.fulfill({ contentType: 'text/html', body: `<a href="${world.web}">Connect</a> <a href="${world.known}">Join</a>` }));
	await page.goto(other);
	await page.getByRole('link', { name: 'Connect' }).click();
	await page.waitForURL(world.there + '**');
	check(new URL(page.url()).searchParams.get('code'), `it is ${page.url()}`);
	await page.goto(other);
	await page.getByRole('link', { name: 'Join' }).click();
	await page.waitForURL('**/invite/**');
	check(await page.getByText(`You are signed in as ${world.eve[0]}`).isVisible() || await page.getByText('This invitation is over').isVisible(), 'who is signed in is not known');
	await context.close();
}

async function denies(check) {
	const { page, context } = await tab();
	await page.goto(world.local);
	await sign_in(page, world.eve);
	await page.getByRole('button', { name: 'Do not allow' }).click();
	await page.waitForURL('http://127.0.0.1:33418/**');
	check(new URL(page.url()).searchParams.get('error') === 'access_denied', `it is ${page.url()}`);
	await context.close();
}

async function revokes(check) {
	const { page, context, faults } = await tab();
	await page.goto(base + '/signin');
	await sign_in(page, world.eve);
	check(await page.getByText('Acme Notion Sync').isVisible() && await page.getByText('from app.example.com').isVisible(), 'the program is not listed');
	await page.getByRole('button', { name: 'Revoke access of Acme Notion Sync' }).click();
	await page.waitForURL('**/account?done=revoked');
	check(!await page.getByText('Acme Notion Sync').isVisible(), 'it is still listed');
	await page.goto(world.web);
	check(await page.getByRole('button', { name: 'Allow', exact: true }).isVisible(), 'it is not asked again');
	await page.goto(base + '/account');
	await page.getByRole('button', { name: 'Sign out', exact: true }).click();
	await page.waitForURL('**/signin');
	check(faults.length === 0, faults.join(', '));
	await context.close();
}

// A page of another origin shows none of ours in a frame, and its forms do nothing here.
async function frames(check) {
	const { page, context } = await tab({ javaScriptEnabled: true });
	await page.goto(base + '/signin');
	await sign_in(page, world.ada);
	const evil = 'https://evil.example/';
	await context.route(evil, route => route.fulfill({ contentType: 'text/html', body: `<iframe src="${base}/account"></iframe>
		<form method="post" action="${base}/signout"><button>Win a prize</button></form>` }));
	await page.goto(evil);
	const inside = page.frames()[1];
	check(inside !== undefined && !(await inside.content().catch(() => '')).includes('Your account'), 'the account is in a frame');
	await page.getByRole('button', { name: 'Win a prize' }).click();
	await page.waitForURL(base + '/signout');
	check((await page.content()).includes('Not from here'), `it is ${await page.title()}`);
	await page.goto(base + '/account');
	check(page.url() === base + '/account', 'a form of another origin signed out');
	await context.close();
}

// ------------------------------------------------------------------------------------------------------------------- all

await test('every page is seen, and a mistake puts the cursor where it is mended', looks);
line('axe has nothing to say, in light and in dark colours', rules);
line('no page is wider than a phone of 360 pixels', narrow);
line('what is pressed is large enough for a finger', small);
await test('sign-in and account are used by keyboard alone, and the focus is seen', by_keyboard);
await test('a new person joins without script', joins);
await test('a program is allowed without script, and hears its state again', allows);
await test('who allowed it before is led on by the sign-in alone, and prompt=login asks again', remembers);
await test('who comes by a link of another site is known, and led on', is_known);
await test('a program is told no', denies);
await test('a program is revoked, and the person signs out', revokes);
await test('no page is in a frame, and forms of others do nothing', frames);
await end();
