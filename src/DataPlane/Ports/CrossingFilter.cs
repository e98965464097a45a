using System.Runtime.InteropServices;
using Nf.DataPlane.Cpumaps;
using Nf.DataPlane.Frames;
using Nf.SharedMemory.Segments;

namespace Nf.DataPlane.Ports;

/// <summary>The program of a cpumap's entry: what happens to each frame on the entry's CPU.</summary>
internal sealed unsafe class CrossingFilter : FrameFilter, IDisposable
{
    /// <summary>Most bytes that a program sees of a frame that lies in several stretches: more than the longest has.
    /// Such a frame is copied together first.</summary>
    private const uint ScratchBytes = 128 * 1024;

    private readonly FilterProgram _program;
    private readonly FilterAction[] _actions;
    private readonly Port?[] _targets;
    private readonly byte[] _passing = new byte[FrameBatch.CountMax];
    private readonly byte[] _redirected; // CountMax for each step
    private readonly int[] _redirectedCount;
    private byte* _scratch;

    /// <param name="program">Which step a frame takes; what takes none passes.</param>
    /// <param name="actions">What each step does.</param>
    /// <param name="targets">Where each step that redirects sends, on the entry's worker; null elsewhere.</param>
    internal CrossingFilter(FilterProgram program, IReadOnlyList<FilterAction> actions, IReadOnlyList<Port?> targets)
    {
        _program = program;
        _actions = [.. actions];
        _targets = [.. targets];
        _redirected = new byte[actions.Count * (int)FrameBatch.CountMax];
        _redirectedCount = new int[actions.Count];

        // SAFETY: freed by Dispose only, after the last use.
        _scratch = (byte*)NativeMemory.AlignedAlloc(ScratchBytes, 64);
    }

    /// <summary>Frames passed.</summary>
    internal ulong Passed { get; private set; }

    /// <summary>Frames dropped.</summary>
    internal ulong Dropped { get; private set; }

    /// <summary>Frames redirected.</summary>
    internal ulong Redirected { get; private set; }

    /// <inheritdoc/>
    internal override FrameSelection Apply(Port from, FrameBatch batch, ref Burst burst)
    {
        int passing = 0;
        int redirected = 0;
        for (uint i = 0; i < batch.Count; i++)
        {
            int step = StepOf(batch, i);
            switch (step < 0 ? FilterAction.Pass : _actions[step])
            {
                case FilterAction.Drop:
                    ((CrossingOut)from).DropByFilter((byte)i);
                    burst.Drop(DropReason.CpumapProgram);
                    Dropped++;
                    break;
                case FilterAction.Redirect:
                    _redirected[(step * (int)FrameBatch.CountMax) + _redirectedCount[step]++] = (byte)i;
                    redirected++;
                    break;
                default:
                    _passing[passing++] = (byte)i;
                    break;
            }
        }

        Passed += (uint)passing;
        if (redirected != 0)
        {
            Redirected += (uint)redirected;
            Redirect(batch, ref burst);
        }

        return new FrameSelection(batch, _passing.AsSpan(0, passing));
    }

    public void Dispose()
    {
        // SAFETY: allocated by the constructor; null after the first call, which frees nothing.
        NativeMemory.AlignedFree(_scratch);
        _scratch = null;
    }

    private int StepOf(FrameBatch batch, uint index)
    {
        // SAFETY: the index is below the number of frames, whose stretches are where they say; a program reads no
        // further than it is told.
        Frame* frame = &batch.Frames[index];
        if (frame->MoreCount == 0)
        {
            return _program(frame->First.Data, frame->Length);
        }

        uint length = Math.Min(frame->Length, ScratchBytes);
        new FrameReader(batch, *frame).Read(_scratch, length);
        return _program(_scratch, length);
    }

    private void Redirect(FrameBatch batch, ref Burst burst)
    {
        for (int step = 0; step < _actions.Length; step++)
        {
            int count = _redirectedCount[step];
            if (count == 0)
            {
                continue;
            }

            _redirectedCount[step] = 0;
            if (_targets[step]?.Sink is { IsUp: true, Tools: not null } sink)
            {
                sink.Send(
                    new FrameSelection(batch, _redirected.AsSpan(step * (int)FrameBatch.CountMax, count)), ref burst);
                continue;
            }

            for (int i = 0; i < count; i++)
            {
                burst.Drop(DropReason.PeerDown);
            }
        }
    }
}
