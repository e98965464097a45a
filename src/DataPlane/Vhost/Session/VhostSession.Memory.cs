using Nf.DataPlane.Vhost.Memory;
using Nf.DataPlane.Vhost.Protocol;
using Nf.Linux;

namespace Nf.DataPlane.Vhost.Session;

// The guest's memory, the log of what is written there, and the region of descriptors in hand.
internal sealed partial class VhostSession
{
    /// <summary>Most memory regions; bounded by the descriptors that one message to the keeper carries.</summary>
    internal const int MemorySlots = 64;

    internal void GetSlots(in Request request) => Answer(request, (ulong)MemorySlots);

    internal void SetMemoryTable(in Request request)
    {
        GuestRegionLayout[] layouts = PayloadParser.ParseMemoryTable(request.Payload);
        if (IsCurrentTable(layouts, request.Descriptors))
        {
            return; // QEMU sends it again with every start
        }

        var regions = new (GuestRegionLayout, FileDescriptor)[layouts.Length];
        for (int i = 0; i < regions.Length; i++)
        {
            regions[i] = (layouts[i], request.Descriptors.Peek(i));
        }

        ReplaceMemory(_memory.Replace(regions));
    }

    internal void AddRegion(in Request request)
    {
        if (_memory.Regions.Count >= MemorySlots)
        {
            throw Refused.Memory(request.Kind, $"region {MemorySlots + 1}, there are {MemorySlots} slots");
        }

        GuestRegionLayout layout = PayloadParser.ParseSingleRegion(request.Payload);
        ReplaceMemory(_memory.With(layout, request.Descriptors.Peek(0)));
    }

    internal void RemoveRegion(in Request request) =>
        ReplaceMemory(_memory.Without(PayloadParser.ParseSingleRegion(request.Payload)));

    internal void SetLogBase(in Request request)
    {
        SharedFilePayload shared = PayloadParser.ParseSharedFile(request.Payload);
        DirtyLog log = DirtyLog.Map(request.Descriptors.Peek(0), shared.SizeBytes, shared.Offset);
        DirtyLog? old = _log;
        _log = log;
        _changed = true;

        // Nothing is written into the old log once the answer has left: the front-end reads it then for the last time.
        RefreshStartedRings();
        old?.Dispose();
        Answer(request, shared);
    }

    internal void SetLogCall(in Request request)
    {
        EventFd call = request.Descriptors.TakeEventFd(request.Kind);
        _logCall?.Dispose();
        _logCall = call;
        _changed = true;
    }

    internal void GetInflight(in Request request)
    {
        InflightPayload asked = PayloadParser.ParseInflight(request.Payload);
        CheckInflight(request.Kind, asked);
        var region = InflightRegion.Create(asked.Queues, asked.QueueSize, IsPacked);
        ReplaceInflight(region);
        Answer(
            request, asked with { SizeBytes = region.SizeBytes, Offset = region.Offset, Padding = 0 }, region.File);
    }

    internal void SetInflight(in Request request)
    {
        InflightPayload given = PayloadParser.ParseInflight(request.Payload);
        CheckInflight(request.Kind, given);
        ReplaceInflight(InflightRegion.Map(
            request.Descriptors.Peek(0), given.SizeBytes, given.Offset, given.Queues, given.QueueSize, IsPacked));
    }

    private void CheckInflight(VhostRequest request, in InflightPayload payload)
    {
        if (payload.Queues == 0 || payload.Queues > _rings.Length)
        {
            throw Refused.Value(request, $"num_queues {payload.Queues}, must be 1 to {_rings.Length}");
        }

        if (payload.QueueSize == 0 || payload.QueueSize > _host.QueueSizeMax)
        {
            throw Refused.Value(request, $"queue_size {payload.QueueSize}, must be 1 to {_host.QueueSizeMax}");
        }

        if (AnyRingStarted)
        {
            throw Refused.State(request, "a ring runs, must come before");
        }
    }

    private void ReplaceInflight(InflightRegion region)
    {
        _inflight?.Dispose();
        _inflight = region;
        _changed = true;
    }

    private void ReplaceMemory(GuestMemory memory)
    {
        GuestMemory old = _memory;
        _memory = memory;
        _changed = true;
        _memoryLossNoticed = false;

        // Every worker has let go of the old table before it goes.
        RefreshStartedRings();
        old.Dispose();
        StartReadyRings();
    }

    private bool IsCurrentTable(GuestRegionLayout[] layouts, DescriptorSet files)
    {
        if (_memory.IsLost || _memory.Regions.Count != layouts.Length)
        {
            return false;
        }

        for (int i = 0; i < layouts.Length; i++)
        {
            int at = IndexOf(_memory.Regions, layouts[i]);
            if (at < 0 || !_memory.Files[at].IsSameFile(files.Peek(i)))
            {
                return false;
            }
        }

        return true;
    }

    private static int IndexOf(IReadOnlyList<GuestRegionLayout> regions, in GuestRegionLayout layout)
    {
        for (int i = 0; i < regions.Count; i++)
        {
            if (regions[i] == layout)
            {
                return i;
            }
        }

        return -1;
    }
}
