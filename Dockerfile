# The image of the service: no compiler, no root, nothing written but below /data.
FROM debian:bookworm-slim AS build
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends gcc libc6-dev python3-dev python3-venv \
    && rm -rf /var/lib/apt/lists/*
COPY requirements.lock /source/
RUN python3 -m venv /opt/peerage \
    && /opt/peerage/bin/python -m pip --no-cache-dir --disable-pip-version-check install --require-hashes --requirement /source/requirements.lock
COPY . /source
RUN /opt/peerage/bin/python -m pip --no-cache-dir --disable-pip-version-check install --no-deps /source \
    && /opt/peerage/bin/python -c "import tracker._native" \
    && /opt/peerage/bin/python -m pip --no-cache-dir uninstall --yes pip setuptools

FROM debian:bookworm-slim
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates python3 \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 10001 peerage \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin peerage \
    && install --directory --mode 0700 --owner 10001 --group 10001 /data
COPY --from=build /opt/peerage /opt/peerage
ENV PATH=/opt/peerage/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PEERAGE_DATA=/data PEERAGE_LISTEN=0.0.0.0:6969
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 6969/tcp 6969/udp
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s \
    CMD ["python3", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:6969/readyz', timeout=4)"]
ENTRYPOINT ["peerage"]
CMD ["serve"]
