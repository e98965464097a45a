# nf-service, and nfctl to ask it.
#
#   podman build -f docker/nf-service.Dockerfile -t nf-service .
#
# BUILD_IMAGE    a Debian or Ubuntu with the .NET SDK; clang is installed when it lacks it (src/Linux/Native)
# RUNTIME_IMAGE  an image with the ASP.NET runtime
#
# The target "prebuilt" takes the programs of artifacts/image/nf-service instead of compiling (eng/images.sh --prebuilt).
ARG BUILD_IMAGE=mcr.microsoft.com/dotnet/sdk:10.0
ARG RUNTIME_IMAGE=mcr.microsoft.com/dotnet/aspnet:10.0

FROM ${RUNTIME_IMAGE} AS base
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="nf-service" \
  org.opencontainers.image.description="The control plane of NfService: gRPC and metrics" \
  org.opencontainers.image.licenses="Apache-2.0" \
  org.opencontainers.image.version="${VERSION}" \
  org.opencontainers.image.revision="${REVISION}"
ENV DOTNET_EnableDiagnostics=0 NF_RUN=/run/nf PATH=/opt/nf:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
VOLUME /run/nf
# The data plane's socket (mode 0600) belongs to uid 0, so this is uid 0, too, but needs no capability at all:
#   --cap-drop ALL
USER 0
STOPSIGNAL SIGTERM
# Whether it serves and a data plane is connected. Kubernetes has probes of its own.
HEALTHCHECK --interval=15s --timeout=5s --start-period=10s CMD ["/opt/nf/nfctl", "health", "nf.v1.DataPlane"]
ENTRYPOINT ["/opt/nf/nf-service"]

FROM base AS prebuilt
COPY artifacts/image/nf-service /opt/nf

FROM ${BUILD_IMAGE} AS build
ENV DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
RUN command -v clang >/dev/null \
  || { apt-get update && apt-get install -y --no-install-recommends clang && rm -rf /var/lib/apt/lists/*; }
WORKDIR /source
COPY . .
RUN dotnet publish src/NfService -c Release -o /out && dotnet publish src/Nfctl -c Release -o /out

FROM base
COPY --from=build /out /opt/nf
