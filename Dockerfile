# m2clip as an image: a build stage with compilers, a run stage with libraries alone.
#   docker build -t m2clip .
#   docker run --rm --read-only --tmpfs /tmp -p 8080:8080 m2clip
# docs/deployment.md tells the rest.

FROM debian:bookworm-slim AS build
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
      build-essential cmake ninja-build pkg-config \
      libopenblas-dev libdnnl-dev libjansson-dev libutf8proc-dev zlib1g-dev libssl-dev \
      libavformat-dev libavcodec-dev libavutil-dev libswscale-dev \
      libuv1-dev libmicrohttpd-dev libcurl4-openssl-dev \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN cmake --preset release -DM2C_TESTS=OFF \
 && cmake --build --preset release --target m2clip \
 && install -D -s build/m2clip /out/usr/local/bin/m2clip

# The model inside: the trained demo where the tree has one. Until then a tiny one with random
# weights, so that the image answers; its answers carry the warning `untrained_model`.
RUN mkdir -p /out/models \
 && if [ -d models/demo ]; then cp -rL models/demo /out/models/default; else \
      build/m2clip init --arch tiny --seed 1 --classes 5 -o /out/models/default \
      && printf '%s\n' 'moving left' 'moving right' growing shrinking spinning \
           > /out/models/default/labels.csv; fi \
 && chmod -R a+rX,go-w /out

FROM debian:bookworm-slim
LABEL org.opencontainers.image.title="m2clip" \
      org.opencontainers.image.description="Video recognition by M2-CLIP over HTTP, on the CPU" \
      org.opencontainers.image.licenses="Apache-2.0"
# Libraries only: neither FFmpeg's programs nor a compiler, which untrusted input could be led to.
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
      libopenblas0-pthread libdnnl2 libgomp1 libjansson4 libutf8proc2 zlib1g libssl3 \
      libavformat59 libavcodec59 libavutil57 libswscale6 \
      libuv1 libmicrohttpd12 libcurl4 ca-certificates \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/apt /var/log/dpkg.log
COPY --from=build /out/ /

# Options by environment; a flag after `serve` wins. Own models are mounted over or beside
# /models/default. OpenBLAS would start a thread a core that our compute team never uses.
ENV M2CLIP_MODEL=/models/default \
    M2CLIP_LISTEN=0.0.0.0:8080 \
    M2CLIP_PROBE_LISTEN=0.0.0.0:9090 \
    OPENBLAS_NUM_THREADS=1
EXPOSE 8080 9090
USER 10001:10001
WORKDIR /
STOPSIGNAL SIGTERM
# By the probe listener: it neither speaks TLS nor asks for a key.
HEALTHCHECK --interval=10s --timeout=6s --start-period=60s --retries=3 \
  CMD ["/usr/local/bin/m2clip", "health", "--url", "http://127.0.0.1:9090"]
ENTRYPOINT ["/usr/local/bin/m2clip"]
CMD ["serve"]
