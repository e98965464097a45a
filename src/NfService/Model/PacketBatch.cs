using Google.Protobuf;
using Google.Protobuf.Collections;
using Nf.V1;

namespace Nf.Service;

/// <summary>Packets to be tried on a steering.</summary>
/// <param name="Name">The steering.</param>
/// <param name="Packets">The packets, from the Ethernet header on.</param>
/// <param name="Queue">The queue they would arrive on.</param>
internal sealed record PacketBatch(ResourceName Name, RepeatedField<ByteString> Packets, uint Queue)
{
    private const int PacketCountMax = 1000; // as the contract has it; arbitrary
    private const int PacketBytesMin = 14; // an Ethernet header: BPF_PROG_RUN takes no less
    private const int PacketBytesMax = 3500; // what BPF_PROG_RUN takes in one page, less headroom and skb_shared_info
    private const uint QueueMax = ushort.MaxValue; // more than any device has

    /// <exception cref="InvalidSpecException">Names every fault of the request.</exception>
    public static PacketBatch From(TestSteeringRequest request)
    {
        var faults = new SpecFaults();
        ResourceName name = ResourceName.Check(faults, "name", request.Name);
        int count = request.Packets.Count;
        faults.Require(
            count is >= 1 and <= PacketCountMax, "packets", $"{count} packets, 1 to {PacketCountMax} are allowed");
        for (int i = 0; i < Math.Min(count, PacketCountMax); i++)
        {
            int bytes = request.Packets[i].Length;
            faults.Require(
                bytes is >= PacketBytesMin and <= PacketBytesMax,
                $"packets[{i}]",
                $"has {bytes} bytes, {PacketBytesMin} to {PacketBytesMax} are allowed");
        }

        faults.Require(request.Queue <= QueueMax, "queue", $"{request.Queue} is above {QueueMax}");
        faults.ThrowIfAny();
        return new PacketBatch(name, request.Packets, request.Queue);
    }
}
