using Nf.DataPlane.Control;
using Nf.Linux;

namespace Nf.DataPlane.Tests.Control.Vhost;

public sealed class VhostStoredPartsTests : IDisposable
{
    private readonly List<FileDescriptor> _descriptors =
        [.. Enumerable.Range(0, 8).Select(_ => EventFd.Create().Descriptor)];

    private readonly Dictionary<ulong, FileDescriptor[]> _stored = [];
    private readonly VhostStoredParts _parts = new();

    public void Dispose() => _descriptors.ForEach(descriptor => descriptor.Dispose());

    [Fact]
    public void Update_MoreThanOnePartHolds_SpreadsInOrder()
    {
        Put(_descriptors[..7]);

        Assert.Equal([3, 3, 1], _parts.Numbers.Select(number => _stored[number].Length));
        Assert.Equal(_descriptors[..7], _parts.Numbers.SelectMany(number => _stored[number]));
    }

    [Fact]
    public void Update_OnlyTheLastPartChanged_KeepsTheOthers()
    {
        Put(_descriptors[..7]);
        ulong[] before = [.. _parts.Numbers];

        IReadOnlyList<ulong> unused = Put([.. _descriptors[..6], _descriptors[7]]);

        Assert.Equal(before[..2], _parts.Numbers.Take(2));
        Assert.Equal([before[2]], unused);
        Assert.NotEqual(before[2], _parts.Numbers.Last());
    }

    [Fact]
    public void Update_NothingLeft_GivesEverythingBack()
    {
        Put(_descriptors);
        ulong[] before = [.. _parts.Numbers];

        Assert.Equal(before, Put([]));
        Assert.Empty(_parts.Numbers);
    }

    [Fact]
    public void Update_AfterAnEarlierLife_ReplacesItsPartsByNewNumbers()
    {
        _parts.Continue([4, 9]);

        IReadOnlyList<ulong> unused = Put(_descriptors[..4]);

        Assert.Equal([4ul, 9ul], unused);
        Assert.All(_parts.Numbers, number => Assert.True(number > 9));
    }

    private IReadOnlyList<ulong> Put(List<FileDescriptor> descriptors) =>
        _parts.Update(descriptors, 3, (number, part) => _stored.Add(number, part));
}
