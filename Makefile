# make              the optimised build/scriped            (./dev build installs what it needs first)
# make BUILD=asan unit-build    every unit test, sanitized      make BUILD=tsan build/tsan/scriped: under ThreadSanitizer
# make BUILD=asan fuzz-build    the fuzzers, to replay corpora  make fuzz: the same with clang's libFuzzer
# Each module is an archive; a unit test links only the archives of the layers at and above its own in src/LAYERS.
BUILD ?= release
O     := build/$(BUILD)
CC    ?= cc
PKGS  := libmicrohttpd jansson libsodium libargon2 sqlite3 libpq libcurl libidn2 zlib hiredis openssl
STD   := -std=c17 -D_GNU_SOURCE
WARN  := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith \
         -Wcast-qual -Wwrite-strings -Wvla -Wformat=2 -Werror
release := -O2 -g1 -DNDEBUG -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fPIE -fno-plt
debug   := -O1 -g
asan    := -Og -g1 -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
tsan    := -O1 -g -fsanitize=thread
cover   := -O0 -g --coverage -DNDEBUG
fuzz    := -O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
# the faster linker where there is one: a check links some hundred programs
link_asan := $(if $(shell command -v ld.gold),-fuse-ld=gold)
# relative relocations packed are 0.2 MB less (glibc 2.36, as in Debian 12)
link_release := -pie -Wl,-z,relro,-z,now,-z,pack-relative-relocs -Wl,--as-needed
VERSION := $(shell sed -n 's/^\#\# \([0-9][0-9.]*\).*/\1/p' CHANGES.md | head -n 1)

CPPFLAGS := $(CPPFLAGS) -Isrc -Itest/lib $(patsubst -I%,-isystem %,$(shell pkg-config --cflags-only-I $(PKGS))) -DSCRIPED_VERSION='"$(VERSION)"'
CFLAGS   := $(CFLAGS) $(STD) $(WARN) $($(BUILD)) -MMD -MP -pthread
LDFLAGS  := $(LDFLAGS) $($(BUILD)) $(link_$(BUILD)) -pthread
LDLIBS   := $(LDLIBS) $(shell pkg-config --libs $(PKGS)) -lstemmer -lm

# scriped-extract is a program of its own: the server links nothing of it. A library that is not there is a format less.
FFMPEG := libavformat libavcodec libavutil libswresample
X_HAVE := $(foreach p,poppler-glib cairo gumbo uchardet tesseract lept libxml-2.0 $(FFMPEG) pocketsphinx,$(shell pkg-config --exists $p && echo $p))
# needs,PACKAGE,FILES: the files that are left out without it
needs   = $(if $(filter $1,$(X_HAVE)),,$(patsubst %,src/extract/%.c,$2))
X_SRC  := $(filter-out $(call needs,poppler-glib,pdf) $(call needs,gumbo,html html_cost html_main) $(call needs,libxml-2.0,ooxml docx pptx xlsx) \
	$(call needs,tesseract,ocr image) $(call needs,libavformat,media) %_test.c %_fuzz.c,$(wildcard src/extract/*.c))
X_OBJ  := $(patsubst %.c,$O/%.o,$(X_SRC) $(wildcard src/base/base.c src/text/text.c src/text/sentence.c src/pcm/pcm.c src/json/json.c src/json/quick.c src/sys/sys.c))
X_LIBS := $(filter-out -lsphinxad,$(shell pkg-config --libs jansson libsodium zlib md4c $(X_HAVE))) $(if $(filter tesseract,$(X_HAVE)),-lgomp) -lstemmer -lm
X_CPP  := $(patsubst -I%,-isystem %,$(shell pkg-config --cflags-only-I $(X_HAVE))) $(patsubst %,-DHAVE_%,$(subst .,_,$(subst -,_,$(X_HAVE)))) \
	-DPOCKETSPHINX_MODEL='"$(shell pkg-config --variable=modeldir pocketsphinx 2>/dev/null)"'

MODS  := $(filter-out extract,$(shell sed -n 's/^\([a-z]*\):.*/\1/p' src/LAYERS))
src_of = $(filter-out %_test.c %_fuzz.c,$(if $(filter extract,$1),$(X_SRC),$(wildcard src/$1/*.c)))
OBJ   := $(foreach m,$(MODS),$(patsubst %.c,$O/%.o,$(call src_of,$m)))
LIB    = $(filter-out $O/src/app/main.o,$(OBJ))
UNIT  := $(patsubst src/%.c,$O/test/%,$(wildcard src/*/*_test.c))
FUZZ  := $(patsubst src/%.c,$O/test/%,$(wildcard src/*/*_fuzz.c))

ifeq ($(BUILD),release)
all: build/scriped build/scriped-extract
build/scriped build/scriped-extract: build/%: $O/% ; @cp $< $@.new && strip $@.new && mv $@.new $@
endif
scriped: $O/scriped $O/scriped-extract
$O/scriped: $(OBJ) ; $(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)
$O/scriped-extract: $(X_OBJ) ; $(CC) $(LDFLAGS) -o $@ $^ $(X_LIBS)
$O/src/extract/%.o $O/test/lib/draw.o: private CPPFLAGS += $(X_CPP)
# Make recordings for test/recordings.py and images for test/extract.py.
$O/encode: $O/test/media/encode.o ; $(CC) $(LDFLAGS) -o $@ $^ $(shell pkg-config --libs $(FFMPEG))
$O/draw: $O/test/lib/draw.o ; $(CC) $(LDFLAGS) -o $@ $^ $(X_LIBS)
# A clock that tests move and names they answer for: what is loaded before a program is not sanitized itself.
$O/clock.so $O/held.so $O/names.so: $O/%.so: test/lib/%.c ; @mkdir -p $O && $(CC) $(STD) $(WARN) -D_GNU_SOURCE -O1 -shared -fPIC -o $@ $<
# The same where every key is a person, for test/matrix.
$O/scriped-people: $(OBJ) $O/test/matrix/people.o ; $(CC) $(LDFLAGS) -Wl,--wrap=auth_check -o $@ $^ $(LDLIBS)
$O/sqlplan: $O/tools/sqlplan.o $(filter-out $O/src/app/%,$(OBJ)) ; $(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)
$O/select: $O/bench/writer/select.o $(filter-out $O/src/app/%,$(OBJ)) ; $(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)
$O/follow: $O/bench/writer/follow.o $(filter-out $O/src/app/%,$(OBJ)) ; $(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)
$O/topics: $O/bench/analyse/topics.o $(filter-out $O/src/app/%,$(OBJ)) ; $(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)
$O/src/db/migrate.o: $(wildcard schema/*.sql)
$O/src/page/page.o: src/page/page.css
# The documentation: a program made of the tables of src prints it, and the server holds it as it is.
MKDOCS := $(patsubst %.c,$O/%.o,$(wildcard tools/mkdocs/*.c)) $O/src/docs/gzip.o
$O/mkdocs: $(MKDOCS) $(filter-out $O/src/app/% $O/src/docs/%,$(OBJ)) ; $(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS) $(shell pkg-config --libs md4c-html)
$O/site.pack: $O/mkdocs CHANGES.md $(wildcard docs/* docs/assets/*) ; $< $@
$O/src/docs/site.o: $O/site.pack
$O/src/docs/site.o: private CPPFLAGS += -DSITE_PACK='"$O/site.pack"'
$O/%.o: %.c ; @mkdir -p $(@D); $(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

# layers_to,m: the modules at and above m in src/LAYERS
layers_to = $(filter-out $(filter-out $1,extract),$(shell sed -n '/^[a-z]*:/{s/:.*//;p;/^$1$$/q}' src/LAYERS))
mod_of = $(patsubst %/,%,$(dir $1))
# link_test,t,more,flags: the rule of one test program
define link_test
$O/test/$1: $O/src/$1.o $2 $(foreach m,$(call layers_to,$(call mod_of,$1)),$(patsubst %.c,$O/%.o,$(filter-out %/main.c,$(call src_of,$m))))
	@mkdir -p $$(@D); $$(CC) $$(LDFLAGS) $3 -o $$@ $$(filter %.o,$$^) $$(LDLIBS)
endef
from = $(if $(filter $2,$(call layers_to,$(call mod_of,$1))),$O/test/lib/$3.o)
$O/test/extract/%: private LDLIBS += $(X_LIBS)
t_lib = $O/test/lib/t.o $(call from,$1,db,t_db) $(call from,$1,work,t_work) $(call from,$1,api,t_app)
$(foreach t,$(UNIT:$O/test/%=%),$(eval $(call link_test,$t,$(call t_lib,$t))))
$(foreach t,$(FUZZ:$O/test/%=%),$(eval $(if $(filter fuzz,$(BUILD)),\
	$(call link_test,$t,,-fsanitize=fuzzer),$(call link_test,$t,$O/test/lib/replay.o))))
unit-build: $(UNIT)
# What this compiler says of every file, without making anything of it.
SYNTAX := $(patsubst %.c,syntax-%,$(filter-out $(filter-out $(X_SRC),$(wildcard src/extract/*.c)),$(wildcard src/*/*.c)) $(wildcard src/extract/*_test.c tools/*.c tools/mkdocs/*.c test/lib/*.c))
syntax: $(SYNTAX)
$(SYNTAX): syntax-%: ; @$(CC) $(CPPFLAGS) $(if $(filter src/extract/% test/lib/draw,$*),$(X_CPP)) $(filter-out -MMD -MP,$(CFLAGS)) -DSITE_PACK='""' -fsyntax-only $*.c
fuzz-build: $(FUZZ)
fuzz: ; $(MAKE) BUILD=fuzz CC=clang fuzz-build
bench-build: $(patsubst %.c,build/%,$(wildcard bench/*.c))
build/bench/%: bench/%.c ; @mkdir -p $(@D); $(CC) $(CPPFLAGS) $(CFLAGS) $(link_$(BUILD)) -o $@ $< -lsqlite3
clean: ; rm -rf build
.PHONY: all syntax $(SYNTAX) scriped unit-build fuzz-build fuzz bench-build clean
.SECONDARY:
-include $(OBJ:.o=.d) $(X_OBJ:.o=.d) $(patsubst %.c,$O/%.d,$(wildcard src/*/*_test.c src/*/*_fuzz.c test/lib/*.c tools/*.c tools/mkdocs/*.c))
