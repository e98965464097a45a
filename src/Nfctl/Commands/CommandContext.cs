using System.CommandLine;
using Google.Protobuf;
using Grpc.Core;
using Nf.Ctl.Client;
using Nf.Ctl.Errors;
using Nf.Ctl.Rendering;

namespace Nf.Ctl.Commands;

/// <summary>What commands share: the global options, the terminal, and how failures end a run.</summary>
internal sealed class CommandContext(Terminal terminal)
{
    internal GlobalOptions Options { get; } = new();

    internal Terminal Terminal { get; } = terminal;

    /// <summary>Gives a command its action; a failed call becomes an error text and an exit code.</summary>
    internal void Handle(Command command, Func<Session, CancellationToken, Task<int>> body)
    {
        command.SetAction(async (parsed, cancel) =>
        {
            using var session = new Session(parsed, Options, Terminal);
            try
            {
                return await body(session, cancel);
            }
            catch (RpcException e)
            {
                return Report(session, e, cancel);
            }
            catch (OperationCanceledException) when (cancel.IsCancellationRequested)
            {
                return ExitCode.Interrupted;
            }
        });
    }

    /// <summary>Prints an answer: JSON for programs, tables for people.</summary>
    internal static int Print(Session session, IMessage answer, Func<IReadOnlyList<Grid>> tables)
    {
        if (session.Json)
        {
            Json.WriteDocument(session.Output, answer);
        }
        else if (session.Terminal.IsTerminal)
        {
            TerminalText.CreateConsole(session.Output, session.Terminal).Write(TerminalText.Draw(tables()));
        }
        else
        {
            PlainText.Write(session.Output, tables());
        }

        return ExitCode.Ok;
    }

    /// <summary>Says that something is done.</summary>
    internal static int PrintDone(Session session, IMessage answer, string text)
    {
        if (session.Json)
        {
            Json.WriteDocument(session.Output, answer);
        }
        else
        {
            session.Output.WriteLine(Cell.Printable(text));
        }

        return ExitCode.Ok;
    }

    private static int Report(Session session, RpcException failure, CancellationToken cancel)
    {
        if (cancel.IsCancellationRequested)
        {
            return ExitCode.Interrupted;
        }

        if (session.Channel.ConnectFault is { } fault)
        {
            ErrorText.WriteUnreachable(session.Error, session.Channel.SocketPath, fault, session.Terminal.ErrorColor);
            return ExitCode.Unavailable;
        }

        ErrorText.Write(session.Error, failure, session.Terminal.ErrorColor);
        return ExitCode.For(failure.StatusCode);
    }
}
