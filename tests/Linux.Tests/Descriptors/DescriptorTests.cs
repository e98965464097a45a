using Nf.Linux.Tests.Support;

namespace Nf.Linux.Tests.Descriptors;

public class DescriptorTests
{
    [Fact]
    public void Open_Missing_NamesCallAndPath()
    {
        var error = Assert.Throws<LinuxException>(() => FileDescriptor.OpenReadOnly("/nonexistent/x"));
        Assert.Equal("open(/nonexistent/x): ENOENT (No such file or directory)", error.Message);
        Assert.Equal(Errno.ENOENT, error.Errno);
    }

    [Fact]
    public void SetOption_Refused_NamesTheOption()
    {
        using EventFd notSocket = EventFd.Create();
        var error = Assert.Throws<LinuxException>(
            () => notSocket.Descriptor.SetOption(Libc.SOL_SOCKET, Libc.SO_SNDBUF, 1));
        Assert.Equal("setsockopt(SO_SNDBUF): ENOTSOCK (Socket operation on non-socket)", error.Message);
    }

    [Fact]
    public void ReadWrite_File_RoundTrips()
    {
        using var directory = new TempDirectory();
        using FileDescriptor file = FileDescriptor.Open(
            directory.File("f"), Libc.O_RDWR | Libc.O_CREAT | Libc.O_EXCL, 0x180);
        Assert.Equal(3, file.Write([1, 2, 3]));
        Assert.Equal(1, file.WriteAt([9], 1));
        byte[] buffer = new byte[8];
        Assert.Equal(3, file.ReadAt(buffer, 0));
        Assert.Equal([1, 9, 3], buffer[..3]);
        Assert.Equal(0, file.Read(buffer));
        Assert.Equal(3, file.Length);
        file.Truncate(100);
        Assert.Equal(100, file.Length);
        Assert.True(file.IsRegularFile);
    }

    [Fact]
    public void Duplicate_SameFile_OutlivesTheFirst()
    {
        FileDescriptor first = MemFile.Create("twice", 4096, default);
        using FileDescriptor second = first.Duplicate();
        Assert.True(first.IsSameFile(second));
        first.Dispose();
        Assert.Equal(4096, second.Length);
        Assert.Equal("/memfd:twice (deleted)", second.Target);
        Assert.Throws<ObjectDisposedException>(() => first.Length);
    }

    [Fact]
    public void AssertNoLeak_DescriptorLeft_NamesIt()
    {
        var left = new List<FileDescriptor>();
        var error = Assert.ThrowsAny<Exception>(
            () => OpenDescriptors.AssertNoLeak(() => left.Add(MemFile.Create("left-behind", 1, default))));
        Assert.Contains("memfd:left-behind", error.Message, StringComparison.Ordinal);
        left.ForEach(file => file.Dispose());
    }

    [Fact]
    public void Epoll_SignalledEventFd_ReportsItsToken()
    {
        using var epoll = new Epoll();
        using EventFd quiet = EventFd.Create();
        using EventFd loud = EventFd.Create();
        epoll.Add(quiet.Descriptor, EpollEvents.In, 1);
        epoll.Add(loud.Descriptor, EpollEvents.In, ulong.MaxValue - 1);
        var events = new EpollEvent[4];
        Assert.Equal(0, epoll.Wait(events, 0));
        Assert.False(loud.TryDrain());

        loud.Signal();
        Assert.Equal(1, epoll.Wait(events, -1));
        Assert.Equal(new EpollEvent(EpollEvents.In, ulong.MaxValue - 1), events[0]);
        epoll.Modify(loud.Descriptor, EpollEvents.In, 5);
        Assert.Equal(1, epoll.Wait(events, 0));
        Assert.Equal(5ul, events[0].Token);

        Assert.True(loud.TryDrain());
        Assert.Equal(0, epoll.Wait(events, 0));
        epoll.Remove(loud.Descriptor);
        loud.Signal();
        Assert.Equal(0, epoll.Wait(events, 0));
    }

    [Fact]
    public void Epoll_Timeout_IsKept()
    {
        using var epoll = new Epoll();
        long start = Clock.MonotonicNs();
        Assert.Equal(0, epoll.Wait(new EpollEvent[1], 20));
        Assert.True(Clock.MonotonicNs() - start >= 19_000_000);
    }

    [Fact]
    public void TimerFd_OneShot_FiresOnce()
    {
        using TimerFd timer = TimerFd.OneShot(TimeSpan.FromMilliseconds(1));
        using var epoll = new Epoll();
        epoll.Add(timer.Descriptor, EpollEvents.In, 0);
        Assert.Equal(1, epoll.Wait(new EpollEvent[1], 10_000));
        Assert.True(timer.TryRead(out ulong firings));
        Assert.Equal(1ul, firings);
        Assert.False(timer.TryRead(out _));
    }

    [Fact]
    public void TimerFd_Periodic_FiresAgain()
    {
        using TimerFd timer = TimerFd.Periodic(TimeSpan.FromMilliseconds(1));
        using var epoll = new Epoll();
        epoll.Add(timer.Descriptor, EpollEvents.In, 0);
        ulong total = 0;
        while (total < 3)
        {
            Assert.Equal(1, epoll.Wait(new EpollEvent[1], 10_000));
            Assert.True(timer.TryRead(out ulong firings));
            total += firings;
        }
    }

    [Fact] // whoever sent it shares the open file, and may change its mode at any time
    public void EventFd_MadeToWait_DrainsWithoutWaiting()
    {
        using EventFd eventFd = EventFd.Create();
        eventFd.Descriptor.SetNonBlocking(false);
        Assert.False(eventFd.TryDrain());
        eventFd.Signal();
        Assert.True(eventFd.TryDrain());
        Assert.False(eventFd.TryDrain());
    }

    // The sender clears O_NONBLOCK and fills the count: a write would wait until somebody reads.
    [Fact]
    public async Task EventFd_FullAndMadeToWait_SignalReturns()
    {
        using EventFd own = EventFd.Create();
        using EventFd adopted = EventFd.Adopt(own.Descriptor.Duplicate());
        Assert.Equal(sizeof(ulong), own.Descriptor.Write(BitConverter.GetBytes(ulong.MaxValue - 1)));
        own.Descriptor.SetNonBlocking(false);

        var signal = Task.Run(adopted.Signal);
        try
        {
            Assert.Same(signal, await Task.WhenAny(signal, Task.Delay(TimeSpan.FromSeconds(30))));
        }
        finally
        {
            own.TryDrain(); // lets go whoever waits
        }
    }

    [Fact]
    public void EventFd_AdoptedSignalledManyTimes_EachCounts()
    {
        using EventFd own = EventFd.Create();
        using EventFd adopted = EventFd.Adopt(own.Descriptor.Duplicate());
        for (int i = 0; i < 1000; i++)
        {
            Assert.True(adopted.Signal());
        }

        byte[] count = new byte[sizeof(ulong)];
        Assert.Equal(count.Length, own.Descriptor.Read(count));
        Assert.Equal(1000UL, BitConverter.ToUInt64(count));
    }

    [Fact]
    public void EventFd_SignalsOfThreadsThatEnd_LeaveNoContext()
    {
        using EventFd own = EventFd.Create();
        using EventFd adopted = EventFd.Adopt(own.Descriptor.Duplicate());
        for (int i = 0; i < 100; i++)
        {
            var thread = new Thread(() => adopted.Signal());
            thread.Start();
            thread.Join();
        }

        Wait.Until(
            () =>
            {
                GC.Collect();
                GC.WaitForPendingFinalizers();
                return File.ReadLines("/proc/self/maps").Count(line => line.EndsWith("/[aio] (deleted)")) < 50;
            },
            "the contexts of threads that are over are destroyed");
    }

    [Fact]
    public void EventFd_AdoptOtherFile_Refused()
    {
        using FileDescriptor file = MemFile.Create("no-eventfd", 1, default);
        var error = Assert.Throws<ArgumentException>(() => EventFd.Adopt(file));
        Assert.Contains("no-eventfd", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task PidFd_ProcessEnds_IsNoticed()
    {
        using var process = System.Diagnostics.Process.Start("/bin/sleep", "1000");
        using PidFd pid = PidFd.Open(process.Id);
        Assert.False(pid.HasExited);
        Assert.True(pid.SendSignal(9));
        await process.WaitForExitAsync();
        Assert.True(pid.HasExited);
        Assert.False(pid.SendSignal(9));
        Assert.Equal(Errno.ESRCH, Assert.Throws<LinuxException>(() => PidFd.Open(process.Id)).Errno);
    }

    [Fact]
    public void PidFd_AdoptOwnDuplicate_WorksAndOtherFileIsRefused()
    {
        using PidFd self = PidFd.Open(Environment.ProcessId);
        using PidFd adopted = PidFd.Adopt(self.Descriptor.Duplicate());
        Assert.False(adopted.HasExited);
        using EventFd other = EventFd.Create();
        Assert.Throws<ArgumentException>(() => PidFd.Adopt(other.Descriptor));
    }

    [Fact]
    public void TakeInherited_OpenNumber_OwnsItAndClosedNumberIsNamed()
    {
        using FileDescriptor file = MemFile.Create("inherited", 1, default);
        int number = Libc.fcntl_number(file.Number, Libc.F_DUPFD_CLOEXEC, 200);
        using (FileDescriptor taken = FileDescriptor.TakeInherited(number))
        {
            Assert.True(taken.IsSameFile(file));
        }

        var error = Assert.Throws<LinuxException>(() => FileDescriptor.TakeInherited(number));
        Assert.Equal((Errno.EBADF, $"fcntl(F_SETFD, inherited descriptor {number})"), (error.Errno, error.Call));
        Assert.Throws<ArgumentOutOfRangeException>(() => FileDescriptor.TakeInherited(1));
    }

    [Fact]
    public void HotPath_SignalDrainAndWait_DoNotAllocate()
    {
        using var epoll = new Epoll();
        using EventFd signal = EventFd.Create();
        epoll.Add(signal.Descriptor, EpollEvents.In, 7);
        var events = new EpollEvent[8];
        long allocated = 0;

        // The first rounds compile; of the later ones, one without a byte proves it.
        for (int round = 0; round < 100 && (round < 10 || allocated > 0); round++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            signal.Signal();
            epoll.Wait(events, 1000);
            signal.TryDrain();
            allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        }

        Assert.Equal(0, allocated);
    }

    [Fact]
    public void CpuAffinity_PinToAllowedCpu_IsAllThatRemains()
    {
        int cpu = CpuAffinity.AllowedCpus()[^1];
        IReadOnlyList<int>? after = null;
        var thread = new Thread(() =>
        {
            CurrentThread.SetName("nf-pinned-and-longer");
            CpuAffinity.PinCurrentThread(cpu);
            after = CpuAffinity.AllowedCpus();
            Assert.Equal("nf-pinned-and-l\n", File.ReadAllText($"/proc/self/task/{CurrentThread.Tid}/comm"));
        });
        thread.Start();
        thread.Join();
        Assert.Equal([cpu], after);
        Assert.Equal(
            Errno.EINVAL, Assert.Throws<LinuxException>(() => CpuAffinity.PinCurrentThread(1023)).Errno);
    }
}
