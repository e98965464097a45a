using Google.Protobuf;
using Grpc.Core;
using Nf.V1;

namespace Nf.Service.Tests;

/// <summary>Requests that are right unless a test changes them, and what errors carry.</summary>
internal static class Requests
{
    public static CreateUmemRequest Umem(string name = "u", Action<UmemSpec>? change = null)
    {
        var spec = new UmemSpec { SizeBytes = 1 << 20 };
        change?.Invoke(spec);
        return new CreateUmemRequest { Name = name, Spec = spec };
    }

    public static BindXskSocketRequest Socket(
        string name = "s", string umem = "u", uint queue = 0, Action<XskSocketSpec>? change = null)
    {
        var spec = new XskSocketSpec { Umem = umem, Interface = "veth0", Queue = queue };
        change?.Invoke(spec);
        return new BindXskSocketRequest { Name = name, Spec = spec };
    }

    public static CreateVhostDeviceRequest Vhost(
        string name = "v", Action<VhostDeviceSpec>? change = null)
    {
        var spec = new VhostDeviceSpec { SocketPath = $"/run/nf/{name}.sock" };
        change?.Invoke(spec);
        return new CreateVhostDeviceRequest { Name = name, Spec = spec };
    }

    public static CreateLinkRequest Link(string name, string[] a, string[] b) => Link(
        name, new V1.Endpoint { XskSockets = { a } }, new V1.Endpoint { XskSockets = { b } });

    public static CreateLinkRequest Link(string name, V1.Endpoint a, V1.Endpoint b) =>
        new() { Name = name, Spec = new LinkSpec { A = a, B = b } };

    public static CreateBridgeRequest Bridge(
        string name, IEnumerable<V1.Endpoint> endpoints, Action<BridgeSpec>? change = null)
    {
        var spec = new BridgeSpec { Endpoints = { endpoints } };
        change?.Invoke(spec);
        return new CreateBridgeRequest { Name = name, Spec = spec };
    }

    public static CreateCpumapRequest Cpumap(string name = "m", Action<CpumapSpec>? change = null)
    {
        var spec = new CpumapSpec();
        change?.Invoke(spec);
        return new CreateCpumapRequest { Name = name, Spec = spec };
    }

    public static UpdateCpumapEntryRequest Entry(
        string cpumap, uint cpu, Action<UpdateCpumapEntryRequest>? change = null)
    {
        var request = new UpdateCpumapEntryRequest
        {
            Cpumap = cpumap,
            Entry = new CpumapEntrySpec { Cpu = cpu, QueueSize = 192 },
        };
        change?.Invoke(request);
        return request;
    }

    public static LoadCpumapProgramRequest Elf(string name, int bytes = 100)
    {
        byte[] file = new byte[bytes];
        "\u007fELF"u8.CopyTo(file);
        return new LoadCpumapProgramRequest
        {
            Name = name,
            Spec = new CpumapProgramSpec { Elf = new CpumapElf { File = ByteString.CopyFrom(file) } },
        };
    }

    public static SetSteeringRequest Steering(string name, params SteeringRule[] rules) =>
        new() { Name = name, Spec = new SteeringSpec { Interface = "veth0", Rules = { rules } } };

    /// <summary>A rule that sends everything to a cpumap.</summary>
    public static SteeringRule ToCpumap(string cpumap, CpuSelection? selection = null) => new()
    {
        Action = new SteeringAction { Cpumap = new ToCpumap { Cpumap = cpumap, Selection = selection } },
    };

    /// <summary>A selection by prefixes of IPv4, each of 24 bits.</summary>
    public static CpuSelection Prefixes(int count) => new()
    {
        Kind = CpuSelectionKind.SourcePrefix,
        Prefixes =
        {
            Enumerable.Range(0, count).Select(i => new CpuPrefix
            {
                Prefix = $"{1 + (i >> 16)}.{(i >> 8) & 255}.{i & 255}.0/24",
                Cpu = (uint)i % 4,
            }),
        },
    };

    /// <summary>An endpoint of sockets.</summary>
    public static V1.Endpoint Sockets(params string[] names) => new() { XskSockets = { names } };

    /// <summary>An endpoint of a vhost-user device.</summary>
    public static V1.Endpoint Device(string name) => new() { VhostDevice = name };

    /// <summary>The detail of a type that an error carries.</summary>
    public static T Detail<T>(this RpcException error)
        where T : IMessage<T>, new()
    {
        Metadata.Entry entry = error.Trailers.Get(ErrorMap.DetailsTrailer)
            ?? throw new InvalidOperationException($"the error has no details: {error.Status}");
        var status = Google.Rpc.Status.Parser.ParseFrom(entry.ValueBytes);
        return status.Details.Single(detail => detail.Is(new T().Descriptor)).Unpack<T>();
    }

    /// <summary>The reason that an error carries; field 1 of ErrorInfo, here by its first name.</summary>
    public static string Reason(this RpcException error) => error.Detail<Google.Rpc.ErrorInfo>().Type;
}
