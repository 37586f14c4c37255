#include "t.h"
#include "write/avoid.h"

static bool
hits(const char *avoided, const char *text, enum text_lang lang)
{
	struct arena a;
	str phrase = str_z(avoided);

	arena_init(&a, 1 << 20);
	bool hit = avoid_hits(avoid_new(&a, &phrase, 1, lang), str_z(text));
	arena_free(&a);
	return hit;
}

struct row { const char *avoided, *text; enum text_lang lang; };

TEST(a_word_is_found_in_every_form)
{
	static const struct row row[] = {
		{ "leverage", "We leveraged it.", TEXT_EN }, { "leverage", "Leveraging helps.", TEXT_EN }, { "leverage", "LEVERAGE!", TEXT_EN },
		{ "synergy", "So many synergies", TEXT_EN }, { "Leverage", "wir haben es leveraged und leverages", TEXT_DE },
		{ "game changer", "A real game-changer.", TEXT_EN }, { "game-changer", "two game changers", TEXT_EN },
		{ "game changer", "#GameChanger", TEXT_EN }, { "game-changer", "#gamechanger", TEXT_EN }, { "gamechanger", "a game-changer", TEXT_EN },
		{ "gamechanger", "a game-changer-idea", TEXT_EN }, { "gamechanger", "#GameChangers", TEXT_EN }, { "tracker", "#IssueTracker", TEXT_EN },
		{ "mail", "by E-Mail", TEXT_DE }, { "email", "by e-mail", TEXT_EN }, { "e-mail", "by email", TEXT_EN },
		{ "nutzen", "Das nutzt uns.", TEXT_DE }, { "nutzen", "Wir haben es genutzt.", TEXT_DE }, { "nutzen", "Er nutzte es", TEXT_DE },
		{ "arbeiten", "viel gearbeitet", TEXT_DE }, { "Haus", "die Häuser", TEXT_DE }, { "Synergie", "Synergien", TEXT_DE },
		{ "Synergie", "Synergie-Effekte", TEXT_DE }, { "#Leadership", "good leadership", TEXT_EN }, { "don't", "We don’t know", TEXT_EN },
		{ "at the end of the day", "At the End\nof the day, it holds.", TEXT_EN }, { "last, but not least", "Last but not least", TEXT_EN },
		{ "🚀", "Go 🚀 now", TEXT_EN }, { "—", "one — two", TEXT_EN }, { "❤️", "I ❤ it", TEXT_EN }, { "z. B.", "etwa z. B. hier", TEXT_DE },
		{ "customer", "the customer's wish", TEXT_EN }, { "customer", "the customers’ wish", TEXT_EN },
		{ "synergy", "syn\xC2\xAD" "ergy", TEXT_EN }, { "synergy", "syn\xE2\x80\x8B" "ergy", TEXT_EN }, { "\xC3\xBC" "ben", "wir u\xCC\x88" "ben", TEXT_DE },
		{ "linkedin page", "Our LinkedIn page", TEXT_EN }, { "LinkedIn page", "our linkedin pages", TEXT_EN }, { "GameChanger", "a game changer", TEXT_EN },
		{ "us", "They told us.", TEXT_EN }, { "größe", "die Größen", TEXT_OTHER },
	};

	for (size_t i = 0; i < COUNT(row); i++)
		if (!hits(row[i].avoided, row[i].text, row[i].lang))
			t_fail(__FILE__, __LINE__, "%s is not found in %s", row[i].avoided, row[i].text);
}

TEST(other_words_are_not_found)
{
	static const struct row row[] = {
		{ "use", "They told us.", TEXT_EN }, { "user", "They told us.", TEXT_EN }, { "art", "An article", TEXT_EN },
		{ "game changer", "The game has no changer", TEXT_EN }, { "game changer", "changer game", TEXT_EN }, { "", "anything", TEXT_EN },
		{ " ", "any thing", TEXT_EN }, { "geben", "eben", TEXT_DE }, { "together", "to get her", TEXT_EN }, { "nutzen", "die Nuss", TEXT_DE },
		{ "C", "cool", TEXT_EN }, { "leverage", "", TEXT_EN },
	};

	for (size_t i = 0; i < COUNT(row); i++)
		if (hits(row[i].avoided, row[i].text, row[i].lang))
			t_fail(__FILE__, __LINE__, "%s is found in %s", row[i].avoided, row[i].text);
}

TEST(clauses_that_can_stand_alone_stay)
{
	static const struct { const char *avoided, *text; enum text_lang lang; const char *left; } row[] = {
		{ "synergy", "We moved the office in March, and the synergies were small.", TEXT_EN, "We moved the office in March." },
		{ "synergy", "The synergies were small, but the team was happy again.", TEXT_EN, "The team was happy again." },
		{ "synergy", "We moved the office in March because of synergies.", TEXT_EN, "" },
		{ "synergy", "We moved the office in March, because synergies count.", TEXT_EN, "We moved the office in March." },
		{ "synergy", "When synergies count, we move the whole office.", TEXT_EN, "We move the whole office." },
		{ "synergy", "We moved the office (a synergy) in March.", TEXT_EN, "We moved the office in March." },
		{ "synergy", "We moved the office in March; synergies were small.", TEXT_EN, "We moved the office in March." },
		{ "synergy", "We sold chairs, tables and synergies.", TEXT_EN, "" },
		{ "synergy", "We like synergies, the roof, and the team in Berlin.", TEXT_EN, "" },
		{ "synergy", "All is well and good here. Synergies are not.", TEXT_EN, "All is well and good here." },
		{ "Synergie", "Wir zogen im März um, weil Synergien zählen.", TEXT_DE, "Wir zogen im März um." },
		{ "Synergie", "Wenn Synergien zählen, ziehen wir wieder um.", TEXT_DE, "" },
		{ "Synergie", "Wir zogen im März um und die Synergien blieben aus.", TEXT_DE, "Wir zogen im März um." },
		{ "Synergie", "Die Synergien blieben aus, aber das Team war wieder froh.", TEXT_DE, "Das Team war wieder froh." },
	};
	struct arena a;

	arena_init(&a, 1 << 20);
	for (size_t i = 0; i < COUNT(row); i++) {
		str phrase = str_z(row[i].avoided);
		const struct avoid *v = avoid_new(&a, &phrase, 1, row[i].lang);
		CHECK_STR(clause_keep(&a, v, str_z(row[i].text), row[i].lang), str_z(row[i].left));
	}
	arena_free(&a);
}

TEST(a_sentence_of_two_clauses_can_be_two)
{
	static const struct { const char *text; enum text_lang lang; const char *split; } row[] = {
		{ "We moved in March, and the team was happy.", TEXT_EN, "We moved in March.|The team was happy." },
		{ "They did not come, but we stayed there.", TEXT_EN, "They did not come.|But we stayed there." },
		{ "We were not answering 310 questions; we were answering 60.", TEXT_EN, "We were not answering 310 questions.|We were answering 60." },
		{ "We sold chairs, tables, and the roof.", TEXT_EN, "We sold chairs, tables, and the roof." },
		{ "We like the sea, the roof, and the people who are there.", TEXT_EN, "We like the sea, the roof, and the people who are there." },
		{ "When they left, and we stayed, it was dark.", TEXT_EN, "When they left, and we stayed, it was dark." },
		{ "She said \"we left, and they stayed there\" twice.", TEXT_EN, "She said \"we left, and they stayed there\" twice." },
		{ "Wir zogen im März um, und das Team war froh.", TEXT_DE, "Wir zogen im März um.|Das Team war froh." },
		{ "Es regnete den ganzen Tag, aber wir blieben dort.", TEXT_DE, "Es regnete den ganzen Tag.|Aber wir blieben dort." },
		{ "Er sah das Haus und die Leute, die da sind.", TEXT_DE, "Er sah das Haus und die Leute, die da sind." },
		{ "Il pleut, et nous sommes restés.", TEXT_OTHER, "Il pleut, et nous sommes restés." },
		{ "", TEXT_EN, "" }, { ", and we stayed there.", TEXT_EN, ", and we stayed there." },
	};
	struct arena a;

	arena_init(&a, 1 << 20);
	for (size_t i = 0; i < COUNT(row); i++) {
		str part[4], all;
		int n = clause_split(&a, str_z(row[i].text), row[i].lang, part, COUNT(part));
		all = part[0];
		for (int k = 1; k < n; k++)
			all = str_fmt(&a, "%.*s|%.*s", STR(all), STR(part[k]));
		CHECK_STR(all, str_z(row[i].split));
	}
	arena_free(&a);
}
