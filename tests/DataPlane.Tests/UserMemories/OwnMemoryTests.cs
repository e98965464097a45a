using Nf.DataPlane.UserMemories;
using Nf.Linux;

namespace Nf.DataPlane.Tests.UserMemories;

/// <summary>Memory of this very process, which needs nobody else to be fetched (rows 19, 20).</summary>
[Collection(MemoryRig.Collection)]
[Trait("Tier", "kernel")]
public sealed class OwnMemoryTests
{
    private const int Pages = 16;
    private const int Bytes = Pages * 4096;

    [Fact]
    public void Acquire_OwnMemoryAllPresent_IsHeldAtOnce()
    {
        using var rig = new MemoryRig();
        using var own = new Own(rig);
        own.Memory.AsSpan(0, Bytes).Fill(8);
        UserMemory made = own.Create();
        Assert.True(made.Acquire().IsActive);
        Assert.Equal((1, 1), (made.References, made.Client.ActiveCount));
        Assert.Equal([UserMemoryState.Active], rig.States);

        // And taken away like any other: by another thread, since this one is the control thread.
        var user = new FakeUser();
        made.AddUser(user);
        var unmap = new Thread(own.Memory.Dispose);
        unmap.Start();
        rig.Pump(() => !unmap.IsAlive, "munmap to return");
        Assert.Equal((1, UserMemoryState.Invalidated), (user.Stops, made.State));
    }

    [Fact]
    public void Acquire_OwnMemoryPartlyPresent_NothingIsHeldUntilThePoolFetchedIt()
    {
        using var rig = new MemoryRig();
        using var own = new Own(rig);
        own.Memory.AsSpan(0, Bytes - 4096).Fill(8);
        UserMemory made = own.Create();
        int before = MemoryRig.Mappings;
        Assert.True(made.Acquire().IsAgain);
        Assert.Equal(UserMemoryState.Acquiring, made.State);
        Assert.True(rig.Acquire(made).IsActive);
        Assert.Equal(before + 1, MemoryRig.Mappings);
    }

    [Fact]
    public void Acquire_OwnMemoryTooLargeForTheSpot_IsLeftToThePool()
    {
        using var rig = new MemoryRig(new UserMemoryLimits { AtOnceBytesMax = Bytes - 1 });
        using var own = new Own(rig);
        own.Memory.AsSpan(0, Bytes).Fill(8);
        Assert.True(own.Create().Acquire().IsAgain);
    }

    // This process as its own client.
    private sealed class Own : IDisposable
    {
        private readonly FileDescriptor _file = MemFile.Create("nf-client-own", Bytes, new MemFileOptions());
        private readonly PidFd _process = PidFd.Open(Environment.ProcessId);
        private readonly Userfaultfd _watcher = Userfaultfd.Create(
            UserfaultFeatures.Invalidations | UserfaultFeatures.WriteProtectShmem
            | UserfaultFeatures.WriteProtectUnpopulated | UserfaultFeatures.WriteProtectAsync);

        private readonly UserMemoryTable _table;

        internal unsafe Own(MemoryRig rig)
        {
            MemFile.AddSeals(_file, MemFileSeals.Shrink | MemFileSeals.Grow);
            Memory = MappedMemory.Map(_file, 0, Bytes, MapAccess.ReadWrite);

            // SAFETY: only the address is used.
            Address = (ulong)Memory.Address;
            _watcher.Register(Address, Bytes, UserfaultMode.WriteProtect);
            _table = new UserMemoryTable(
                rig.Registry, new UserMemoryPeer(Environment.ProcessId, IsPrivileged: true, _process));
        }

        internal MappedMemory Memory { get; }

        private ulong Address { get; }

        internal UserMemory Create() => _table.Find(_table.Create(
            new UserMemoryRequest(Address, Bytes, UserMemoryFlags.None),
            new UserMemoryDescriptors
            {
                File = _file.Duplicate(),
                Userfault = _watcher.Descriptor.Duplicate(),
            }));

        public void Dispose()
        {
            _watcher.Unregister(Address, Bytes);
            _table.Dispose();
            Memory.Dispose();
            _watcher.Dispose();
            _process.Dispose();
            _file.Dispose();
        }
    }
}
