using System.CommandLine;
using Nf.Ctl.Completion;
using Nf.Ctl.Errors;

namespace Nf.Ctl.Commands;

/// <summary><c>nfctl completion SHELL</c>: prints the script that a shell loads.</summary>
internal sealed class CompletionCommand : Command
{
    internal CompletionCommand()
        : base("completion", "Print the completion script of a shell")
    {
        Add("bash", "source <(nfctl completion bash)", CompletionScripts.Bash);
        Add("zsh", "source <(nfctl completion zsh)", CompletionScripts.Zsh);
        Add("fish", "nfctl completion fish | source", CompletionScripts.Fish);
    }

    private void Add(string shell, string use, string script)
    {
        var command = new Command(shell, $"Load it with: {use}");
        command.SetAction(parsed =>
        {
            parsed.InvocationConfiguration.Output.WriteLine(script);
            return ExitCode.Ok;
        });
        Subcommands.Add(command);
    }
}
