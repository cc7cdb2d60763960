# explaind in a container: built in one stage, run in another that holds nothing but programs, model, viewer and the
# libraries they need.
#
#   docker build -t explaind . && docker run --rm -p 127.0.0.1:8080:8080 explaind

FROM debian:12-slim AS build
WORKDIR /src
# The Makefile alone first: the packages stay cached while sources change.
COPY Makefile ./
RUN apt-get update && apt-get install -y --no-install-recommends make && make deps-build
COPY engine engine
COPY server server
COPY models models
COPY static static
COPY LICENSE ./
RUN make -j"$(nproc)" install DESTDIR=/out PREFIX=/usr

FROM debian:12-slim
RUN apt-get update \
 && apt-get install -y --no-install-recommends \
    libprotobuf-c1 libpng16-16 libcairo2 libgif7 fonts-dejavu-core \
    libmicrohttpd12 libjansson4 libsqlite3-0 libseccomp2 \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin explaind \
 && install -d -o explaind -g explaind -m 700 /var/lib/explaind
COPY --from=build /out/ /
# No library may be missing.
RUN ! ldd /usr/bin/xai /usr/bin/explaind /usr/bin/explaind-decode | grep "not found"
USER 10001
# The defaults of the configuration are relative to here: models/, static/.
WORKDIR /usr/share/explaind
# The root may be read-only: what fontconfig caches goes to /tmp.
ENV EXPLAIND_LISTEN=0.0.0.0 \
    EXPLAIND_STORE=/var/lib/explaind/explaind.db \
    XDG_CACHE_HOME=/tmp
VOLUME /var/lib/explaind
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s CMD ["explaind", "--healthcheck"]
ENTRYPOINT ["explaind"]
