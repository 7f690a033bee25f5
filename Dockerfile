# The image: the program, the certificates of public authorities, and no shell.
#
#   docker build -t muster:0.1.0 .

FROM rust:1.95-slim-bookworm AS build
WORKDIR /build
COPY . .
RUN cargo build --release --locked

FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /build/target/release/muster /usr/local/bin/muster
# The chart runs it as this user, too.
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/muster"]
