using Google.Protobuf;
using Nf.V1;

namespace Nf.Service;

/// <summary>A socket as it was asked for.</summary>
internal sealed class DesiredXskSocket : DesiredResource
{
    private readonly XskSocketSpec _spec;

    private DesiredXskSocket(ResourceName name, XskSocketSpec spec, IReadOnlyDictionary<string, string> labels)
        : base(XskSocketType, name, labels) => _spec = spec;

    /// <summary>The name of its UMEM.</summary>
    public string Umem => _spec.Umem;

    protected override IMessage SpecMessage => _spec;

    /// <exception cref="InvalidSpecException">Names every fault of the request.</exception>
    public static DesiredXskSocket From(BindXskSocketRequest request)
    {
        var faults = new SpecFaults();
        ResourceName name = ResourceName.Check(faults, "name", request.Name);
        LabelRules.Check(faults, request.Labels);
        XskSocketSpec spec = Normalise(request.Spec ?? new XskSocketSpec());
        XskSocketRules.Check(faults, spec);
        faults.ThrowIfAny();
        return new DesiredXskSocket(name, spec, Copy(request.Labels));
    }

    /// <summary>A socket that is bound already: the data plane vouches for its spec.</summary>
    public static DesiredXskSocket Learn(XskSocket running) => new(
        ResourceName.Parse(running.Name), Normalise(running.Spec ?? new XskSocketSpec()), Copy(running.Labels));

    /// <summary>The resource for an answer or a command.</summary>
    public XskSocket ToProto(XskSocketStatus? status = null)
    {
        var socket = new XskSocket { Name = Name.Value, Spec = _spec.Clone(), Status = status };
        socket.Labels.Add(new Dictionary<string, string>(Labels));
        return socket;
    }

    private static XskSocketSpec Normalise(XskSocketSpec asked)
    {
        XskSocketSpec spec = asked.Clone();
        spec.Mode = spec.Mode == XskMode.Unspecified ? XskMode.Auto : spec.Mode;
        spec.XdpMode = spec.XdpMode == XdpMode.Unspecified ? XdpMode.Auto : spec.XdpMode;
        spec.Owner = spec.Owner == XskOwner.Unspecified ? XskOwner.DataPlane : spec.Owner;
        RingSizes rings = spec.Rings ??= new RingSizes();
        rings.Rx = rings.Rx == 0 ? XskSocketRules.RingDefault : rings.Rx;
        rings.Tx = rings.Tx == 0 ? XskSocketRules.RingDefault : rings.Tx;
        rings.Fill = rings.Fill == 0 ? XskSocketRules.FillRingDefault : rings.Fill;
        rings.Completion = rings.Completion == 0 ? Math.Max(XskSocketRules.RingDefault, rings.Tx) : rings.Completion;
        if (spec.BusyPoll is { Budget: 0 } busyPoll)
        {
            busyPoll.Budget = XskSocketRules.BusyPollBudgetDefault;
        }

        return spec;
    }
}
