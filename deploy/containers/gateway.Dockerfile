# The gateway alone: no torch, no engine, no scanners, no policies.
#   docker build -f deploy/containers/gateway.Dockerfile -t assay/gateway:0.1.0 .
ARG PYTHON_IMAGE=python:3.11.14-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN pip install uv==0.13.9
WORKDIR /build
COPY requirements.lock pyproject.toml README.md LICENSE ./
COPY assay assay
RUN uv venv /opt/assay \
    && uv pip install --python /opt/assay --constraint requirements.lock '.[gateway]'

FROM ${PYTHON_IMAGE}
RUN groupadd --gid 10001 assay && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/assay assay \
    && install --directory --owner 10001 --group 10001 --mode 0700 /var/lib/assay
COPY --from=build /opt/assay /opt/assay
WORKDIR /app
COPY assay assay
COPY registry registry
COPY serving serving
ENV PATH=/opt/assay/bin:$PATH PYTHONPATH=/app PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    ASSAY_HOME=/var/lib/assay ASSAY_LOG_FORMAT=json ASSAY_GATEWAY_HOST=0.0.0.0
USER 10001:10001
EXPOSE 8080
ENTRYPOINT ["python", "-m", "serving.gateway"]
