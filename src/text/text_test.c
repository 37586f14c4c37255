#include "t.h"
#include "text/text_priv.h"

/* Each row: a text, and the sentences expected of it with | between them; a heading begins with #. */
struct row { const char *text, *want; };

static str
joined(struct arena *a, const char *text, enum text_lang lang)
{
	struct text_sentence *s;
	struct buf b;
	int n = text_sentences(a, str_z(text), lang, &s);

	buf_init(&b, a, 1 << 16);
	for (int i = 0; i < n; i++) {
		buf_add(&b, i > 0 ? S("|") : S(""));
		buf_add(&b, s[i].heading ? S("#") : S(""));
		buf_add(&b, s[i].s);
	}
	return buf_str(&b);
}

static void
check(const struct row *row, size_t n, enum text_lang lang)
{
	struct arena a;

	arena_init(&a, 1 << 20);
	for (size_t i = 0; i < n; i++) {
		CHECK_STR(joined(&a, row[i].text, lang), str_z(row[i].want));
		arena_reset(&a);
	}
	arena_free(&a);
}

TEST(english_sentences)
{
	static const struct row row[] = {
		{ "", "" }, { " \n\t ", "" },
		{ "One.", "One." },
		{ "One. Two! Three? Four", "One.|Two!|Three?|Four" },
		{ "Dr. Smith met Mrs. Jones. They talked.", "Dr. Smith met Mrs. Jones.|They talked." },
		{ "Use a tool, e.g. Git. It helps.", "Use a tool, e.g. Git.|It helps." },
		{ "The rule, i.e. Rule 3, holds.", "The rule, i.e. Rule 3, holds." },
		{ "The U.S. Senate voted. It passed.", "The U.S. Senate voted.|It passed." },
		{ "He lives in the U.S. The house is big.", "He lives in the U.S.|The house is big." },
		{ "Acme Inc. Europe grew. So did we.", "Acme Inc. Europe grew.|So did we." },
		{ "She joined Acme Inc. The job was hard.", "She joined Acme Inc.|The job was hard." },
		{ "We met at 9 a.m. Monday. It rained.", "We met at 9 a.m. Monday.|It rained." },
		{ "We met at 9 a.m. It rained.", "We met at 9 a.m.|It rained." },
		{ "J. R. R. Tolkien wrote. George W. Bush read.", "J. R. R. Tolkien wrote.|George W. Bush read." },
		{ "J.R.R. Tolkien wrote it. We read it.", "J.R.R. Tolkien wrote it.|We read it." },
		{ "It cost 3.5 million. We paid 1,200.50 more.", "It cost 3.5 million.|We paid 1,200.50 more." },
		{ "Go to example.com. Then sign in.", "Go to example.com.|Then sign in." },
		{ "See https://example.org/a.b?c=d. Read it.", "See https://example.org/a.b?c=d.|Read it." },
		{ "Node.js is fine. So is v2.3.1.", "Node.js is fine.|So is v2.3.1." },
		{ "Well... maybe. I waited... Then it came.", "Well... maybe.|I waited...|Then it came." },
		{ "Well… maybe not. And then… Nothing.", "Well… maybe not.|And then…|Nothing." },
		{ "“It works.” She smiled.", "“It works.”|She smiled." },
		{ "\"Why?\" she asked. \"Because.\" He left.", "\"Why?\" she asked.|\"Because.\"|He left." },
		{ "\"Stop!\" he said. They stopped.", "\"Stop!\" he said.|They stopped." },
		{ "She said, \"Go.\" Then she left.", "She said, \"Go.\"|Then she left." },
		{ "It failed (see Sec. 3. It is long). We went on.", "It failed (see Sec. 3. It is long).|We went on." },
		{ "(This is an aside.) This is not.", "(This is an aside.)|This is not." },
		{ "He left (at last). We stayed.", "He left (at last).|We stayed." },
		{ "Cutting et al. (1992) did it. Brill et al. Disagreed.", "Cutting et al. (1992) did it.|Brill et al. Disagreed." },
		{ "It was shown before.[12] We agree.[3,4] Do you?", "It was shown before.[12]|We agree.[3,4]|Do you?" },
		{ "It is No. 5 of ten. No. We lost.", "It is No. 5 of ten.|No.|We lost." },
		{ "Look at Fig. 2 and pp. 3 to 5. Then decide.", "Look at Fig. 2 and pp. 3 to 5.|Then decide." },
		{ "On Jan. 5 we began. By Dec. We were done.", "On Jan. 5 we began.|By Dec.|We were done." },
		{ "Apples, pears, etc. We like them etc. and more.", "Apples, pears, etc.|We like them etc. and more." },
		{ "What?! No way!! Yes.", "What?!|No way!!|Yes." },
		{ "It was 2019. 45 people came.", "It was 2019.|45 people came." },
		{ "They sold it. iPhone sales rose. eBay fell.", "They sold it.|iPhone sales rose.|eBay fell." },
		{ "It grew vs. Apple. Good.", "It grew vs. Apple.|Good." },
		{ "A Ph.D. student came. Martin Luther King Jr. spoke.", "A Ph.D. student came.|Martin Luther King Jr. spoke." },
		{ "1. Ask first. 2. Then act.", "Ask first.|2. Then act." },
		{ "Rules:\n- Be kind\n- Be brief.\n* Listen", "Rules:|Be kind|Be brief.|Listen" },
		{ "Steps:\n1. Ask first\n2. Then act\nb) Rest", "Steps:|Ask first|Then act|Rest" },
		{ "# A title #\nText here.\n\n## Next\n\nMore.", "#A title|Text here.|#Next|More." },
		{ "A title\n=======\nText here.", "#A title|Text here." },
		{ "What we learned\n\nWe learned a lot. It was hard.", "#What we learned|We learned a lot.|It was hard." },
		{ "**Bold title**\n\nText.", "#Bold title|Text." },
		{ "One line that was wrapped by an editor at\nforty columns. The next one goes\non here.",
		  "One line that was wrapped by an editor at\nforty columns.|The next one goes\non here." },
		{ "The man who was wrapped, and whom we all call Dr.\nSmith, came.", "The man who was wrapped, and whom we all call Dr.\nSmith, came." },
		{ "First paragraph without stop\n\nsecond paragraph.", "#First paragraph without stop|second paragraph." },
		{ "Anna: We did it.\nBen: How so?\nAnna: Slowly.", "Anna: We did it.|Ben: How so?|Anna: Slowly." },
		{ "[00:01] Hello there.\n[00:05] Hello.", "[00:01] Hello there.|[00:05] Hello." },
		{ "so we did it. and it worked. nobody knew e.g. how.", "so we did it.|and it worked.|nobody knew e.g. how." },
		{ "Yahoo! said no. We said yes.", "Yahoo! said no.|We said yes." },
		{ "Line one.\r\nLine two.\r\n", "Line one.|Line two." },
		{ "World War II. The end.", "World War II.|The end." },
		{ "Paid $5. €3 is left. 😀 Nice.", "Paid $5.|€3 is left.|😀 Nice." },
		{ "A single line", "A single line" },
		{ "今日は。元気ですか？はい", "今日は。|元気ですか？|はい" },
		{ "bad \xff\xfe bytes. They stay.", "bad \xff\xfe bytes.|They stay." },
	};
	check(row, COUNT(row), TEXT_EN);
}

TEST(german_sentences)
{
	static const struct row row[] = {
		{ "Das ist gut. Wir bleiben.", "Das ist gut.|Wir bleiben." },
		{ "Am 3. Mai kam er. Am 4. Juni ging er.", "Am 3. Mai kam er.|Am 4. Juni ging er." },
		{ "Im 19. Jahrhundert war das so. Heute nicht.", "Im 19. Jahrhundert war das so.|Heute nicht." },
		{ "Er wurde 12. Dann kam die Pause.", "Er wurde 12.|Dann kam die Pause." },
		{ "Es war 2019. Kunden kamen.", "Es war 2019.|Kunden kamen." },
		{ "Der 100. Kunde kam. Es kamen 300. Alle blieben.", "Der 100. Kunde kam.|Es kamen 300.|Alle blieben." },
		{ "Viele Tiere, z. B. Hunde, bellen. Katzen nicht.", "Viele Tiere, z. B. Hunde, bellen.|Katzen nicht." },
		{ "Viele Tiere, z.B. Hunde, bellen.", "Viele Tiere, z.B. Hunde, bellen." },
		{ "Viele Tiere, z.\u00a0B. Hunde, bellen.", "Viele Tiere, z.\u00a0B. Hunde, bellen." },
		{ "Das heißt, d. h. Montag. Dann geht es.", "Das heißt, d. h. Montag.|Dann geht es." },
		{ "Das gilt i. d. R. Montags. Sonst nicht.", "Das gilt i. d. R. Montags.|Sonst nicht." },
		{ "Kunden bzw. Partner kamen. Ca. Hundert waren da.", "Kunden bzw. Partner kamen.|Ca. Hundert waren da." },
		{ "Siehe Nr. 5 und S. 12 im Buch. Gut.", "Siehe Nr. 5 und S. 12 im Buch.|Gut." },
		{ "Dr. Müller und Prof. Dr. Weber sprachen. Wir hörten zu.", "Dr. Müller und Prof. Dr. Weber sprachen.|Wir hörten zu." },
		{ "Äpfel, Birnen usw. Wir mögen sie.", "Äpfel, Birnen usw.|Wir mögen sie." },
		{ "Es kostet 1.200,50 Euro. Das sind 3,5 Prozent.", "Es kostet 1.200,50 Euro.|Das sind 3,5 Prozent." },
		{ "Am 3.5. Montag war Ruhetag. Am 3.5.2024 nicht.", "Am 3.5. Montag war Ruhetag.|Am 3.5.2024 nicht." },
		{ "„Das ist gut.“ Sie lachte.", "„Das ist gut.“|Sie lachte." },
		{ "„Warum?“ fragte er. Sie schwieg.", "„Warum?“ fragte er.|Sie schwieg." },
		{ "»Geht doch.« Er nickte. «Ja.» Sie auch.", "»Geht doch.«|Er nickte.|«Ja.»|Sie auch." },
		{ "Ludwig XIV. Frankreichs König kam. Er blieb.", "Ludwig XIV. Frankreichs König kam.|Er blieb." },
		{ "Papst Johannes Paul II. starb. Die Welt trauerte.", "Papst Johannes Paul II. starb.|Die Welt trauerte." },
		{ "Wir fuhren in die U.S.A. Dort war es heiß.", "Wir fuhren in die U.S.A.|Dort war es heiß." },
		{ "Öffnet um 9 Uhr. Österreich auch.", "Öffnet um 9 Uhr.|Österreich auch." },
		{ "Na ja … vielleicht. Dann … Stille.", "Na ja … vielleicht.|Dann …|Stille." },
		{ "Frau A. Schmidt kam mit H.-J. Meier. Wir aßen.", "Frau A. Schmidt kam mit H.-J. Meier.|Wir aßen." },
		{ "Das steht in Abs. 2 der Satzung. Art. 5 gilt.", "Das steht in Abs. 2 der Satzung.|Art. 5 gilt." },
		{ "Die Fa. Meyer GmbH liefert. Evtl. Montag.", "Die Fa. Meyer GmbH liefert.|Evtl. Montag." },
		{ "Es gab 5 Mio. Euro. Das reichte.", "Es gab 5 Mio. Euro.|Das reichte." },
		{ "Was nun?\n\nUnser Weg\n\nWir gehen ihn.", "Was nun?|#Unser Weg|Wir gehen ihn." },
		{ "Die Umstellung begann im Frühjahr, genau am\n3. Mai, mit einem kleinen Team.",
		  "Die Umstellung begann im Frühjahr, genau am\n3. Mai, mit einem kleinen Team." },
		{ "• Erstens\n• Zweitens.", "Erstens|Zweitens." },
	};
	check(row, COUNT(row), TEXT_DE);
}

TEST(other_languages_are_split_too)
{
	static const struct row row[] = {
		{ "Il est parti. Où est-il ? Je ne sais pas.", "Il est parti.|Où est-il ?|Je ne sais pas." },
		{ "¿Qué pasa? ¡Nada! Vale.", "¿Qué pasa?|¡Nada!|Vale." },
		{ "Он ушёл. Мы остались.", "Он ушёл.|Мы остались." },
	};
	check(row, COUNT(row), TEXT_OTHER);
}

TEST(paragraphs_are_counted)
{
	struct arena a;
	struct text_sentence *s;

	arena_init(&a, 1 << 16);
	int n = text_sentences(&a, S("One. Two.\n\nThree.\n- four\n- five\n\nSix."), TEXT_EN, &s);
	static const int want[] = { 0, 0, 1, 2, 2, 3 };
	CHECK_INT(n, ==, COUNT(want));
	for (size_t i = 0; i < COUNT(want) && (int)i < n; i++)
		CHECK_INT(s[i].paragraph, ==, want[i]);
	arena_free(&a);
}

TEST(languages_are_told_by_function_words)
{
	CHECK_INT(text_language(S("The customers came back because the product was good and we listened to them.")), ==, TEXT_EN);
	CHECK_INT(text_language(S("Die Kunden kamen zurück, weil das Produkt gut war und wir ihnen zugehört haben.")), ==, TEXT_DE);
	CHECK_INT(text_language(S("Les clients sont revenus parce que le produit était bon et que nous les avons écoutés.")), ==, TEXT_OTHER);
	CHECK_INT(text_language(S("Los clientes volvieron porque el producto era bueno y porque los escuchamos siempre.")), ==, TEXT_OTHER);
	CHECK_INT(text_language(S("De klanten kwamen terug omdat het product goed was en wij naar hen hadden geluisterd.")), ==, TEXT_OTHER);
	CHECK_INT(text_language(S("Клиенты вернулись, потому что продукт был хорош.")), ==, TEXT_OTHER);
	CHECK_INT(text_language(S("")), ==, TEXT_OTHER);
	CHECK_INT(text_language(S("Zebra 42")), ==, TEXT_OTHER);
}

TEST(words_are_folded_and_stemmed)
{
	static const struct { const char *s, *stem; enum text_lang lang; bool stop, capital, number; } row[] = {
		{ "Customers", "custom", TEXT_EN, false, true, false },
		{ "running", "run", TEXT_EN, false, false, false },
		{ "Anna’s", "anna", TEXT_EN, false, true, false },
		{ "don’t", "don't", TEXT_EN, true, false, false },
		{ "The", "the", TEXT_EN, true, true, false },
		{ "1,200.50", "1,200.50", TEXT_EN, false, false, true },
		{ "E-Mail", "e-mail", TEXT_EN, false, true, false },
		{ "Häuser", "haus", TEXT_DE, false, true, false },
		{ "Über", "über", TEXT_DE, true, true, false },
		{ "КЛИЕНТ", "клиент", TEXT_OTHER, false, true, false },
		{ "les", "les", TEXT_OTHER, true, false, false },
	};
	struct arena a;

	arena_init(&a, 1 << 20);
	for (size_t i = 0; i < COUNT(row); i++) {
		struct text_word *w;
		int n = text_words(&a, str_z(row[i].s), row[i].lang, &w);
		CHECK_INT(n, ==, 1);
		CHECK_STR(w[0].s, str_z(row[i].s));
		CHECK_STR(w[0].stem, str_z(row[i].stem));
		CHECK(w[0].stop == row[i].stop && w[0].capital == row[i].capital && w[0].number == row[i].number);
	}
	arena_free(&a);
}

TEST(words_are_told_apart)
{
	static const struct { const char *s; int n; } row[] = {
		{ "", 0 }, { " .,;- ", 0 }, { "follow-up", 2 }, { "it's 3.5 or 1,000", 4 }, { "a.b", 2 }, { "end.Next", 2 },
		{ "B2B", 1 }, { "日本語", 3 }, { "x日y", 3 }, { "'quoted'", 1 }, { "\xff" "a\xfe", 1 }, { "12:30 Uhr", 2 },
	};
	struct arena a;
	struct text_word *w;

	arena_init(&a, 1 << 20);
	for (size_t i = 0; i < COUNT(row); i++) {
		int n = text_words(&a, str_z(row[i].s), TEXT_EN, &w);
		if (n != row[i].n)
			t_fail(__FILE__, __LINE__, "\"%s\": %d words", row[i].s, n);
	}
	arena_free(&a);
}

TEST(case_goes_both_ways)
{
	for (uint32_t c = 1; c < 0x2000; c++) {
		if (text_lower(c) != c)
			CHECK_INT(text_upper(text_lower(c)), ==, c);
		if (text_upper(c) != c)
			CHECK_INT(text_lower(text_upper(c)), ==, c);
	}
	CHECK(text_lower(0xC4) == 0xE4 && text_lower(0x416) == 0x436 && text_lower(0x3A9) == 0x3C9 && text_lower(0xD7) == 0xD7);
	CHECK(text_letter(0xE4) && text_letter(0x4E00) && text_letter(0x301) && !text_letter(0x2019) && !text_letter(0x1F600));
}

TEST(tables_are_in_order)
{
	CHECK(text_stop_sorted());
	CHECK(text_abbr_sorted());
}
