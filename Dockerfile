# syntax=docker/dockerfile:1
# The server on a CPU with the bundled policy: docker build -t qsft-server . && docker run -p 8000:8000 -e QSFT_API_KEY=… qsft-server

FROM node:22-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY tsconfig.json tsconfig.build.json ./
COPY src src
RUN npm run build && npm prune --omit=dev
# onnxruntime-node ships the libraries of every platform; keep this image's.
RUN cd node_modules/onnxruntime-node/bin/napi-v6 \
  && for folder in */*; do \
       [ "$folder" = "linux/$(node -p process.arch)" ] || rm -rf "$folder"; \
     done

FROM node:22-bookworm-slim AS cpu
LABEL org.opencontainers.image.title="qsft-server" \
      org.opencontainers.image.description="Inference server for policies trained with Q-SFT" \
      org.opencontainers.image.licenses="MIT"
ENV NODE_ENV=production QSFT_HOST=0.0.0.0
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY models models
COPY openapi.yaml ./
USER node
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:' + (process.env.QSFT_PORT ?? 8000) + '/health/ready').then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
# `node` as process 1 gets SIGTERM itself and drains.
CMD ["node", "dist/main.js"]
