using System.Runtime.CompilerServices;

namespace Nf.SharedMemory.Broker;

/// <summary>What a request must look like; nothing about its form is decided anywhere else.</summary>
/// <param name="Type">The type.</param>
/// <param name="BodyBytes">Bytes behind the header, exactly.</param>
/// <param name="DescriptorsMax">Most descriptors beside it.</param>
internal readonly record struct BrokerRule(BrokerMessageType Type, int BodyBytes, int DescriptorsMax)
{
    /// <summary>The rule of a request; null when there is no such request.</summary>
    internal static BrokerRule? For(BrokerMessageType type) => type switch
    {
        BrokerMessageType.Hello => new(type, Unsafe.SizeOf<HelloRequest>(), 0),
        BrokerMessageType.Lease => new(type, Unsafe.SizeOf<LeaseRequest>(), 1),
        BrokerMessageType.Registered or BrokerMessageType.Release => new(type, Unsafe.SizeOf<LeaseReference>(), 0),
        BrokerMessageType.TakeUp => new(type, Unsafe.SizeOf<TakeUpRequest>(), 0),
        BrokerMessageType.Ping => new(type, 0, 0),
        BrokerMessageType.MemoryCreate =>
            new(type, Unsafe.SizeOf<MemoryCreateRequest>(), BrokerProtocol.DescriptorCountMax),
        BrokerMessageType.MemoryAcquire or BrokerMessageType.MemoryRelease or BrokerMessageType.MemoryClose
            or BrokerMessageType.MemoryExport or BrokerMessageType.MemoryStatus =>
            new(type, Unsafe.SizeOf<MemoryReference>(), 0),
        _ => null,
    };
}
