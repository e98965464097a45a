using Google.Protobuf;
using Nf.V1;

namespace Nf.Service;

/// <summary>A vhost-user device as it was asked for.</summary>
internal sealed class DesiredVhostDevice : DesiredResource
{
    private readonly VhostDeviceSpec _spec;

    private DesiredVhostDevice(ResourceName name, VhostDeviceSpec spec, IReadOnlyDictionary<string, string> labels)
        : base(VhostDeviceType, name, labels) => _spec = spec;

    /// <summary>The path of its socket.</summary>
    public string SocketPath => _spec.SocketPath;

    protected override IMessage SpecMessage => _spec;

    /// <exception cref="InvalidSpecException">Names every fault of the request.</exception>
    public static DesiredVhostDevice From(CreateVhostDeviceRequest request)
    {
        var faults = new SpecFaults();
        ResourceName name = ResourceName.Check(faults, "name", request.Name);
        LabelRules.Check(faults, request.Labels);
        VhostDeviceSpec spec = Normalise(request.Spec ?? new VhostDeviceSpec());
        VhostDeviceRules.Check(faults, spec);
        faults.ThrowIfAny();
        return new DesiredVhostDevice(name, spec, Copy(request.Labels));
    }

    /// <summary>A device that runs already: the data plane vouches for its spec.</summary>
    public static DesiredVhostDevice Learn(VhostDevice running) => new(
        ResourceName.Parse(running.Name), Normalise(running.Spec ?? new VhostDeviceSpec()), Copy(running.Labels));

    /// <summary>The resource for an answer or a command.</summary>
    public VhostDevice ToProto(VhostDeviceStatus? status = null)
    {
        var device = new VhostDevice { Name = Name.Value, Spec = _spec.Clone(), Status = status };
        device.Labels.Add(new Dictionary<string, string>(Labels));
        return device;
    }

    private static VhostDeviceSpec Normalise(VhostDeviceSpec asked)
    {
        VhostDeviceSpec spec = asked.Clone();
        spec.Role = spec.Role == VhostRole.Unspecified ? VhostRole.Server : spec.Role;
        spec.QueuePairs = spec.QueuePairs == 0 ? 1 : spec.QueuePairs;
        spec.QueueSizeMax = spec.QueueSizeMax == 0 ? VhostDeviceRules.QueueSizeDefault : spec.QueueSizeMax;
        spec.Mac = spec.Mac.ToLowerInvariant();
        if (spec.Role == VhostRole.Server && spec.SocketMode == 0)
        {
            spec.SocketMode = VhostDeviceRules.SocketModeDefault;
        }

        spec.Features = Normalise(spec.Features ?? new VhostFeatures());
        return spec;
    }

    // Offered unless said otherwise; what a feature needs decides where nothing is said.
    private static VhostFeatures Normalise(VhostFeatures asked)
    {
        bool checksum = !asked.HasChecksum || asked.Checksum;
        return new VhostFeatures
        {
            Mergeable = !asked.HasMergeable || asked.Mergeable,
            Packed = !asked.HasPacked || asked.Packed,
            Indirect = !asked.HasIndirect || asked.Indirect,
            EventIndex = !asked.HasEventIndex || asked.EventIndex,
            InOrder = !asked.HasInOrder || asked.InOrder,
            Checksum = checksum,
            Segmentation = asked.HasSegmentation ? asked.Segmentation : checksum,
            DirtyLog = !asked.HasDirtyLog || asked.DirtyLog,
        };
    }
}
