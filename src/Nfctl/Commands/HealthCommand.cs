using System.CommandLine;
using Grpc.Health.V1;
using Nf.Ctl.Errors;

namespace Nf.Ctl.Commands;

/// <summary><c>nfctl health</c>: whether the service serves; the exit code says it too.</summary>
internal sealed class HealthCommand : Command
{
    private readonly Argument<string> _service = new("SERVICE")
    {
        Description = "A gRPC service, such as nf.v1.UmemService [default: the whole server]",
        Arity = ArgumentArity.ZeroOrOne,
    };

    internal HealthCommand(CommandContext context)
        : base("health", "Ask whether the service serves (exit code 5 when it does not)")
    {
        Arguments.Add(_service);
        context.Handle(this, async (session, cancel) =>
        {
            var request = new HealthCheckRequest { Service = session.Parsed.GetValue(_service) ?? "" };
            HealthCheckResponse answer = await session.Health.CheckAsync(request, session.Once(cancel));
            bool serving = answer.Status == HealthCheckResponse.Types.ServingStatus.Serving;
            CommandContext.PrintDone(session, answer, serving ? "serving" : "not serving");
            return serving ? ExitCode.Ok : ExitCode.Unavailable;
        });
    }
}
