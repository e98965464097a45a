namespace Nf.Service;

/// <summary>Every message of this process. Event ids are stable: 1xx service, 2xx data plane, 3xx requests.</summary>
internal static partial class Log
{
    [LoggerMessage(100, LogLevel.Information,
        "nf-service {Version} serves on {Socket}, metrics on {Metrics}, started in {Milliseconds} ms")]
    public static partial void Serving(
        ILogger logger, string version, string socket, string metrics, long milliseconds);

    [LoggerMessage(101, LogLevel.Information, "nf-service ends")]
    public static partial void Ending(ILogger logger);

    [LoggerMessage(200, LogLevel.Information,
        "Data plane connected: generation {Generation}, process {Pid}, version {Version}, adopted {Adopted}")]
    public static partial void DataPlaneConnected(
        ILogger logger, ulong generation, uint pid, string version, bool adopted);

    [LoggerMessage(201, LogLevel.Warning, "Data plane of generation {Generation} lost: {Reason}")]
    public static partial void DataPlaneLost(ILogger logger, ulong generation, string reason);

    [LoggerMessage(202, LogLevel.Warning, "No data plane at {Address}: {Reason}; trying on")]
    public static partial void DataPlaneUnreachable(ILogger logger, string address, string reason);

    [LoggerMessage(203, LogLevel.Information,
        "Synchronised with generation {Generation}: {Count} resources run, everything desired runs: {Complete}")]
    public static partial void Synchronised(ILogger logger, ulong generation, int count, bool complete);

    [LoggerMessage(204, LogLevel.Information, "Learned {Type} {Name}, which runs already")]
    public static partial void Learned(ILogger logger, string type, string name);

    [LoggerMessage(205, LogLevel.Warning,
        "Learned {Type} {Name} as it runs, which differs from what was desired: {Difference}")]
    public static partial void LearnedOther(ILogger logger, string type, string name, string difference);

    [LoggerMessage(206, LogLevel.Warning, "{Type} {Name} could not be created again: {Reason}")]
    public static partial void ReplayFailed(ILogger logger, string type, string name, string reason);

    [LoggerMessage(207, LogLevel.Warning,
        "The inventory holds a name of {Length} characters that breaks the rule; left alone")]
    public static partial void BadNameInInventory(ILogger logger, int length);

    [LoggerMessage(208, LogLevel.Debug, "The inventory could not be refreshed: {Reason}")]
    public static partial void RefreshFailed(ILogger logger, string reason);

    [LoggerMessage(209, LogLevel.Warning, "Generation {Generation} could not adopt everything: {Fault}")]
    public static partial void NotAdopted(ILogger logger, ulong generation, string fault);

    [LoggerMessage(300, LogLevel.Error, "{Method} failed in a way nobody foresaw")]
    public static partial void RequestFailed(ILogger logger, string method, Exception exception);

    [LoggerMessage(301, LogLevel.Information, "{Type} {Name} created")]
    public static partial void Created(ILogger logger, string type, string name);

    [LoggerMessage(302, LogLevel.Information, "{Type} {Name} deleted")]
    public static partial void Deleted(ILogger logger, string type, string name);

    [LoggerMessage(303, LogLevel.Warning, "Metric {Metric} has more than {Max} series; further ones are left out")]
    public static partial void TooManySeries(ILogger logger, string metric, int max);

    [LoggerMessage(304, LogLevel.Information, "{Type} {Name} changed: {What}")]
    public static partial void Changed(ILogger logger, string type, string name, string what);
}
