# make              the optimised build/scriped            (./dev build installs what it needs first)
# make BUILD=asan unit-build    every unit test, sanitized      make BUILD=tsan build/tsan/scriped: under ThreadSanitizer
# make BUILD=asan fuzz-build    the fuzzers, to replay corpora  make fuzz: the same with clang's libFuzzer
# Each module is an archive; a unit test links only the archives of the layers at and above its own in src/LAYERS.
BUILD ?= release
O     := build/$(BUILD)
CC    ?= cc
PKGS  := libmicrohttpd jansson libsodium sqlite3 libpq libcurl libidn2 zlib
STD   := -std=c17 -D_GNU_SOURCE
WARN  := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith \
         -Wcast-qual -Wwrite-strings -Wvla -Wformat=2 -Werror
release := -O2 -g1 -DNDEBUG -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fPIE -fno-plt
debug   := -O1 -g
asan    := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
tsan    := -O1 -g -fsanitize=thread
cover   := -O0 -g --coverage -DNDEBUG
fuzz    := -O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
link_release := -pie -Wl,-z,relro,-z,now -Wl,--as-needed
VERSION := $(shell sed -n 's/^\#\# \([0-9][0-9.]*\).*/\1/p' CHANGES.md | head -n 1)

CPPFLAGS += -Isrc -Itest/lib $(patsubst -I%,-isystem %,$(shell pkg-config --cflags-only-I $(PKGS))) -DSCRIPED_VERSION='"$(VERSION)"'
CFLAGS   += $(STD) $(WARN) $($(BUILD)) -MMD -MP -pthread
LDFLAGS  += $($(BUILD)) $(link_$(BUILD)) -pthread
LDLIBS   += $(shell pkg-config --libs $(PKGS)) -lstemmer -lm

MODS  := $(shell sed -n 's/^\([a-z]*\):.*/\1/p' src/LAYERS)
src_of = $(filter-out %_test.c %_fuzz.c,$(wildcard src/$1/*.c))
OBJ   := $(foreach m,$(MODS),$(patsubst %.c,$O/%.o,$(call src_of,$m)))
LIB    = $(filter-out $O/src/app/main.o,$(OBJ))
UNIT  := $(patsubst src/%.c,$O/test/%,$(wildcard src/*/*_test.c))
FUZZ  := $(patsubst src/%.c,$O/test/%,$(wildcard src/*/*_fuzz.c))

ifeq ($(BUILD),release)
all: build/scriped
build/scriped: $O/scriped ; @cp $< $@.new && strip $@.new && mv $@.new $@
endif
scriped: $O/scriped
$O/scriped: $(OBJ) ; $(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)
# The same where every key is a person, for test/matrix.
$O/scriped-people: $(OBJ) $O/test/matrix/people.o ; $(CC) $(LDFLAGS) -Wl,--wrap=auth_check -o $@ $^ $(LDLIBS)
$O/sqlplan: $O/tools/sqlplan.o $(filter-out $O/src/app/%,$(OBJ)) ; $(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)
$O/select: $O/bench/writer/select.o $(filter-out $O/src/app/%,$(OBJ)) ; $(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)
$O/topics: $O/bench/analyse/topics.o $(filter-out $O/src/app/%,$(OBJ)) ; $(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)
$O/src/db/migrate.o: $(wildcard schema/*.sql)
# The documentation: a program made of the tables of src prints it, and the server holds it as it is.
MKDOCS := $(patsubst %.c,$O/%.o,$(wildcard tools/mkdocs/*.c)) $O/src/docs/gzip.o
$O/mkdocs: $(MKDOCS) $(filter-out $O/src/app/% $O/src/docs/%,$(OBJ)) ; $(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS) $(shell pkg-config --libs md4c-html)
$O/site.pack: $O/mkdocs CHANGES.md $(wildcard docs/* docs/assets/*) ; $< $@
$O/src/docs/site.o: $O/site.pack
$O/src/docs/site.o: private CPPFLAGS += -DSITE_PACK='"$O/site.pack"'
$O/%.o: %.c ; @mkdir -p $(@D); $(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

# layers_to,m: the modules at and above m in src/LAYERS
layers_to = $(shell sed -n '/^[a-z]*:/{s/:.*//;p;/^$1$$/q}' src/LAYERS)
mod_of = $(patsubst %/,%,$(dir $1))
# link_test,t,more,flags: the rule of one test program
define link_test
$O/test/$1: $O/src/$1.o $2 $(foreach m,$(call layers_to,$(call mod_of,$1)),$(patsubst %.c,$O/%.o,$(filter-out src/app/main.c,$(call src_of,$m))))
	@mkdir -p $$(@D); $$(CC) $$(LDFLAGS) $3 -o $$@ $$(filter %.o,$$^) $$(LDLIBS)
endef
from = $(if $(filter $2,$(call layers_to,$(call mod_of,$1))),$O/test/lib/$3.o)
t_lib = $O/test/lib/t.o $(call from,$1,db,t_db) $(call from,$1,work,t_work) $(call from,$1,api,t_app)
$(foreach t,$(UNIT:$O/test/%=%),$(eval $(call link_test,$t,$(call t_lib,$t))))
$(foreach t,$(FUZZ:$O/test/%=%),$(eval $(if $(filter fuzz,$(BUILD)),\
	$(call link_test,$t,,-fsanitize=fuzzer),$(call link_test,$t,$O/test/lib/replay.o))))
unit-build: $(UNIT)
fuzz-build: $(FUZZ)
fuzz: ; $(MAKE) BUILD=fuzz CC=clang fuzz-build
bench-build: $(patsubst %.c,build/%,$(wildcard bench/*.c))
build/bench/%: bench/%.c ; @mkdir -p $(@D); $(CC) $(CPPFLAGS) $(CFLAGS) $(link_$(BUILD)) -o $@ $< -lsqlite3
clean: ; rm -rf build
.PHONY: all scriped unit-build fuzz-build fuzz bench-build clean
.SECONDARY:
-include $(OBJ:.o=.d) $(patsubst %.c,$O/%.d,$(wildcard src/*/*_test.c src/*/*_fuzz.c test/lib/*.c tools/*.c tools/mkdocs/*.c))
