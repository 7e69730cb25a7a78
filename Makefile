# Every command that a person or CI needs. `make run` and `make test` do all their set-up themselves.

CARGO ?= cargo
# The last file of a build of the pages, and npm's own note of what it installed.
PAGES = web/dist/index.html
MODULES = web/node_modules/.package-lock.json
# Python's GraphQL client, for the tests of docs/clients.md, and a server that speaks S3, for those of the object store.
PYTHON = target/python/.installed

.PHONY: run build pages test check bench foresight fuzz corpus deny schema tools test-tools node python

## Build and serve on SQLite, with the built-in kinds unless longhaul.toml says otherwise; it says what to open.
run: tools pages
	$(CARGO) run --release --locked -- serve

## The release binary with the pages inside, at target/release/longhaul.
build: tools pages
	LONGHAUL_COMMIT="$$(git rev-parse --short=12 HEAD 2>/dev/null || echo unknown)" $(CARGO) build --release --locked

## The dashboard and GraphiQL, at web/dist: the next build of the binary takes them in. Nothing else needs Node.
pages:
	@if $(HAS_NODE); then $(MAKE) --no-print-directory $(PAGES); \
	else echo "longhaul: Node 20.19 or later with npm is not here, so the dashboard and GraphiQL are not built; everything else is"; fi

## Everything that CI asks for: first the pages, then the binary with them, then a browser before that very binary.
test: test-tools $(PAGES) $(PYTHON) check
	cd web && npm run --silent test
	$(CARGO) test --locked --all-targets --no-run
	$(BOUND) $(CARGO) test --locked --all-targets
	$(BOUND) $(CARGO) test --locked --doc
	cd web && $(BOUND) npm run --silent e2e

# Far above what the tests take: one that hangs in spite of its own deadline ends here.
BOUND = timeout --kill-after=30s 15m

## Formatting, lints, types and documentation.
check: tools $(MODULES)
	cd web && npm run --silent lint && npm run --silent typecheck
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets -- -D warnings
	$(CARGO) clippy --locked --bench score --bench foresight -- -D warnings
	RUSTDOCFLAGS="-D warnings -A rustdoc::private_intra_doc_links" $(CARGO) doc --locked --no-deps --document-private-items

## The score: each row with its two sides, measured in turns; `make bench ROWS="S12 S13"` measures only those. Takes minutes, and wants a quiet machine.
bench: tools
	$(CARGO) bench --locked --bench score -- $(ROWS)

## How well the start of a job is told, on a log in the Standard Workload Format (.swf, .swf.gz, .zip): make foresight LOG=file.swf SLOTS=n
foresight: tools
	@test -e '$(LOG)' || { echo "foresight: there is no log at $(LOG): name one by LOG=file.swf (see https://www.cs.huji.ac.il/labs/parallel/workload/)"; exit 2; }
	@$(CARGO) bench --locked --quiet --bench foresight -- '$(LOG)' '$(SLOTS)'

LOG ?= ../shared/data/NASA-iPSC-1993-3.1-cln.swf.zip
SLOTS ?= 3

## Looks for bytes that break what reads a socket, a document or a body: FUZZ_SECONDS for each of FUZZ_TARGETS, from what is known (tests/fuzz/corpus) on.
## What breaks one is put into tests/fuzz/artifacts: fix it, and put it into the corpus, which every `make test` replays.
fuzz: tools
	@$(call need,c++,g++)
	@$(CARGO) fuzz --version >/dev/null 2>&1 || $(CARGO) install --locked --debug cargo-fuzz
	cp Cargo.lock tests/fuzz/Cargo.lock
	$(FUZZ) build $(FUZZ_FLAGS)
	@for target in $(FUZZ_TARGETS); do mkdir -p target/fuzz/corpus/$$target && (ulimit -s 2048 && $(FUZZ) run $(FUZZ_FLAGS) $$target \
		target/fuzz/corpus/$$target tests/fuzz/corpus/$$target -- -dict=tests/fuzz/$$target.dict -max_total_time=$(FUZZ_SECONDS) \
		-max_len=4096 -timeout=5 -rss_limit_mb=1024 -print_final_stats=1) || exit 1; done

## Takes what `make fuzz` has found into the corpus: as few inputs as reach every branch that any reaches.
corpus:
	@for target in $(FUZZ_TARGETS); do rm -rf target/fuzz/least && mkdir target/fuzz/least && $(FUZZ) run $(FUZZ_FLAGS) $$target target/fuzz/least \
		target/fuzz/corpus/$$target tests/fuzz/corpus/$$target -- -set_cover_merge=1 -use_counters=0 -max_len=1024 \
		&& rm -r tests/fuzz/corpus/$$target && mv target/fuzz/least tests/fuzz/corpus/$$target || exit 1; done

FUZZ_SECONDS ?= 1200
FUZZ_TARGETS ?= socket gate body

# Without a sanitizer, which needs a nightly compiler: what the sanitizers see is what only unsafe code can do, and there is none.
# The stack is that of a thread of the server.
FUZZ = $(CARGO) fuzz
FUZZ_FLAGS = --fuzz-dir tests/fuzz --target-dir target/fuzz --sanitizer none

## Licences, duplicates and origins of what is built in (.deny.toml); with a network beyond the registries, `cargo deny check` looks for advisories, too.
deny: tools
	@$(CARGO) deny --version >/dev/null 2>&1 || $(CARGO) install --locked --debug cargo-deny
	$(CARGO) deny --locked check bans licenses sources

## Writes schema.graphql, the errors of README.md and the numbers of docs/metrics.md anew from the code, and the types of the pages anew from the schema.
schema: $(MODULES)
	UPDATE_SCHEMA=1 $(CARGO) test --locked --lib -- api::schema api::error_docs telemetry::metrics
	cd web && npm run --silent codegen

# Built anew only when something that they are made of changed: a new page compiles our crate again.
$(PAGES): $(MODULES) web/index.html web/graphiql.html web/vite.config.ts web/firstLoad.ts $(shell find web/src -type f ! -name '*.test.*')
	cd web && npm run --silent build

$(MODULES): web/package.json web/package-lock.json | node
	cd web && npm ci && touch node_modules/.package-lock.json

$(PYTHON): web/e2e/support/requirements.txt | python
	python3 -m venv --clear $(@D)
	$(@D)/bin/pip install --quiet --no-input --disable-pip-version-check -r $< \
		|| { echo "longhaul's tests need Python 3.11 or later, and what $< names from a package registry"; exit 1; }
	touch $@

# A C compiler builds SQLite.
tools:
	@command -v $(CARGO) >/dev/null || { echo "longhaul needs Rust 1.89 or later: see https://rustup.rs"; exit 1; }
	@$(call need,cc,gcc libc6-dev)

# The tests also kill the server at chosen system calls, read what SQLite wrote, start a PostgreSQL and a PgBouncer before it, set its clock, make hosts of their own for it, run what the documents show, and look at the pages in a browser.
test-tools: tools
	@$(call need,strace,strace)
	@$(call need,curl,curl)
	@$(call need,openssl,openssl)
	@$(call need,$${CHROMIUM:-chromium},chromium)
	@$(call provide,PATH="$$PATH:/usr/sbin:/sbin" command -v ip,ip,iproute2)
	@$(call provide,ls /usr/lib/*/faketime/libfaketimeMT.so.1,libfaketime,faketime)
	@$(call provide,PATH="$$PATH:/usr/sbin:/usr/local/sbin" command -v pgbouncer,pgbouncer,pgbouncer)
	@$(call provide,{ command -v initdb || ls /usr/lib/postgresql/*/bin/initdb; },the programs of a PostgreSQL server,postgresql)

node:
	@$(call need,npm,nodejs npm)
	@$(HAS_NODE) || { echo "the pages need Node 20.19 or later, this is $$(node --version): see https://nodejs.org"; exit 1; }

# A Debian without python3-venv has the module, but not what fills the folder that it makes.
python:
	@$(call provide,python3 -c "import ensurepip",python3,python3-venv)

HAS_NODE = command -v npm >/dev/null && node -e 'const [major, minor] = process.versions.node.split("."); process.exit(major > 20 || (major == 20 && minor >= 19) ? 0 : 1)' 2>/dev/null

# What is missing is installed where that needs no question: $(1) a program, $(2) its Debian packages.
need = $(call provide,command -v $(1),$(1),$(2))
# The same for what a command tells: $(1) the command, $(2) what it looks for, $(3) its Debian packages.
provide = $(1) >/dev/null 2>&1 \
	|| { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -qq && apt-get install -y -qq $(3) >/dev/null; } \
	|| { echo "longhaul needs $(2) (Debian: apt-get install $(3))"; exit 1; }
