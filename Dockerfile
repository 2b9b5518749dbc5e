# The Action's image. Kept to what every builder knows, the classic one included: no syntax line,
# no heredoc, no mounts, no linked copies.

FROM rust:1.95-slim-bookworm AS build
WORKDIR /build

# Dependencies take minutes and change rarely: a layer of their own, built with an empty crate.
COPY Cargo.toml Cargo.lock ./
RUN mkdir src \
    && echo 'fn main() {}' > src/main.rs \
    && touch src/lib.rs \
    && cargo build --release --locked \
    && rm -r src

COPY src src
# A checkout can be older than the layer above, and Cargo goes by the time of files.
RUN find src -type f -exec touch '{}' + \
    && cargo build --release --locked \
    && strip target/release/mlgate

# The runner mounts its files as root and sets the working directory: neither is set here.
FROM gcr.io/distroless/cc-debian12
COPY --from=build /build/target/release/mlgate /mlgate
# No shell in between: it would drop variables such as INPUT_MIN-ROWS.
ENTRYPOINT ["/mlgate"]
