# The Action's image. Kept to what every builder knows, the classic one included: no syntax line,
# no heredoc, no mounts, no linked copies. Bases are named by digest: what was tried is what is built; Dependabot moves
# them.

FROM rust:1.95-slim-bookworm@sha256:d7482085ff5b415f84dba5647ae71606650bdef00db7aeb69f4b3d170c3e4082 AS build
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
    && strip target/release/mlgate \
    && mkdir /out \
    && cp target/release/mlgate /out \
    && ln -s mlgate /out/mlgate-post

# What runs ONNX models: the library out of PyPI's wheel, checked. It changes with its version only.
FROM debian:bookworm-slim@sha256:96e378d7e6531ac9a15ad505478fcc2e69f371b10f5cdf87857c4b8188404716 AS onnx
RUN apt-get update \
    && apt-get install -y --no-install-recommends python3-pip unzip \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /onnx
RUN pip download -q --no-deps --only-binary :all: -d . onnxruntime==1.32.0 \
    && unzip -q -j onnxruntime-*.whl 'onnxruntime/capi/libonnxruntime.so.*' \
    && rm onnxruntime-*.whl \
    && mv libonnxruntime.so.* libonnxruntime.so \
    && case "$(uname -m)" in \
         x86_64) sum=6c1585d1bbf45b0712ea4a21b705c5fcb4ba04ff2e30f1fbf81a49faf658638f ;; \
         aarch64) sum=49852228a93995158b2a813d4df487d47a1b76b0eaa894507ef49e91b6d7954a ;; \
         *) echo "no ONNX Runtime is known for $(uname -m)" >&2; exit 1 ;; \
       esac \
    && echo "$sum  libonnxruntime.so" | sha256sum -c -

# The runner mounts its files as root and sets the working directory: neither is set here.
FROM gcr.io/distroless/cc-debian12@sha256:e8e7ee4b8b106d4c5fde9e422a321b2b8a2d5cca546c97adcce927f3e1d36e36
COPY --from=onnx /onnx/libonnxruntime.so /libonnxruntime.so
# A second name of the same binary undoes a rollout that its job left unfinished.
COPY --from=build /out/ /
# No shell in between: it would drop variables such as INPUT_MIN-ROWS.
ENTRYPOINT ["/mlgate"]
