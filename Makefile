# Every command that a person or CI needs. `make run` and `make test` do all their set-up themselves.

CARGO ?= cargo

.PHONY: run build test check deny schema tools test-tools

## Build and serve on SQLite, with the built-in kinds unless longhaul.toml says otherwise.
run: tools
	$(CARGO) run --release --locked -- serve

## The release binary, at target/release/longhaul.
build: tools
	$(CARGO) build --release --locked

## Everything that CI asks for.
test: test-tools check
	$(CARGO) test --locked --all-targets --no-run
	$(BOUND) $(CARGO) test --locked --all-targets
	$(BOUND) $(CARGO) test --locked --doc

# Far above what the tests take: one that hangs in spite of its own deadline ends here.
BOUND = timeout --kill-after=30s 15m

## Formatting, lints and documentation.
check: tools
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings -A rustdoc::private_intra_doc_links" $(CARGO) doc --locked --no-deps --document-private-items

## Licences, duplicates and origins of what is built in (.deny.toml); with a network beyond the registries, `cargo deny check` looks for advisories, too.
deny: tools
	@$(CARGO) deny --version >/dev/null 2>&1 || $(CARGO) install --locked --debug cargo-deny
	$(CARGO) deny --locked check bans licenses sources

## Writes schema.graphql anew from the code.
schema:
	UPDATE_SCHEMA=1 $(CARGO) test --locked --lib api::schema

# A C compiler builds SQLite.
tools:
	@command -v $(CARGO) >/dev/null || { echo "longhaul needs Rust 1.89 or later: see https://rustup.rs"; exit 1; }
	@$(call need,cc,gcc libc6-dev)

# The tests also kill the server at chosen system calls, and read what SQLite wrote.
test-tools: tools
	@$(call need,strace,strace)

# What is missing is installed where that needs no question: $(1) a program, $(2) its Debian packages.
need = command -v $(1) >/dev/null \
	|| { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -qq && apt-get install -y -qq $(2) >/dev/null; } \
	|| { echo "longhaul needs $(1) (Debian: apt-get install $(2))"; exit 1; }
