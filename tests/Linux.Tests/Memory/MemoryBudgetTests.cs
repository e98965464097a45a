namespace Nf.Linux.Tests.Memory;

public sealed class MemoryBudgetTests
{
    [Theory]
    [InlineData("MemTotal:  100 kB\nMemAvailable:    22 kB\nBuffers: 1 kB\n", 22528L)]
    [InlineData("MemAvailable: many kB\n", null)]
    [InlineData("", null)]
    public void AvailableIn_Meminfo_IsBytesOrUnknown(string text, long? expected) =>
        Assert.Equal(expected, MemoryBudget.AvailableIn(text));

    [Theory]
    [InlineData("0::/kubepods/pod1\n", "/kubepods/pod1")]
    [InlineData("4:memory:/old\n0::/\n", "/")]
    [InlineData("4:memory:/old\n", null)]
    public void GroupOf_Cgroups_IsTheOneOfVersion2(string text, string? expected) =>
        Assert.Equal(expected, MemoryBudget.GroupOf(text));

    [Theory]
    [InlineData("1000\n", "400\n", 600L)]
    [InlineData("1000\n", "1400\n", 0L)]
    [InlineData("max\n", "400\n", long.MaxValue)]
    [InlineData("", "", long.MaxValue)]
    public void LeftIn_Group_IsItsLimitLessWhatItUses(string max, string current, long expected) =>
        Assert.Equal(expected, MemoryBudget.LeftIn(max, current));

    [Fact]
    public void Require_MoreThanTheMachineHas_IsRefusedBeforeAnythingIsTouched()
    {
        LinuxException refusal = Assert.Throws<LinuxException>(() => MemoryBudget.Require(1L << 50));
        Assert.Equal(Errno.ENOMEM, refusal.Errno);
        MemoryBudget.Require(4096);
    }
}
