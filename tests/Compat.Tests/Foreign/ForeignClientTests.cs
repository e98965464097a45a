using System.Diagnostics;
using Nf.Compat.Tests.Server;

namespace Nf.Compat.Tests.Foreign;

/// <summary>A client of another make and language: Debian's python3-grpcio with stubs of its own.</summary>
[Trait("Tier", "e2e")]
public sealed class ForeignClientTests(EchoServer server) : IClassFixture<EchoServer>
{
    // A virtual environment may come first on the path; Debian's interpreter is the one with Debian's grpcio.
    private const string Python = "/usr/bin/python3";

    private static readonly string[] Checks =
    [
        "unary", "client_stream", "server_stream", "duplex", "trailers", "status", "deadline", "cancellation", "gzip",
        "size_limit",
    ];

    [Fact]
    public async Task Grpcio_EveryKindOfCall_IsServed()
    {
        DirectoryInfo stubs = Directory.CreateTempSubdirectory("nf-stubs-");
        try
        {
            string protos = Path.Combine(AppContext.BaseDirectory, "Protos");
            await RunAsync(
                "protoc",
                $"--proto_path={protos}",
                $"--python_out={stubs.FullName}",
                $"--grpc_python_out={stubs.FullName}",
                "--plugin=protoc-gen-grpc_python=/usr/bin/grpc_python_plugin",
                Path.Combine(protos, "echo.proto"));

            string script = Path.Combine(AppContext.BaseDirectory, "Foreign", "echo_client.py");
            string output = await RunAsync(Python, "-B", script, stubs.FullName, server.SocketPath);

            Assert.Equal(Checks, output.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        }
        finally
        {
            stubs.Delete(recursive: true);
        }
    }

    private static async Task<string> RunAsync(string program, params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        using var patience = new CancellationTokenSource(EchoServer.Patience);
        Task<string> output = process.StandardOutput.ReadToEndAsync(patience.Token);
        Task<string> errors = process.StandardError.ReadToEndAsync(patience.Token);
        try
        {
            await process.WaitForExitAsync(patience.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw;
        }

        Assert.True(process.ExitCode == 0, $"{program} ended with {process.ExitCode}\n{await output}{await errors}");
        return await output;
    }
}
