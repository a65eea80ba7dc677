# Control, data and serving workers, and the `assay` command. Build from the checkout's root:
#   docker build -f deploy/containers/control.Dockerfile -t assay/control:0.1.0 .
# The bases are named by version; a release pins them by digest: --build-arg PYTHON_IMAGE=python@sha256:…
ARG PYTHON_IMAGE=python:3.11.14-slim-bookworm
ARG OPA_IMAGE=openpolicyagent/opa:1.22.2-static

FROM ${OPA_IMAGE} AS opa

FROM ${PYTHON_IMAGE} AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN pip install uv==0.13.9
WORKDIR /build
COPY requirements.lock requirements-nodeps.lock pyproject.toml README.md LICENSE ./
COPY assay assay
# The lock bounds every version; only what the extra needs is installed, so neither torch nor the engine.
RUN uv venv /opt/assay \
    && uv pip install --python /opt/assay --constraint requirements.lock '.[server]' \
    && uv pip install --python /opt/assay --no-deps --require-hashes --requirement requirements-nodeps.lock

FROM ${PYTHON_IMAGE}
RUN groupadd --gid 10001 assay && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/assay assay \
    && install --directory --owner 10001 --group 10001 --mode 0700 /var/lib/assay
COPY --from=opa /opa /usr/local/bin/opa
COPY --from=build /opt/assay /opt/assay
WORKDIR /app
COPY assay assay
COPY workflows workflows
COPY activities activities
COPY policies policies
COPY registry registry
COPY serving serving
COPY evals evals
COPY workers workers
COPY stack stack
COPY examples examples
ENV PATH=/opt/assay/bin:$PATH PYTHONPATH=/app PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    ASSAY_HOME=/var/lib/assay ASSAY_LOG_FORMAT=json HF_HUB_OFFLINE=1
USER 10001:10001
EXPOSE 9464 9465 9467
# Which worker: `workers.control`, `workers.data` or `workers.serving`.
ENTRYPOINT ["python", "-m"]
CMD ["workers.control"]
