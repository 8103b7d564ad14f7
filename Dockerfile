# Two images from one file:
#   docker build --target api    -t likeness-api .       the front: no torch, a few hundred MB
#   docker build --target worker -t likeness-worker .    infer and train workers
#
# PyPI's torch for Linux brings CUDA. For workers without a GPU, pass the address of the index of PyTorch's CPU builds:
#   docker build --target worker --build-arg EXTRA_INDEX_URL=... .

FROM python:3.11-slim AS base
ENV PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PATH=/opt/likeness/bin:$PATH \
    LIKENESS_HOME=/var/lib/likeness \
    LIKENESS_LOG_FORMAT=json
RUN useradd --system --uid 10001 --home-dir /var/lib/likeness --create-home likeness

# Dependencies first and the code last, so that a change of code rebuilds in seconds.
FROM base AS api-dependencies
WORKDIR /build
RUN python -m venv /opt/likeness
COPY pyproject.toml constraints.txt README.md LICENSE NOTICE ./
RUN mkdir app worker models \
    && touch app/__init__.py worker/__init__.py models/__init__.py \
    && pip install --no-cache-dir --constraint constraints.txt '.[video,marks,tracing]'

FROM api-dependencies AS worker-dependencies
ARG EXTRA_INDEX_URL=""
RUN PIP_EXTRA_INDEX_URL="$EXTRA_INDEX_URL" \
    pip install --no-cache-dir --constraint constraints.txt '.[worker,train,video,marks,tracing]'

FROM api-dependencies AS api-build
COPY app app
COPY worker worker
COPY models models
RUN pip install --no-cache-dir --no-deps --force-reinstall .

FROM worker-dependencies AS worker-build
COPY app app
COPY worker worker
COPY models models
RUN pip install --no-cache-dir --no-deps --force-reinstall .

FROM base AS api
COPY --from=api-build /opt/likeness /opt/likeness
USER likeness
WORKDIR /var/lib/likeness
EXPOSE 8000
# Other containers reach it, so it asks for a key: without LIKENESS_ADMIN_KEY it refuses to start.
ENV LIKENESS_HOST=0.0.0.0
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
STOPSIGNAL SIGTERM
CMD ["likeness", "api"]

FROM base AS worker
COPY --from=worker-build /opt/likeness /opt/likeness
USER likeness
WORKDIR /var/lib/likeness
STOPSIGNAL SIGTERM
# For a train worker, give both the command and the check with `train`.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 CMD ["likeness", "worker", "infer", "--check"]
CMD ["likeness", "worker", "infer"]
