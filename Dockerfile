# Jobspool as an image: `docker build -t jobspool .`, or `docker compose up` beside it. What is in it, and how to use it: README.md, "Container".
ARG BASE=node:24-bookworm-slim

# The package as npm has it. --ignore-scripts: Node is in the base already.
FROM ${BASE} AS build
WORKDIR /build
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY . .
RUN npm pack --silent && tar -xzf jobspool-*.tgz

# What the package needs where it runs, and nothing that builds.
FROM ${BASE} AS modules
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund --omit=dev && rm package.json package-lock.json

# The init that reaps what jobs leave behind; linked statically, so that it is one file.
FROM ${BASE} AS tini
RUN apt-get update && apt-get install -y --no-install-recommends tini && cp /usr/bin/tini-static /tini

FROM ${BASE}
# Nothing in here installs packages: whoever derives an image brings what it needs.
RUN rm -rf /usr/local/lib/node_modules /usr/local/bin/npm /usr/local/bin/npx /usr/local/bin/corepack /usr/local/bin/yarn* /opt/yarn* \
 && mkdir -m 0770 /data && chown 10001:0 /data
COPY --from=tini /tini /usr/local/bin/tini
COPY --from=modules /app/node_modules /app/node_modules
COPY --from=build /build/package /app/node_modules/jobspool
COPY docker/app /app
RUN ln -s /app/node_modules/jobspool/dist/service/main.js /usr/local/bin/jobspool && chmod 0755 /app/node_modules/jobspool/dist/service/main.js

# HOME is where compiled code is kept and what handlers may write to: with a read-only root, /tmp is a tmpfs, and any uid may use it.
ENV NODE_ENV=production \
    HOME=/tmp \
    JOBSPOOL_DIR=/data \
    JOBSPOOL_HOST=0.0.0.0
WORKDIR /app
# Any other uid works as well, if it is in group 0 or may write to what is mounted on /data.
USER 10001:0
VOLUME /data
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["jobspool", "health"]
ENTRYPOINT ["tini", "--", "node", "/app/node_modules/jobspool/dist/service/main.js"]
CMD ["serve"]

ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Jobspool" \
      org.opencontainers.image.description="A background-job service whose queue is a directory." \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.documentation="/app/node_modules/jobspool/spool/README.md"
