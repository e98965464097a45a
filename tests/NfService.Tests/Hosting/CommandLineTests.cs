namespace Nf.Service.Tests;

public sealed class CommandLineTests
{
    [Theory]
    [InlineData("--metrics", "ftp://127.0.0.1:1")]
    [InlineData("--metrics", "http://example.org:80")]
    [InlineData("--quota", "team")]
    [InlineData("--quota", "team=many")]
    [InlineData("--quota", "team=99999999999G")]
    [InlineData("--quota-default", "-1")]
    [InlineData("--no-such-option", "1")]
    public async Task Run_WrongOption_IsRefusedWithoutStarting(params string[] args)
    {
        int code = await CommandLine.RunAsync(args, _ => throw new InvalidOperationException("started"));

        Assert.Equal(2, code);
    }

    [Fact]
    public async Task Run_Options_ReachTheService()
    {
        ServiceOptions? options = null;

        await CommandLine.RunAsync(
            ["--run", "/tmp/x", "--metrics", "none", "--quota", "a=2K", "--quota", "b=7", "--quota-default", "1G"],
            given =>
            {
                options = given;
                return Task.FromResult(0);
            });

        Assert.Equal(("/tmp/x/nf.sock", null), (options!.GrpcSocket, options.Metrics));
        Assert.Equal((2048UL, 7UL, 1UL << 30), (options.Quotas["a"], options.Quotas["b"], options.QuotaDefault));
    }

    [Fact]
    public async Task Listen_WhereAnotherServiceListens_IsRefused()
    {
        await using RunningService service = await RunningService.StartAsync();

        var error = Assert.Throws<IOException>(() => UnixListener.Prepare(service.SocketPath));

        Assert.Contains("another nf-service", error.Message);
    }

    [Fact]
    public void Listen_WhereAStaleSocketIs_TakesItsPlace()
    {
        DirectoryInfo directory = Directory.CreateTempSubdirectory("nf-stale-");
        string path = Path.Combine(directory.FullName, "nf.sock");

        // As a killed process leaves it; the socket class of .NET would remove the file when it is closed.
        Linux.SeqPacketSocket.Listen(path).Dispose();
        Assert.True(File.Exists(path));

        UnixListener.Prepare(path);

        Assert.False(File.Exists(path));
        directory.Delete(recursive: true);
    }

    [Fact]
    public async Task Listen_Socket_IsForOwnerAndGroupOnly()
    {
        await using RunningService service = await RunningService.StartAsync();

        UnixFileMode others = UnixFileMode.OtherRead | UnixFileMode.OtherWrite | UnixFileMode.OtherExecute;

        Assert.Equal(UnixFileMode.None, File.GetUnixFileMode(service.SocketPath) & others);
    }
}
