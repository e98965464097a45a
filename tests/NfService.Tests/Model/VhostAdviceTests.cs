using Nf.V1;

namespace Nf.Service.Tests;

public sealed class VhostAdviceTests
{
    private static readonly VhostDeviceSpec Spec = new() { SocketPath = "/run/v.sock" };

    public static TheoryData<string, Action<VhostDeviceStatus>, string> Wrong { get; } = new()
    {
        { "nobody yet", s => s.State = VhostState.Listening, "-chardev socket,id=c,path=/run/v.sock,reconnect=1" },
        { "nobody listens", s => s.State = VhostState.Connecting, "server=on,wait=off" },
        { "lost memory", s => s.Regions[0].Lost = true, "memory at guest address 0x100000 was taken away" },
        { "a full ring", s => s.Rings[1].Pending = 256, "ring 1 (from the guest) is full" },
        { "a disabled pair", s => s.Rings[2].Enabled = false, "`ethtool -L IF combined 2`" },
        {
            "a pair that never started",
            s => (s.Rings[2].Started, s.Rings[3].Started) = (false, false),
            "queue pair 1 is not in use"
        },
        { "a small log", s => s.DirtyLog = new VhostDirtyLog { PagesOutside = 7 }, "7 written pages lie beyond" },
        { "a migration", s => s.DirtyLog = new VhostDirtyLog { Active = true }, "a migration is under way" },
    };

    [Theory]
    [MemberData(nameof(Wrong))]
    public void Of_OneThingWrong_SaysThatAlone(string why, Action<VhostDeviceStatus> change, string says)
    {
        VhostDeviceStatus status = Healthy();
        change(status);

        string[] sentences = [.. VhostAdvice.Of(Spec, status)];

        Assert.True(sentences.Length == 1, $"{why}: {string.Join(" | ", sentences)}");
        Assert.True(sentences[0].Contains(says, StringComparison.Ordinal), $"{why}: {sentences[0]}");
    }

    [Fact]
    public void Of_AGuestThatIsWell_SaysNothing() => Assert.Empty(VhostAdvice.Of(Spec, Healthy()));

    [Fact]
    public void Of_ARingThatIsBroken_LeavesThatToTheDataPlane()
    {
        VhostDeviceStatus status = Healthy();
        (status.State, status.Rings[3].Pending, status.Rings[3].Fault) = (VhostState.Broken, 256, "head 999 of 256");

        Assert.Empty(VhostAdvice.Of(Spec, status));
    }

    [Fact]
    public void Complete_Status_FollowsTheDataPlaneAndLeavesTheOneGivenAsItIs()
    {
        VhostDeviceStatus status = Healthy();
        status.State = VhostState.Listening;
        status.Diagnosis.Add("told by the data plane");

        VhostDeviceStatus told = VhostAdvice.Complete(Spec, status)!;

        Assert.Equal((1, 2), (status.Diagnosis.Count, told.Diagnosis.Count));
        Assert.Equal("told by the data plane", told.Diagnosis[0]);
    }

    private static VhostDeviceStatus Healthy()
    {
        var status = new VhostDeviceStatus
        {
            State = VhostState.Started,
            Regions = { new VhostMemoryRegion { GuestAddress = 0x100000, SizeBytes = 4096 } },
        };
        for (uint i = 0; i < 4; i++)
        {
            status.Rings.Add(new VhostRing
            {
                Index = i,
                FromGuest = i % 2 == 1,
                Layout = VhostRingLayout.Split,
                Size = 256,
                Started = true,
                Enabled = true,
                Pending = i % 2 == 1 ? 0u : 256u,
            });
        }

        return status;
    }
}
