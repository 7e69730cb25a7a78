# Every command that a person or CI needs. `make run` and `make test` do all their set-up themselves.

CARGO ?= cargo

.PHONY: run build test check schema tools

## Build and serve on SQLite, with the built-in kinds unless longhaul.toml says otherwise.
run: tools
	$(CARGO) run --release --locked -- serve

## The release binary, at target/release/longhaul.
build: tools
	$(CARGO) build --release --locked

## Everything that CI asks for.
test: check
	$(CARGO) test --locked --all-targets
	$(CARGO) test --locked --doc

## Formatting, lints and documentation.
check: tools
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --no-deps --document-private-items

## Writes schema.graphql anew from the code.
schema:
	UPDATE_SCHEMA=1 $(CARGO) test --locked --lib api::schema

# A C compiler builds SQLite. What is missing is installed where that needs no question.
tools:
	@command -v $(CARGO) >/dev/null || { echo "longhaul needs Rust 1.89 or later: see https://rustup.rs"; exit 1; }
	@command -v cc >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -qq && apt-get install -y -qq gcc libc6-dev; } \
		|| { echo "longhaul needs a C compiler (Debian: apt-get install gcc libc6-dev)"; exit 1; }
