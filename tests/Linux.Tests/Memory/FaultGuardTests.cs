using Nf.Linux.Tests.Support;

namespace Nf.Linux.Tests.Memory;

public sealed unsafe class FaultGuardTests : IDisposable
{
    private const int Pages = 5000;
    private static readonly int Page = Environment.SystemPageSize;
    private readonly FileDescriptor _file = MemFile.Create("guarded", (long)Pages * Page, default);
    private readonly MappedMemory _memory;
    private readonly FaultGuard _guard;

    public FaultGuardTests()
    {
        _memory = MappedMemory.Map(_file, 0, (long)Pages * Page, MapAccess.ReadWrite);
        _guard = FaultGuard.Register(_memory, Page);
    }

    public void Dispose()
    {
        _guard.Dispose();
        _memory.Dispose();
        _file.Dispose();
    }

    [Fact]
    public void Touch_FileHasIt_IsNotLost()
    {
        ulong faults = FaultGuard.Faults;
        _memory.Address[((long)Pages * Page) - 1] = 7;
        Assert.False(_guard.IsLost);
        Assert.Equal(faults, FaultGuard.Faults);
    }

    [Fact]
    public void Touch_FileShrank_FreshMemoryFromThereToTheEnd()
    {
        for (int i = 0; i < Pages; i++)
        {
            _memory.Address[(long)i * Page] = 1;
        }

        _file.Truncate(10L * Page);
        ulong faults = FaultGuard.Faults;
        Assert.Equal(0, _memory.Address[20L * Page]);
        Assert.True(_guard.IsLost);
        _memory.Address[20L * Page] = 2;
        Assert.Equal(2, _memory.Address[20L * Page]);
        Assert.Equal(0, _memory.Address[(Pages - 1L) * Page]);
        Assert.Equal(1, _memory.Address[9L * Page]);
        Assert.Equal(faults + 1, FaultGuard.Faults);
        Assert.Equal(0, _memory.Address[10L * Page]);
        Assert.Equal(faults + 2, FaultGuard.Faults);
    }

    [Fact]
    public void Touch_ThousandsOfFaults_NeitherDieNorFillTheMap()
    {
        _file.Truncate(0);
        ulong faults = FaultGuard.Faults;
        int mappings = Mappings();
        for (int i = Pages - 1; i >= 0; i--)
        {
            _memory.Address[(long)i * Page] = (byte)i;
        }

        Assert.Equal(faults + Pages, FaultGuard.Faults);
        Assert.InRange(Mappings(), 0, mappings + 10);
    }

    [Fact]
    public void Touch_ManyThreadsWhileTheFileShrinksAndTheCollectorRuns_AllGoOn()
    {
        const int Threads = 4;
        const int Rounds = 300;
        using var stop = new CancellationTokenSource();
        using var begun = new CountdownEvent(Threads);
        var collector = new Thread(() =>
        {
            while (!stop.IsCancellationRequested)
            {
                GC.KeepAlive(new byte[1000]);
                GC.Collect();
            }
        });
        int shrunk = 0;
        long references = 0;
        Thread[] workers = [.. Enumerable.Range(0, Threads).Select(number => new Thread(() =>
        {
            var random = new Random(number);
            int after = 0;
            for (int round = 0; after < Rounds; round++)
            {
                if (round == 10)
                {
                    begun.Signal();
                }

                Walk(random, ref references);
                after += Volatile.Read(ref shrunk);
            }
        }))];
        collector.Start();
        Array.ForEach(workers, worker => worker.Start());
        begun.Wait();
        for (long pages = Pages; pages > 0; pages -= 50)
        {
            _file.Truncate(pages * Page);
        }

        Volatile.Write(ref shrunk, 1);
        Array.ForEach(workers, worker => worker.Join());
        stop.Cancel();
        collector.Join();
        Assert.True(_guard.IsLost);
        Assert.True(references > 0, "no null reference was caught meanwhile");
    }

    [Fact]
    public void NullReference_AfterFaults_IsStillAnException()
    {
        _file.Truncate(0);
        _memory.Address[0] = 1;
        string? nothing = Nothing();
        for (int i = 0; i < 100; i++)
        {
            Assert.Throws<NullReferenceException>(() => nothing!.Length);
        }
    }

    [Fact]
    public void Fault_InOneOfSeveralMappings_OnlyThatIsLost()
    {
        FileDescriptor[] files = [.. Enumerable.Range(0, 5).Select(_ => MemFile.Create("several", 4L * Page, default))];
        MappedMemory[] memories =
            [.. files.Select(file => MappedMemory.Map(file, 0, 4L * Page, MapAccess.ReadWrite))];
        FaultGuard[] guards = [.. memories.Select(memory => FaultGuard.Register(memory, Page))];
        files[3].Truncate(2L * Page);
        Array.ForEach(memories, memory => memory.Address[3L * Page] = 1);
        Assert.Equal([false, false, false, true, false], guards.Select(guard => guard.IsLost));
        Assert.False(_guard.IsLost);
        Array.ForEach(guards, guard => guard.Dispose());
        Assert.True(guards[3].IsLost);
        using (FaultGuard again = FaultGuard.Register(memories[3], Page))
        {
            Assert.False(again.IsLost);
        }

        Array.ForEach(memories, memory => memory.Dispose());
        Array.ForEach(files, file => file.Dispose());
    }

    [KernelFact]
    public void Touch_HugePages_WholePagesAreReplaced()
    {
        const long Huge = 2 << 20;
        using var pages = new HugePages(3);
        using FileDescriptor file = MemFile.Create("huge", 3 * Huge, new MemFileOptions(HugePageSize.Size2MiB));
        using MappedMemory memory = MappedMemory.Map(file, 0, 3 * Huge, MapAccess.ReadWrite);
        Assert.Equal(Huge, file.MappingPageBytes);
        using FaultGuard guard = FaultGuard.Register(memory, file.MappingPageBytes);
        for (long i = 0; i < 3; i++)
        {
            memory.Address[i * Huge] = 1;
        }

        file.Truncate(Huge);
        Assert.Equal(0, memory.Address[Huge + 5000]);
        memory.Address[(3 * Huge) - 1] = 3;
        Assert.Equal(1, memory.Address[0]);
        Assert.Equal(3, memory.Address[(3 * Huge) - 1]);
        Assert.True(guard.IsLost);
    }

    [Fact]
    public void Register_TableFull_IsRefusedAndFreeAgain()
    {
        var guards = new List<FaultGuard>();
        try
        {
            LinuxException refusal = Assert.Throws<LinuxException>(() =>
            {
                for (int i = 0; i < 10000; i++)
                {
                    guards.Add(FaultGuard.Register(_memory, Page));
                }
            });
            Assert.Equal(Errno.ENOSPC, refusal.Errno);
            Assert.InRange(guards.Count, 8000, 8192);
        }
        finally
        {
            guards.ForEach(guard => guard.Dispose());
        }

        FaultGuard.Register(_memory, Page).Dispose();
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1024)]
    [InlineData(12288)]
    public void Register_BadPageSize_IsRefused(long pageSizeBytes) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => FaultGuard.Register(_memory, pageSizeBytes));

    [Fact]
    public void Child_FaultInside_Survives()
    {
        (int exitCode, string output) = FaultChild.Start("inside");
        Assert.Equal("survived", output);
        Assert.Equal(0, exitCode);
    }

    [Theory]
    [InlineData("outside")]
    [InlineData("read outside")]
    [InlineData("unregistered")]
    [InlineData("sent")]
    public void Child_FaultElsewhere_Dies(string kind)
    {
        (int exitCode, string output) = FaultChild.Start(kind);
        Assert.DoesNotContain("survived", output, StringComparison.Ordinal);
        Assert.InRange(exitCode, 128 + 1, 128 + 64);
    }

    private static string? Nothing() => null;

    private static int Mappings() => File.ReadLines("/proc/self/maps").Count();

    // Reads and writes all over the memory, and runs into a null reference now and then.
    private void Walk(Random random, ref long references)
    {
        string? nothing = Nothing();
        for (int i = 0; i < 100; i++)
        {
            long offset = random.NextInt64((long)Pages * Page);
            _memory.Address[offset] ^= 1;
            Volatile.Read(ref _memory.Address[random.NextInt64((long)Pages * Page)]);
        }

        try
        {
            GC.KeepAlive(new byte[nothing!.Length]);
        }
        catch (NullReferenceException)
        {
            Interlocked.Increment(ref references);
        }
    }
}
