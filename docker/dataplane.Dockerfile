# nf-keeper and the nf-dataplane it starts.
#
#   podman build -f docker/dataplane.Dockerfile -t nf-dataplane .
#
# BUILD_IMAGE    a Debian or Ubuntu with the .NET SDK; what it lacks of clang and libbpf is installed
# RUNTIME_IMAGE  a Debian or Ubuntu with the .NET runtime; libbpf is installed when it lacks it
#
# The target "prebuilt" takes the programs of artifacts/image/dataplane instead of compiling (eng/images.sh --prebuilt).
ARG BUILD_IMAGE=mcr.microsoft.com/dotnet/sdk:10.0
ARG RUNTIME_IMAGE=mcr.microsoft.com/dotnet/runtime:10.0

FROM ${RUNTIME_IMAGE} AS base
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="nf-dataplane" \
  org.opencontainers.image.description="The data plane of NfService: AF_XDP sockets and the links between them" \
  org.opencontainers.image.licenses="Apache-2.0" \
  org.opencontainers.image.version="${VERSION}" \
  org.opencontainers.image.revision="${REVISION}"
RUN ldconfig -p | grep -q 'libbpf\.so\.1' \
  || { apt-get update && apt-get install -y --no-install-recommends libbpf1 && rm -rf /var/lib/apt/lists/*; }
# No diagnostics socket in /tmp, so the root file system may be read-only.
ENV DOTNET_EnableDiagnostics=0 NF_RUN=/run/nf
VOLUME /run/nf
# Root, as capabilities reach a container's process only so: run it with
#   --cap-drop ALL --cap-add NET_ADMIN,NET_RAW,BPF,PERFMON,IPC_LOCK
# The keeper watches its child's heartbeat itself, and the container ends with the keeper: no probe is needed.
USER 0
STOPSIGNAL SIGTERM
ENTRYPOINT ["/opt/nf/nf-keeper"]

FROM base AS prebuilt
COPY artifacts/image/dataplane /opt/nf

FROM ${BUILD_IMAGE} AS build
ENV DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
RUN command -v clang >/dev/null && test -e /usr/include/bpf/bpf_helpers.h \
  || { apt-get update && apt-get install -y --no-install-recommends clang llvm libbpf-dev libpcap-dev linux-libc-dev \
  && rm -rf /var/lib/apt/lists/*; }
WORKDIR /source
COPY . .
# One folder for both: the keeper finds the data plane beside itself, and they share their libraries.
RUN dotnet publish src/Keeper -c Release -o /out && dotnet publish src/DataPlane -c Release -o /out

FROM base
COPY --from=build /out /opt/nf
