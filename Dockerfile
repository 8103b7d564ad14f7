# Two images from one file:
#   docker build --target api    -t likeness-api .       the front: no torch, a few hundred MB
#   docker build --target worker -t likeness-worker .    infer and train workers
#
# All packages are installed by hash from .ci/requirements/. PyPI's torch for Linux brings CUDA. For workers without a GPU, add
#   --build-arg REQUIREMENTS=worker-cpu.txt --build-arg EXTRA_INDEX_URL=...
# with the address of the index of PyTorch's CPU builds.

FROM python:3.11-slim AS base
ENV PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PATH=/opt/likeness/bin:$PATH \
    LIKENESS_HOME=/var/lib/likeness \
    LIKENESS_LOG_FORMAT=json
RUN useradd --system --uid 10001 --home-dir /var/lib/likeness --create-home likeness

# The project's own wheel. What builds it is in no image.
FROM base AS wheel
WORKDIR /build
COPY .ci/requirements/build.txt .ci/requirements/
RUN pip install --no-cache-dir --only-binary :all: --require-hashes --requirement .ci/requirements/build.txt
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY app app
COPY worker worker
COPY models models
RUN pip wheel --no-deps --no-build-isolation --wheel-dir dist .

# Dependencies first and the code last, so that a change of code rebuilds in seconds.
FROM base AS api-build
RUN python -m venv /opt/likeness
COPY .ci/requirements/api.txt .ci/requirements/
RUN pip install --no-cache-dir --only-binary :all: --require-hashes --requirement .ci/requirements/api.txt
COPY --from=wheel /build/dist dist
RUN pip install --no-cache-dir --no-index --no-deps dist/*.whl

FROM base AS worker-build
ARG REQUIREMENTS=worker.txt
ARG EXTRA_INDEX_URL=""
RUN python -m venv /opt/likeness
COPY .ci/requirements/${REQUIREMENTS} .ci/requirements/
RUN PIP_EXTRA_INDEX_URL="$EXTRA_INDEX_URL" \
    pip install --no-cache-dir --only-binary :all: --require-hashes --requirement ".ci/requirements/$REQUIREMENTS"
COPY --from=wheel /build/dist dist
RUN pip install --no-cache-dir --no-index --no-deps dist/*.whl

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
