using Nf.Keeper;
using Nf.Linux;

return KeeperCommand.Create(Run).Parse(args).Invoke();

static int Run(KeeperOptions options)
{
    try
    {
        Directory.CreateDirectory(options.RunDirectory);
        using var supervisor = new Supervisor(options);
        return supervisor.Run();
    }
    catch (LinuxException e) when (e.Errno == Errno.EADDRINUSE)
    {
        Log.Write($"{options.SocketPath} is taken: another keeper serves {options.RunDirectory}");
        return 1;
    }
    catch (Exception e) when (e is LinuxException or IOException or UnauthorizedAccessException or ArgumentException)
    {
        Log.Write(e.Message);
        return 1;
    }
}
