# check.mk -- the steps of `./dev check`: make runs two more at a time than there are cores, since a step often waits for a
# database or for one of its servers, in the order their needs allow.
# SCRIPED_TEST_PG names a PostgreSQL (test/lib/pg.py).  Each step reports through tools/step; a target is no file.
STEP := sh tools/step
PY   := python3
unit_of   = $(patsubst src/%.c,build/$1/test/%,$(filter-out src/blob/bucket_test.c,$(wildcard src/*/*_test.c)))
FUZZERS  := $(patsubst src/%.c,test/%,$(wildcard src/*/*_fuzz.c))

# What others need comes first, and they wait for all of it: make goes through a list once, and comes back only behind its end to what had to wait
# for something.  Then the longest, so that no core is left alone with one of them at the end.
BUILDS := build-asan build-release outside build-clang layers house
STEPS := move scenario-sqlite unit scenario-postgres matrix docs recordings cluster crash deploy sweep-postgres sweep-sqlite attacks-postgres attacks-sqlite replicas mcp-sqlite nodes mcp-postgres \
	signin-postgres extract signin-sqlite properties pages lint bucket conformance clients-typescript badinput crash-files doctor scenario-older traffic badfetch migrate limits hosts \
	uploads-postgres uploads-sqlite flows-postgres flows-sqlite oauth-clients control ready-postgres ready-sqlite replay sqlplan cluster-checker
CHECK := $(BUILDS) $(STEPS)
check: $(CHECK)
$(STEPS): | $(BUILDS)

layers:        ; @$(STEP) $@ sh tools/layers
house:         ; @$(STEP) $@ sh tools/house
build-asan:    ; +@$(STEP) $@ $(MAKE) BUILD=asan CC=gcc scriped unit-build fuzz-build build/asan/sqlplan build/asan/scriped-people build/asan/draw build/asan/encode build/asan/clock.so build/asan/names.so
build-clang:   ; +@$(STEP) $@ $(MAKE) BUILD=debug O=build/clang CC=clang syntax
build-release: ; +@$(STEP) $@ $(MAKE) BUILD=release CC=gcc all build/release/clock.so build/release/held.so build/release/names.so
outside:       ; @$(STEP) $@ sh tools/outside npm python

unit: build-asan
	@$(STEP) $@ sh tools/each '' $(call unit_of,asan)
bucket: build-asan
	@SCRIPED_BIN=build/asan/scriped $(STEP) $@ $(PY) test/lib/s3.py -- sh tools/each '' build/asan/test/blob/bucket_test test/bucket.py
sqlplan: build-asan
	@$(STEP) $@ build/asan/sqlplan
replay: build-asan
	@$(STEP) $@ sh tools/each 'sh tools/corpus' $(FUZZERS:%=build/asan/%)
scenario-sqlite: build-asan
	@SCRIPED_BIN=build/asan/scriped $(STEP) $@ $(PY) test/scenario/run.py --engine sqlite
# On PostgreSQL a lock that is kept while the database is asked can stop a node (test/lib/held.c).
scenario-postgres signin-postgres flows-postgres mcp-postgres attacks-postgres uploads-postgres limits replicas: export SCRIPED_TEST_HELD := 1
# On PostgreSQL the program as it is shipped, on SQLite the sanitized one: both are told all stories.
scenario-postgres: build-release
	@$(STEP) $@ $(PY) test/scenario/run.py --engine postgres
sweep-sqlite: build-asan
	@SCRIPED_BIN=build/asan/scriped $(STEP) $@ $(PY) test/openapi/sweep.py --engine sqlite
sweep-postgres: build-release
	@$(STEP) $@ $(PY) test/openapi/sweep.py --engine postgres
traffic: outside build-asan | scenario-sqlite scenario-postgres sweep-sqlite sweep-postgres
	@SCRIPED_BIN=build/asan/scriped $(STEP) $@ build/venv/bin/python test/openapi/traffic.py
docs: outside build-asan
	@SCRIPED_BIN=build/asan/scriped $(STEP) $@ $(PY) test/docs/run.py
lint: outside
	@$(STEP) $@ sh test/openapi/lint
properties: outside build-asan
	@SCRIPED_BIN=build/asan/scriped $(STEP) $@ $(PY) test/openapi/properties.py
clients-typescript: outside build-release
	@$(STEP) $@ $(PY) test/clients/run.py typescript
signin-sqlite: build-asan
	@SCRIPED_BIN=build/asan/scriped $(STEP) $@ $(PY) test/signin.py
signin-postgres: build-release
	@$(STEP) $@ $(PY) test/signin.py --engine postgres
replicas: build-release
	@$(STEP) $@ $(PY) test/replicas.py
limits: build-release
	@$(STEP) $@ $(PY) test/limits.py
flows-sqlite: build-asan
	@SCRIPED_BIN=build/asan/scriped $(STEP) $@ $(PY) test/oauth/flows.py
flows-postgres: build-release
	@$(STEP) $@ $(PY) test/oauth/flows.py --engine postgres
mcp-sqlite: build-asan
	@SCRIPED_BIN=build/asan/scriped $(STEP) $@ $(PY) test/mcp/run.py
mcp-postgres: build-release
	@$(STEP) $@ $(PY) test/mcp/run.py --engine postgres
pages: outside build-asan
	@SCRIPED_BIN=build/asan/scriped $(STEP) $@ $(PY) test/pages/run.py
badinput badfetch: build-asan
	@SCRIPED_BIN=build/asan/scriped $(STEP) $@ $(PY) test/$@.py
attacks-sqlite: build-asan
	@SCRIPED_BIN=build/asan/scriped $(STEP) $@ $(PY) test/attacks.py
attacks-postgres: build-release
	@$(STEP) $@ $(PY) test/attacks.py --engine postgres
conformance: outside build-release
	@$(STEP) $@ $(PY) test/mcp/conformance.py
hosts: outside build-asan
	@SCRIPED_BIN=build/asan/scriped $(STEP) $@ $(PY) test/mcp/clients.py
oauth-clients: outside build-asan
	@SCRIPED_BIN=build/asan/scriped $(STEP) $@ $(PY) test/oauth/clients.py
deploy: outside build-release
	@$(STEP) $@ $(PY) test/deploy.py
ready-sqlite: build-asan
	@SCRIPED_BIN=build/asan/scriped $(STEP) $@ $(PY) test/ready.py
ready-postgres: build-release
	@$(STEP) $@ $(PY) test/ready.py --engine postgres
nodes: build-release
	@$(STEP) $@ $(PY) test/nodes.py
# What an operator's PostgreSQL goes through at an upgrade; and this program on the schema of the release before, which it has to serve.
migrate: build-release
	@$(STEP) $@ $(PY) test/migrate.py --engine postgres --jobs 2
scenario-older: build-release | scenario-postgres
	@SCRIPED_TEST_SCHEMA=4 $(STEP) $@ $(PY) test/scenario/run.py --engine postgres notes jobs idempotency paging request_logs usage limits people
control: build-asan
	@SCRIPED_BIN=build/asan/scriped $(STEP) $@ $(PY) test/control.py
doctor: build-asan
	@SCRIPED_BIN=build/asan/scriped $(STEP) $@ $(PY) test/doctor_mcp.py
uploads-sqlite: build-asan
	@SCRIPED_BIN=build/asan/scriped $(STEP) $@ $(PY) test/uploads.py
uploads-postgres: build-release
	@$(STEP) $@ $(PY) test/uploads.py --engine postgres
matrix: build-asan
	@SCRIPED_BIN=build/asan/scriped $(STEP) $@ $(PY) test/matrix/run.py
extract: build-asan
	@SCRIPED_EXTRACT=build/asan/scriped-extract $(STEP) $@ $(PY) test/extract.py
recordings: build-asan
	@SCRIPED_BIN=build/asan/scriped SCRIPED_EXTRACT=build/asan/scriped-extract $(STEP) $@ $(PY) test/recordings.py
move: build-asan
	@SCRIPED_BIN=build/asan/scriped $(STEP) $@ $(PY) test/move.py --rounds 6
crash: build-release
	@$(STEP) $@ $(PY) test/crash/crash.py 50
# A few seconds for each fault; with all that it takes, and by lot, in the long one.
cluster: build-release
	@$(STEP) $@ $(PY) test/cluster/run.py --together 4 --pace 0.4 --clients 6 --no-bucket
cluster-checker:
	@$(STEP) $@ $(PY) test/cluster/check_test.py
crash-files: build-release
	@$(STEP) $@ $(PY) test/crash/files.py 10

# The long ones.  build/traffic belongs to the scenarios of `check`: what comes later must not run beside them.
FULL := pages-postgres attacks-tsan attacks-long conformance-postgres hosts-postgres oauth-clients-postgres drafts-long recordings-long outside-generator clients clients-contract properties-long build-tsan build-debug unit-tsan unit-valgrind scenario-tsan scenario-valgrind crash-postgres migrate-long crash-files-postgres crash-long cluster-long cluster-tsan uploads-large move-long move-large coverage
full: check $(FULL) $(FUZZERS:%=fuzz-%)

build-tsan:  ; +@$(STEP) $@ $(MAKE) BUILD=tsan CC=gcc scriped unit-build build/tsan/clock.so build/tsan/names.so
build-debug: ; +@$(STEP) $@ $(MAKE) BUILD=debug CC=gcc scriped unit-build
build-fuzz:  ; +@$(STEP) $@ $(MAKE) fuzz
build-cover: ; +@$(STEP) $@ $(MAKE) BUILD=cover CC=gcc scriped unit-build
VALGRIND := valgrind -q --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite
outside-generator: outside ; @$(STEP) $@ sh tools/outside generator
clients: outside-generator build-release
	@$(STEP) $@ $(PY) test/clients/run.py python go java
attacks-tsan: build-tsan
	@SCRIPED_BIN=build/tsan/scriped $(STEP) $@ $(PY) test/attacks.py
attacks-long: attacks-sqlite build-release
	@SCRIPED_LONG=1 $(STEP) $@ $(PY) test/attacks.py --only 'without end'
conformance-postgres: conformance
	@$(STEP) $@ $(PY) test/mcp/conformance.py --engine postgres
hosts-postgres: outside build-release
	@$(STEP) $@ $(PY) test/mcp/clients.py --engine postgres
oauth-clients-postgres: outside build-release
	@$(STEP) $@ $(PY) test/oauth/clients.py --engine postgres
properties-long: properties
	@SCRIPED_BIN=build/asan/scriped $(STEP) $@ $(PY) test/openapi/properties.py --examples 100 --phases examples,coverage,fuzzing,stateful
clients-contract: clients clients-typescript
	@$(STEP) $@ $(PY) test/clients/run.py --document contract typescript python go java
unit-tsan: build-tsan
	@$(STEP) $@ sh tools/each '' $(call unit_of,tsan)
# valgrind makes code of data, which a sandbox is there to refuse.
unit-valgrind: build-debug
	@$(STEP) $@ sh tools/each '$(VALGRIND)' $(filter-out %/extract/sandbox_test,$(call unit_of,debug))
scenario-tsan: build-tsan | $(CHECK)
	@SCRIPED_BIN=build/tsan/scriped $(STEP) $@ $(PY) test/scenario/run.py --slow
scenario-valgrind: build-debug | scenario-tsan
	@SCRIPED_BIN='$(VALGRIND) build/debug/scriped' $(STEP) $@ $(PY) test/scenario/run.py --engine sqlite
pages-postgres: outside build-release
	@$(STEP) $@ $(PY) test/pages/run.py --engine postgres
crash-files-postgres: build-release
	@$(STEP) $@ $(PY) test/crash/files.py 10 --engine postgres
recordings-long: build-asan
	@SCRIPED_LONG=1 SCRIPED_BIN=build/asan/scriped SCRIPED_EXTRACT=build/asan/scriped-extract $(STEP) $@ $(PY) test/recordings.py
drafts-long: build-asan
	@SCRIPED_LONG=1 $(STEP) $@ build/asan/test/write/follow_test drafts
crash-postgres: build-release
	@$(STEP) $@ $(PY) test/crash/crash.py 50 --engine postgres
migrate-long: build-release
	@$(STEP) $@ $(PY) test/migrate.py --engine postgres --full --only 'release before'
uploads-large: build-release
	@$(STEP) $@ $(PY) test/uploads.py --large
move-long: build-asan
	@SCRIPED_BIN=build/asan/scriped $(STEP) $@ $(PY) test/move.py --rounds 30
move-large: build-release
	@$(STEP) $@ $(PY) test/move.py --large
cluster-long: build-release
	@$(STEP) $@ $(PY) test/cluster/run.py --rounds 200
cluster-tsan: build-tsan
	@SCRIPED_BIN=build/tsan/scriped $(STEP) $@ $(PY) test/cluster/run.py --together 4 --pace 0.4 --clients 4
crash-long: build-release
	@$(STEP) $@ $(PY) test/crash/crash.py 300
coverage: build-cover | scenario-valgrind
	@$(STEP) $@-unit sh tools/each '' $(call unit_of,cover)
	@SCRIPED_BIN=build/cover/scriped $(STEP) $@-scenario $(PY) test/scenario/run.py
	@gcovr -r . --object-directory build/cover -f src/ -e '.*_test.c' -s build/cover | tail -n 60
$(FUZZERS:%=fuzz-%): fuzz-%: build-fuzz
	@mkdir -p build/fuzz/found/$*
	@$(STEP) fuzz-$(notdir $*) sh tools/corpus build/fuzz/$* -max_total_time=60 -artifact_prefix=build/fuzz/found/ build/fuzz/found/$*

.PHONY: check full $(CHECK) $(FULL) build-fuzz build-cover $(FUZZERS:%=fuzz-%)
