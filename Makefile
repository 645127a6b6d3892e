# Each target works on a fresh clone with no step before it.
PYTHON ?= python3
VENV := .venv
TOOLS := build/tools
DOCS := build/docs-tools
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
DEBIAN := apt-get install -y python3-dev python3-venv gcc make git
BUILT := setup.py $(wildcard tracker/native/*.[ch])
CLIENTS := postgresql redis-server php-cli php-soap php-curl libsoap-lite-perl aria2 transmission-daemon transmission-cli curl opentracker nodejs npm chromium nginx libnginx-mod-stream haproxy caddy openssl zsh fish groff-base prometheus systemd

# Suites that run again with the records on PostgreSQL.
ON_POSTGRESQL := tests/doors/rest tests/doors/test_torrent_api.py

.PHONY: help run man docs docs-check screenshots dist distcheck release audit deb debcheck containercheck test check statements sanitize fuzz tsan clients regressions simulate faults soak proof bench lock clean

help:  ## say what each target does
	@sed -n 's/^\([a-z-]*\):[^#]*##/\1/p' $(MAKEFILE_LIST) | while read -r name text; do printf '  make %-8s %s\n' "$$name" "$$text"; done

run: $(VENV)/run.stamp  ## install what it needs and serve; ARGS="--listen 0.0.0.0:6969" passes options
	@echo "settings: peerage.toml, PEERAGE_..., $(BIN)/peerage serve --help    stop: Ctrl-C"
	@exec $(BIN)/peerage serve $(ARGS)

man: $(VENV)/run.stamp  ## write the manual pages into build/man, made from the help
	$(BIN)/python -m peerage.man_pages build/man

docs: $(DOCS)/stamp $(VENV)/run.stamp  ## build the documentation into build/site, its reference from the code; links and anchors are checked
	rm -rf build/reference
	$(BIN)/python -m peerage.reference_pages build/reference
	NO_MKDOCS_2_WARNING=1 $(DOCS)/bin/mkdocs build

docs-check: $(VENV)/dev.stamp  ## run every shell block of the documentation and the README's tour, and list what does not run
	$(BIN)/python -m pytest -m clients -s tests/clients/test_documentation.py tests/house/test_tour.py $(ARGS)

screenshots: $(VENV)/dev.stamp  ## make the pictures in docs/images anew, with Chromium and a service with made-up records
	$(BIN)/python -m tests.clients.pages.screenshots docs/images

dist: $(TOOLS)/stamp  ## build sdist and wheels of the last commit into dist/, one for each Python that is here
	$(TOOLS)/bin/python release/dist.py $(ARGS)

distcheck: dist  ## install each wheel without a compiler and start it; build all again and compare
	$(TOOLS)/bin/python release/dist_check.py --twice $(ARGS)

release: $(TOOLS)/stamp  ## what a tag is released as: wheels, SBOM, licences, changes, checksums; ARGS=--rehearse without a tag
	$(TOOLS)/bin/python release/release.py $(ARGS)

deb: $(TOOLS)/stamp  ## build the Debian package of the last commit into dist/, with Debian's own Python
	$(TOOLS)/bin/python release/deb.py $(ARGS)

debcheck: deb  ## as root: install, start, upgrade and purge it in a folder that debootstrap makes
	$(TOOLS)/bin/python release/deb_check.py

containercheck: $(TOOLS)/stamp  ## as root: read the Dockerfile, run its steps in a folder that debootstrap makes, start what comes out
	$(TOOLS)/bin/python release/container_check.py

audit: $(TOOLS)/stamp  ## ask for known weaknesses of what the locks install; status 2 where nobody can be asked
	$(TOOLS)/bin/python release/audit.py

test: $(VENV)/dev.stamp  ## the whole suite, but for the real clients
	$(BIN)/python -m pytest -m "not clients" $(ARGS)

check: $(VENV)/dev.stamp  ## ruff, ruff format, mypy, import contracts
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/lint-imports

statements: $(VENV)/dev.stamp  ## write the compiled text of the stores' statements, after one of them changed
	$(BIN)/python -m storage.sqlite.compiled

sanitize: $(VENV)/dev.stamp  ## the tests of store and doors over C built with ASan and UBSan
	rm -rf build/sanitize && mkdir -p build/sanitize && cp -r pyproject.toml accounts actions benchmarks bittorrent cache catalogue doors downloads lists peerage soap storage tasks tests tracker web build/sanitize
	rm -f build/sanitize/tracker/_native*.so
	gcc $(SANITIZED) -I"$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("include"))')" tracker/native/*.c -o build/sanitize/tracker/_native.so
	cd build/sanitize && LD_PRELOAD="$$(gcc -print-file-name=libasan.so) $$(gcc -print-file-name=libstdc++.so.6)" ASAN_OPTIONS=detect_leaks=0 $(CURDIR)/$(BIN)/python -m pytest \
		-p no:faulthandler -p no:cacheprovider tests/tracker tests/contracts/test_swarm_store.py tests/contracts/test_sessions.py tests/contracts/test_account_limits.py tests/contracts/test_access.py tests/contracts/test_changes.py tests/fuzz/test_stores_differ.py tests/contracts/test_doors.py tests/doors/test_native.py tests/doors/test_kept_files.py tests/contracts/test_proxy_protocol.py tests/contracts/test_connection_ids.py tests/contracts/test_bursts.py tests/contracts/test_websocket.py tests/contracts/test_websocket_conformance.py $(ARGS)

clients: $(VENV)/dev.stamp  ## the suite with real clients: installed from Debian when root
	@missing=$$(for name in $(CLIENTS); do case $$name in nodejs) command -v node >/dev/null && continue;; npm) command -v npm >/dev/null && continue;; esac; dpkg-query -W -f '$${Status}' $$name 2>/dev/null | grep -q 'ok installed' || printf ' %s' $$name; done); \
	if [ -z "$$missing" ]; then :; \
	elif [ "$$(id -u)" = 0 ]; then apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $$missing; \
	else echo "these Debian packages are missing:$$missing" >&2; echo "install them: sudo apt-get install$$missing" >&2; exit 1; fi
	@$(MAKE) --no-print-directory build/versitygw || echo "versitygw, which needs Go 1.26, was not built: buckets are tested over moto alone"
	$(BIN)/python -m pytest -m clients $(ARGS)
	$(BIN)/python -m pytest -m "not clients" --database postgresql $(ON_POSTGRESQL) $(ARGS)

build/versitygw:
	@mkdir -p build && command -v go >/dev/null && GOBIN=$(CURDIR)/build timeout 600 go install github.com/versity/versitygw/cmd/versitygw@v1.8.0

regressions: $(VENV)/dev.stamp  ## show that tests/regressions fail on an older revision and pass here; BASE=revision
	$(BIN)/python -m tests.regressions $(or $(BASE),0ddc106) $(ARGS)

simulate: $(VENV)/dev.stamp  ## the application in simulated time, SEEDS=2000 of them from a seed that is drawn and printed; and NODE_SEEDS=200 of three nodes over a stream
	$(BIN)/python -m tests.proof.simulation --seeds $(or $(SEEDS),2000) $(if $(SEED),--from $(SEED)) $(ARGS)
	$(BIN)/python -m tests.proof.replication --seeds $(or $(NODE_SEEDS),200) $(if $(SEED),--from $(SEED))

faults: $(VENV)/dev.stamp  ## CASES=1000 of the storage's faults and power cuts, by a seed that is drawn and printed
	$(BIN)/python -m tests.proof.storage --cases $(or $(CASES),1000) $(ARGS)

soak: $(VENV)/dev.stamp  ## honest load beside every attack for ten minutes; ARGS="--seconds 60" for one
	$(BIN)/python -m tests.proof.soak $(ARGS)

proof: $(VENV)/dev.stamp  ## for hours: regressions, 100,000 seeds, 50,000 storage faults, 200 kills, long fuzzing, the soak
	$(MAKE) regressions
	$(MAKE) simulate SEEDS=100000 NODE_SEEDS=10000
	$(MAKE) faults CASES=32000
	PROOF_KILLS=200 $(BIN)/python -m pytest tests/peerage/test_kill.py
	$(MAKE) fuzz INPUTS=20000000 RUNS=5000000 SECONDS=600
	$(MAKE) soak

bench: $(VENV)/dev.stamp  ## measure ours beside opentracker
	$(BIN)/python -m benchmarks $(ARGS)

# SEED=7 with RUNS=20000 (ten times as many of the readers, which are quick) makes the same inputs again.
FUZZING = -seed=$(or $(SEED),0) -dict=tests/native/words.dict -verbosity=0 -print_final_stats=1 -artifact_prefix=build/found/
BOUND = $(if $(RUNS),-runs=$(RUNS),-max_total_time=$(or $(SECONDS),10))
fuzz: export LSAN_OPTIONS = suppressions=tests/native/leaks.txt:print_suppressions=0
fuzz: build/fuzz build/fuzz_door build/fuzz_sockets $(VENV)/dev.stamp  ## fuzz readers, door and sockets in C (SECONDS=10 each, under ASan and UBSan) and the readers in Python (INPUTS=2000000)
	@mkdir -p build/found/readers build/found/door build/found/sockets
	build/fuzz $(if $(CLANG),$(if $(RUNS),-runs=$(RUNS)0,$(BOUND)) -max_len=4096 $(FUZZING) \
		build/found/readers tests/native/seeds tests/fuzz/corpus/query tests/fuzz/corpus/udp,$(or $(SECONDS),10))
	build/fuzz_door $(if $(CLANG),$(BOUND) -max_len=8192 $(FUZZING) build/found/door tests/native/seeds-door,tests/native/seeds-door/*)
	build/fuzz_sockets $(if $(CLANG),$(BOUND) -max_len=4096 $(FUZZING) build/found/sockets tests/native/seeds-sockets,tests/native/seeds-sockets/*)
	$(BIN)/python -m tests.fuzz --inputs $(or $(INPUTS),2000000) $(if $(SEED),--seed $(SEED)) $(ARGS)

tsan: build/races  ## race the C threads and the store under ThreadSanitizer; SECONDS=60 says for how long
	build/races $(or $(SECONDS),10)

lock: $(VENV)/dev.stamp  ## pin the newest dependencies that fit pyproject.toml, with hashes
	@$(PIP) install uv
	$(BIN)/uv pip compile pyproject.toml --extra downloads $(LOCKING) --output-file requirements.lock
	$(BIN)/uv pip compile --group docs $(LOCKING) --output-file requirements-docs.lock
	$(BIN)/uv pip compile release/builder.in $(LOCKING) --output-file release/builder.lock
	$(BIN)/uv pip compile release/builder.in release/tools.in $(LOCKING) --output-file release/tools.lock
	$(BIN)/uv pip compile pyproject.toml --extra dev --extra clients --extra downloads --extra cluster $(LOCKING) --constraint requirements.lock --output-file requirements-dev.lock

clean:  ## remove what the other targets made; data/ stays
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

SANITIZED := -std=c11 -D_GNU_SOURCE -O1 -g -Wall -Wextra -Wpedantic -Werror -fno-omit-frame-pointer -fsanitize=address,undefined \
	-fno-sanitize-recover=undefined -shared -fPIC -pthread $(if $(wildcard tracker/native/door_module.c),-DPEERAGE_DOOR)
LOCKING := --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --no-emit-index-url

# The harnesses need no interpreter. With clang the fuzzer is libFuzzer, led by coverage; without, it mutates blindly.
CLANG := $(shell command -v clang)
CORE := $(filter-out tracker/native/module%.c tracker/native/door_module.c,$(wildcard tracker/native/*.c))
HARNESS := -std=c11 -D_GNU_SOURCE=1 -O1 -g -fno-omit-frame-pointer -Wall -Wextra -Wpedantic -Werror -Itracker/native -pthread
SANITIZERS := -fsanitize=address,undefined -fno-sanitize-recover=all

build/fuzz: tests/native/fuzz.c tests/native/harness.h $(CORE) $(wildcard tracker/native/*.h)
	@mkdir -p build
	$(if $(CLANG),$(CLANG) -fsanitize=fuzzer -DLIBFUZZER,$(CC)) $(HARNESS) $(SANITIZERS) tests/native/fuzz.c $(CORE) -o $@

# The sources of the door call what the harness plays instead of libc and the kernel.
build/fuzz_%: tests/native/fuzz_%.c tests/native/faults.h tests/native/allocations.h tests/native/harness.h $(CORE) $(wildcard tracker/native/*.h)
	@mkdir -p build
	$(or $(CLANG),$(CC)) $(if $(CLANG),-DLIBFUZZER) $(HARNESS) $(SANITIZERS) -c tests/native/fuzz_$*.c -o build/fuzz_$*.o
	$(or $(CLANG),$(CC)) $(if $(CLANG),-fsanitize=fuzzer) $(HARNESS) $(SANITIZERS) -include tests/native/faults.h build/fuzz_$*.o $(CORE) -o $@

build/races: tests/native/races.c tests/native/harness.h $(CORE) $(wildcard tracker/native/*.h)
	@mkdir -p build
	$(CC) $(HARNESS) -fsanitize=thread tests/native/races.c $(CORE) -o $@

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || { echo "Peerage needs Python 3.11, 3.12 or 3.13: make PYTHON=python3.11 ..." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { echo "Python's venv module is missing. On Debian, as root: $(DEBIAN)" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)

# A stamp says that what it depends on is installed. The dev one holds the other's packages too, at the same versions.
$(VENV)/run.stamp: requirements.lock pyproject.toml $(BUILT) | $(BIN)/python
	@echo "installing into $(VENV) ..."
	@$(PIP) install --require-hashes -r requirements.lock
	@$(PIP) install --no-deps --editable .
	@touch $@

$(TOOLS)/stamp: release/tools.lock
	@$(PYTHON) -m venv --clear $(TOOLS)
	@$(TOOLS)/bin/python -m pip --quiet --disable-pip-version-check install --require-hashes -r release/tools.lock
	@touch $@

$(DOCS)/stamp: requirements-docs.lock
	@$(PYTHON) -m venv --clear $(DOCS)
	@$(DOCS)/bin/python -m pip --quiet --disable-pip-version-check install --require-hashes -r requirements-docs.lock
	@touch $@

$(VENV)/dev.stamp: requirements-dev.lock pyproject.toml $(BUILT) | $(BIN)/python
	@echo "installing into $(VENV) ..."
	@$(PIP) install --require-hashes -r requirements-dev.lock
	@$(PIP) install --no-deps --editable .
	@touch $@
