#include "speech/speech.h"

enum { TRANSCRIBER_AUTO, TRANSCRIBER_BUILTIN, TRANSCRIBER_OPENAI, TRANSCRIBER_NONE };	/* the words of the setting, in its order */

static const struct speech_fault_row rows[SPEECH_FAULT_COUNT] = {
	[SPEECH_OK] = { "", false, "" },
#define FAULT(id, code, retry, message) [SPEECH_##id] = { code, retry, message },
#include "speech/fault.def"
#undef FAULT
};

const struct speech_fault_row *
speech_fault_row(enum speech_fault f)
{
	return &rows[f < SPEECH_FAULT_COUNT ? f : SPEECH_STOPPED];
}

enum speech_way
speech_way(const struct conf *conf)
{
	switch (conf->transcriber) {
	case TRANSCRIBER_BUILTIN:
		return SPEECH_BY_BUILTIN;
	case TRANSCRIBER_OPENAI:
		return SPEECH_BY_OPENAI;
	case TRANSCRIBER_NONE:
		return SPEECH_BY_NONE;
	default:
		return conf->transcribe_url[0] != '\0' ? SPEECH_BY_OPENAI : SPEECH_BY_BUILTIN;
	}
}

bool
speech_costs(const struct conf *conf)
{
	return speech_way(conf) == SPEECH_BY_OPENAI && conf->transcribe_price > 0;
}

const char *
speech_url(const struct conf *conf)
{
	return conf->transcribe_url[0] != '\0' ? conf->transcribe_url : conf->openai_url;
}
