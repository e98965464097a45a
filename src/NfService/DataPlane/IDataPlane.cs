using Nf.Internal.V1;

namespace Nf.Service;

/// <summary>The data plane as the rest of the service sees it.</summary>
internal interface IDataPlane
{
    /// <summary>What the connected data plane said of itself, or null when none is connected.</summary>
    DataPlaneHello? Hello { get; }

    /// <summary>
    /// Whether requests can be carried out now: connected, and what runs was compared with what is desired.
    /// </summary>
    bool IsReady { get; }

    /// <summary>Waits for <see cref="IsReady"/> where a data plane is connected.</summary>
    /// <exception cref="DataPlaneUnavailableException">None is.</exception>
    Task WaitReadyAsync(CancellationToken cancel);

    /// <summary>Carries out a command.</summary>
    /// <exception cref="DataPlaneFaultException">It failed.</exception>
    /// <exception cref="DataPlaneUnavailableException">There is no data plane, or it went away first.</exception>
    Task<Reply> CallAsync(Command command, CancellationToken cancel);
}
