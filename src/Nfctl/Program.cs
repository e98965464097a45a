using System.CommandLine;
using System.Runtime.InteropServices;
using Nf.Ctl.Commands;
using Nf.Ctl.Errors;
using Nf.Ctl.Rendering;

namespace Nf.Ctl;

/// <summary>The command line of NfService.</summary>
internal static class Program
{
    private static async Task<int> Main(string[] arguments)
    {
        using var cancel = new CancellationTokenSource();
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
        Terminal terminal = Terminal.Detect();
        TextWriter output = StandardOutput.Open(terminal);
        var configuration = new InvocationConfiguration
        {
            Output = output,
            Error = Console.Error,
            EnableDefaultExceptionHandler = false,
            ProcessTerminationTimeout = null,
        };
        try
        {
            int code = await CommandTree.RunAsync(
                CommandTree.Create(terminal), terminal, arguments, configuration, cancel.Token);
            output.Flush();
            return code;
        }
        catch (StandardOutput.ClosedException)
        {
            // The reader, such as `head`, has seen enough.
            return ExitCode.Ok;
        }
        catch (Exception e)
        {
            ErrorText.WriteError(Console.Error, $"internal error: {e.Message}", terminal.ErrorColor);
            ErrorText.WriteHint(
                Console.Error, "this is a defect of nfctl; NFCTL_DEBUG=1 shows the stack", terminal.ErrorColor);
            if (Environment.GetEnvironmentVariable("NFCTL_DEBUG") == "1")
            {
                await Console.Error.WriteLineAsync(e.ToString());
            }

            return ExitCode.Internal;
        }

        void Stop(PosixSignalContext signal)
        {
            // The command ends by itself, leaves the terminal clean and chooses the exit code.
            signal.Cancel = true;
            cancel.Cancel();
        }
    }
}
