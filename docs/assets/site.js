// What makes the pages handier; they read well without it.
(() => {
	'use strict';
	const root = document.documentElement;
	const saved = () => { try { return localStorage.getItem('theme'); } catch { return null; } };
	const save = theme => { try { localStorage.setItem('theme', theme); } catch { /* a browser that keeps nothing */ } };
	if (saved() !== null)
		root.dataset.theme = saved();		// before the first paint

	const make = (name, properties) => Object.assign(document.createElement(name), properties);

	function themeButton() {
		const dark = () => root.dataset.theme ? root.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
		const button = make('button', { type: 'button' });
		const show = () => { button.textContent = dark() ? 'Light' : 'Dark'; button.setAttribute('aria-label', button.textContent + ' colours'); };
		button.addEventListener('click', () => { root.dataset.theme = dark() ? 'light' : 'dark'; save(root.dataset.theme); show(); });
		show();
		return button;
	}

	function copyButtons() {
		for (const block of document.querySelectorAll('.code')) {
			const button = make('button', { type: 'button', textContent: 'Copy' });
			button.addEventListener('click', async () => {
				try {
					await navigator.clipboard.writeText(block.querySelector('code').textContent.replace(/\n$/, ''));
					button.textContent = 'Copied';
				} catch {
					button.textContent = 'Not allowed';
				}
				setTimeout(() => { button.textContent = 'Copy'; }, 1500);
			});
			block.append(button);
		}
	}

	// Every word must stand in the heading, its page or its address; headings that begin with the first one come first.
	function find(index, query) {
		const words = query.toLowerCase().split(/\s+/).filter(Boolean);
		if (words.length === 0)
			return [];
		return index
			.map(([page, title, url]) => ({ page, title, url, in: `${title} ${page} ${url}`.toLowerCase() }))
			.filter(row => words.every(word => row.in.includes(word)))
			.sort((a, b) => b.title.toLowerCase().startsWith(words[0]) - a.title.toLowerCase().startsWith(words[0]))
			.slice(0, 12);
	}

	function searchBox() {
		const box = make('div', { className: 'search' });
		const input = make('input', { type: 'search', placeholder: 'Search', autocomplete: 'off', spellcheck: false });
		const list = make('ul', {}), said = make('p', { className: 'quiet' });
		let index = null;
		box.setAttribute('role', 'search');
		input.setAttribute('aria-label', 'Search the documentation');
		said.setAttribute('role', 'status');
		const close = () => { list.replaceChildren(); said.textContent = ''; };
		const show = async () => {
			index ??= await fetch('/docs/assets/search.json').then(answer => answer.json());
			const rows = find(index, input.value);
			list.replaceChildren(...rows.map(row => {
				const link = make('a', { href: row.url, textContent: row.title });
				const item = make('li', {});
				link.append(make('small', { textContent: row.page }));
				item.append(link);
				return item;
			}));
			said.textContent = input.value.trim() === '' ? '' : rows.length === 0 ? 'Nothing found' : `${rows.length} found`;
		};
		input.addEventListener('input', show);
		input.addEventListener('keydown', event => { if (event.key === 'Enter') list.querySelector('a')?.click(); });
		box.addEventListener('keydown', event => {
			const links = [input, ...list.querySelectorAll('a')], at = links.indexOf(document.activeElement);
			if (event.key === 'Escape') {
				close();
				input.focus();
			} else if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
				event.preventDefault();
				links[(at + (event.key === 'ArrowDown' ? 1 : links.length - 1)) % links.length].focus();
			}
		});
		list.addEventListener('click', close);
		document.addEventListener('click', event => { if (!box.contains(event.target)) close(); });
		document.addEventListener('keydown', event => {
			if (event.key === '/' && !event.ctrlKey && !event.metaKey && !/^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement.tagName)) {
				event.preventDefault();
				input.focus();
			}
		});
		box.append(input, list, said);
		return box;
	}

	// The heading that is being read, in the list at the side.
	function follow() {
		const links = new Map([...document.querySelectorAll('.toc a')].map(link => [decodeURIComponent(link.hash.slice(1)), link]));
		const seen = new IntersectionObserver(entries => {
			for (const entry of entries)
				if (entry.isIntersecting) {
					links.forEach(link => link.classList.remove('here'));
					const link = links.get(entry.target.id), list = link?.closest('.toc');
					link?.classList.add('here');
					if (list)
						list.scrollTop = link.offsetTop - list.clientHeight / 2;
				}
		}, { rootMargin: '-70px 0px -75% 0px' });
		links.forEach((link, id) => { const to = document.getElementById(id); if (to) seen.observe(to); });
	}

	document.addEventListener('DOMContentLoaded', () => {
		document.getElementById('tools').prepend(searchBox(), themeButton());
		copyButtons();
		follow();
		document.querySelector('.nav [aria-current]')?.scrollIntoView({ block: 'nearest' });
	});
})();
