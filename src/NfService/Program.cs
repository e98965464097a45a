using System.Diagnostics;
using Nf.Service;

return await CommandLine.RunAsync(args, static async options =>
{
    WebApplication app;
    try
    {
        app = ServiceHost.Build(options);
        await app.StartAsync();
    }
    catch (Exception e) when (e is IOException or UnauthorizedAccessException)
    {
        await Console.Error.WriteLineAsync($"nf-service: {e.Message}");
        return 1;
    }

    await using (app)
    {
        var age = DateTime.Now - Process.GetCurrentProcess().StartTime;
        Log.Serving(
            app.Logger, NodeDescription.Version, options.GrpcSocket, options.Metrics?.ToString() ?? "nowhere",
            (long)age.TotalMilliseconds);
        await app.WaitForShutdownAsync();
        Log.Ending(app.Logger);
        return 0;
    }
});
