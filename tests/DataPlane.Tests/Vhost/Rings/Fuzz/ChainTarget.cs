using Nf.DataPlane.Vhost.Memory;
using Nf.DataPlane.Vhost.Rings;
using Nf.Linux;

namespace Nf.DataPlane.Tests.Vhost.Rings.Fuzz;

/// <summary>The walker on the memory of a guest into which inputs are written; compared with the oracle.</summary>
internal sealed unsafe class ChainTarget : IDisposable
{
    private static readonly ulong[] Regions = [ChainInput.First, ChainInput.Second, ChainInput.Third];

    private readonly FileDescriptor _file = MemFile.Create("nf-fuzz", 3 * 4096, default);
    private readonly GuestMemory _memory;
    private readonly GuestMap _map;
    private readonly byte*[] _data = new byte*[3];
    private readonly Dictionary<(ulong Features, uint Size), ChainWalker> _walkers = [];
    private readonly ChainOracle _oracle = new();
    private VringRecord _record;

    internal ChainTarget()
    {
        _memory = GuestMemory.Map([.. Regions.Select((address, i) => (
            new GuestRegionLayout(address, ChainInput.RegionBytes, address, (ulong)i * 4096), _file))]);
        _map = new GuestMap(_memory);
        for (int i = 0; i < 3; i++)
        {
            _data[i] = _memory.Translate(Regions[i], 4096, out _);
        }
    }

    /// <summary>Walks the chain of an input.</summary>
    /// <returns>What it came to, in a few words: inputs that come to something new are kept.</returns>
    /// <exception cref="InvalidOperationException">Walker and rules do not agree.</exception>
    internal string Run(ChainInput input)
    {
        ChainWalker walker = WalkerFor(input.Features, input.Size);
        Write(ChainInput.First, input.Ring);
        Write(ChainInput.EntriesAddress, input.Table);
        ChainVerdict verdict = input.IsPacked
            ? walker.WalkPacked(input.Head, input.Size)
            : walker.WalkSplit(input.Head);
        _oracle.Judge(input);
        Check(verdict == _oracle.Verdict, $"{verdict}, by the rules {_oracle.Verdict} ({_oracle.Why})");
        Check(verdict != ChainVerdict.Broken || walker.Fault == _oracle.Fault, $"{walker.Fault}, not {_oracle.Fault}");
        CheckSpans(walker, verdict == ChainVerdict.Good);
        return $"{input.IsPacked} {verdict} {_oracle.Fault} {_oracle.Why} {Math.Min(_oracle.Tables, 1)} " +
            $"{Scale(walker.SpanCount)} {Scale(walker.ReadableBytes) / 8} {Scale(walker.WritableBytes) / 8}";
    }

    public void Dispose()
    {
        _memory.Dispose();
        _file.Dispose();
    }

    // Whatever the verdict, no stretch may leave the memory; of a good chain they are its buffers, byte for byte.
    private void CheckSpans(ChainWalker walker, bool isGood)
    {
        Check(walker.SpanCount <= ChainWalker.SpanCountMax, "too many stretches");
        Check(walker.ReadableCount <= walker.SpanCount, "more to read than there is");
        uint piece = 0;
        uint done = 0;
        for (uint i = 0; i < walker.SpanCount; i++)
        {
            ChainSpan span = walker.Spans[i];
            int region = Array.FindIndex(Regions, r => span.GuestAddress - r < ChainInput.RegionBytes);
            Check(region >= 0, "outside memory");
            ulong offset = span.GuestAddress - Regions[region];
            Check(span.Length > 0 && span.Length <= ChainInput.RegionBytes - offset, "over the end of a region");
            Check(span.Data == _data[region] + offset, "not where the guest said");
            if (!isGood)
            {
                continue;
            }

            Check(piece < (uint)_oracle.Pieces.Count, "more than the guest named");
            (ulong address, uint length, bool writable) = _oracle.Pieces[(int)piece];
            Check(span.GuestAddress == address + done && span.Length <= length - done, "another part of a buffer");
            Check(writable == (i >= walker.ReadableCount), "another direction");
            done += span.Length;
            piece += done == length ? 1u : 0;
            done = done == length ? 0 : done;
        }

        Check(!isGood || piece == (uint)_oracle.Pieces.Count, "less than the guest named");
        Check(!isGood || walker.Descriptors == _oracle.Descriptors, "another number of descriptors");
    }

    private ChainWalker WalkerFor(ulong features, uint size)
    {
        if (!_walkers.TryGetValue((features, size), out ChainWalker? walker))
        {
            fixed (VringRecord* record = &_record)
            {
                walker = new ChainWalker(
                    new VirtqueueSetup
                    {
                        Index = 1,
                        Size = size,
                        Features = features,
                        Descriptors = _data[0],
                        Available = _data[0],
                        Used = _data[0],
                        Base = 0,
                        Memory = _memory,
                        Record = record,
                    },
                    _map);
            }

            _walkers.Add((features, size), walker);
        }

        return walker;
    }

    private void Write(ulong address, ReadOnlySpan<byte> bytes)
    {
        int toEnd = (int)Math.Min((ulong)bytes.Length, ChainInput.Second - address);
        bytes[..toEnd].CopyTo(new Span<byte>(_data[0] + (address - ChainInput.First), toEnd));
        bytes[toEnd..].CopyTo(new Span<byte>(_data[1], bytes.Length - toEnd));
    }

    private static void Check(bool isSo, string what)
    {
        if (!isSo)
        {
            throw new InvalidOperationException(what);
        }
    }

    private static int Scale(ulong value) => 64 - System.Numerics.BitOperations.LeadingZeroCount(value);
}
