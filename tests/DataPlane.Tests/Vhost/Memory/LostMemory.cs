using Nf.DataPlane.Tests.Vhost.Rings;
using Nf.DataPlane.Vhost.Rings;

namespace Nf.DataPlane.Tests.Vhost.Memory;

/// <summary>Rings whose memory is about to go.</summary>
internal static class LostMemory
{
    internal const ulong Megabyte = 1 << 20;

    /// <summary>A ring in the first region, and a hundred frames in the second.</summary>
    internal static RingLab Offering(ulong features)
    {
        var lab = new RingLab(features, 256, Megabyte, Megabyte);
        TakeRest(lab);
        for (int i = 0; i < 100; i++)
        {
            byte[] frame = RingLab.Frame(i, 1000);
            ulong at = lab.Ram.Take(2048);
            lab.Ram.Write(at + 12, frame);
            lab.Driver.Add([new Piece(at, 1012)]);
        }

        lab.Driver.Publish();
        return lab;
    }

    /// <summary>What is taken next lies in the second region.</summary>
    internal static void TakeRest(RingLab lab)
    {
        ulong next = lab.Ram.Take(1);
        lab.Ram.Take(GuestRam.Start + Megabyte - next - 1, 1);
    }

    /// <summary>One look of a worker at the ring.</summary>
    internal static void Step(RingLab lab)
    {
        lab.Dequeue(8);
        for (uint i = 0; i < lab.Batch.Count; i++)
        {
            lab.Bytes(i);
        }

        lab.Ring.Complete();
        lab.Ring.Notify();
        lab.Ring.EnableKicks();
        lab.Ring.DisableKicks();
    }

    /// <summary>Looks until the ring is given up.</summary>
    internal static void RunUntilGivenUp(RingLab lab)
    {
        for (int i = 0; i < 100 && lab.Ring.Fault == RingFault.None; i++)
        {
            Step(lab);
        }
    }
}
