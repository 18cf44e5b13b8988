# Millrace in a container: the packages as npm would install them, on the Node that the tests run on.
#
#   docker build -t millrace .
#   docker run --rm -p 127.0.0.1:4567:4567 -e MILLRACE_INSECURE=1 -v millrace:/data millrace
#
# Inside a container it has to listen on every address, and nothing checks who calls: it starts only when
# MILLRACE_INSECURE says that this is meant. Publish the port on 127.0.0.1, or where only friends can reach it.

ARG NODE_VERSION=20

FROM node:${NODE_VERSION}-bookworm-slim AS build
WORKDIR /src
COPY . .
RUN npm ci --ignore-scripts --no-audit --no-fund
RUN npx tsc -b
RUN node scripts/pack.mjs /tarballs --install /app

FROM node:${NODE_VERSION}-bookworm-slim
COPY --from=build /app /app
RUN mkdir /data && chown node:node /data
USER node
VOLUME /data
EXPOSE 4567
ENV MILLRACE_HOST=0.0.0.0 MILLRACE_PORT=4567 MILLRACE_DATA=/data MILLRACE_LOG=json NODE_ENV=production
HEALTHCHECK --interval=5s --timeout=4s --start-period=60s --start-interval=250ms --retries=3 \
  CMD ["node", "/app/node_modules/millrace/bin/millrace.js", "wait", "--timeout", "2s", "--quiet"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["node", "/app/node_modules/millrace/bin/millrace.js"]
CMD ["serve"]
