# One SGLang server, started by our launcher so that it proves base revision and chat template.
#   docker build -f deploy/containers/engine.Dockerfile -t assay/engine:0.1.0 .
# For GPUs: --build-arg PYTHON_IMAGE= a CUDA development image with this Python (SGLang compiles kernels at its start).
ARG PYTHON_IMAGE=python:3.11.14-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN pip install uv==0.13.9
WORKDIR /build
COPY requirements.lock pyproject.toml README.md LICENSE ./
COPY assay assay
RUN uv venv /opt/assay \
    && uv pip install --python /opt/assay --constraint requirements.lock '.[engine]'

FROM ${PYTHON_IMAGE}
RUN groupadd --gid 10001 assay && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/assay assay \
    && install --directory --owner 10001 --group 10001 --mode 0700 /var/lib/assay
COPY --from=build /opt/assay /opt/assay
WORKDIR /app
COPY assay assay
COPY serving serving
ENV PATH=/opt/assay/bin:$PATH PYTHONPATH=/app PYTHONUNBUFFERED=1 HF_HUB_OFFLINE=1
USER 10001:10001
EXPOSE 30000
# The keys come from ASSAY_ENGINE_KEY and ASSAY_ENGINE_ADMIN_KEY; the rest are options (`--help`).
ENTRYPOINT ["python", "-m", "serving.engines.launcher"]
CMD ["--help"]
