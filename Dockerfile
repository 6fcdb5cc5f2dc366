# syntax=docker/dockerfile:1
# The server with the bundled policy, without root, capabilities or writes of its own:
#   docker build -t qsft-server . && docker run --read-only --cap-drop ALL -e QSFT_API_KEY -p 8000:8000 qsft-server --max-sequences 16
#   docker build -t qsft-server:cuda --target cuda . && docker run --gpus all -v ./models/mine:/policy:ro -e QSFT_MODEL=/policy ...

FROM node:22-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY tsconfig.json tsconfig.build.json ./
COPY src src
RUN npm run build

# The CUDA provider for the ONNX Runtime of package.json, from PyPI.
FROM build AS cuda-libraries
COPY scripts/cuda scripts/cuda
RUN npm run cuda:install

FROM build AS production
RUN npm prune --omit=dev
# onnxruntime-node ships the libraries of every platform: keep this image's library, not even Node's binding of it.
RUN find node_modules/onnxruntime-node/bin/napi-v6 -mindepth 2 -maxdepth 2 \
      ! -path "*/linux/$(node -p process.arch)" -exec rm -rf {} + \
  && find node_modules/onnxruntime-node/bin -name '*.node' -delete

FROM nvidia/cuda:13.0.1-cudnn-runtime-ubuntu24.04 AS cuda
LABEL org.opencontainers.image.title="qsft-server" \
      org.opencontainers.image.description="Inference server for policies trained with Q-SFT, on NVIDIA GPUs" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.documentation="README.md"
ENV NODE_ENV=production QSFT_HOST=0.0.0.0 QSFT_DEVICE=cuda QSFT_ORT_LIBRARY=/app/.cuda/libonnxruntime.so.1
WORKDIR /app
COPY --from=production /usr/local/bin/node /usr/local/bin/node
COPY --from=production /app/package.json ./
COPY --from=production /app/node_modules node_modules
COPY --from=production /app/dist dist
COPY --from=cuda-libraries /app/.cuda .cuda
COPY openapi.yaml ./
USER 1000:1000
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=120s \
  CMD ["node", "dist/health-check.js"]
ENTRYPOINT ["node", "dist/main.js"]

# Last, so that it is what `docker build` makes when no target is named.
FROM node:22-bookworm-slim AS cpu
LABEL org.opencontainers.image.title="qsft-server" \
      org.opencontainers.image.description="Inference server for policies trained with Q-SFT" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.documentation="README.md"
ENV NODE_ENV=production QSFT_HOST=0.0.0.0
WORKDIR /app
COPY --from=production /app/package.json ./
COPY --from=production /app/node_modules node_modules
COPY --from=production /app/dist dist
COPY models models
COPY openapi.yaml ./
# By number: Kubernetes cannot tell whether a name is root.
USER 1000:1000
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s \
  CMD ["node", "dist/health-check.js"]
# `node` as process 1 gets SIGTERM itself and drains.
ENTRYPOINT ["node", "dist/main.js"]
